//! One input after the other: opened, recognised, cut to the time asked for, counted.

use std::ops::Range as Bytes;
use std::sync::Arc;

use tamis_engine::framing::Framing;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{Opened, Peeked, RandomAccess, peek};

use super::chunk::Worker;
use super::format::{By, Detected, Format, HEAD_BYTES, Parser, detect, judge};
use super::merge::Merged;
use super::report::Report;
use super::seek::{self, Found};
use super::shared::SharedFile;
use super::state::{Frame, InputState, State};
use super::time::{Clock, Zone};
use super::{FormatChoice, Input, LogOptions, Ran};
use crate::{Error, Result};

/// Reads `inputs` and reports on all of them together.
///
/// # Errors
/// [`Error::LogFormat`] for an input that was named and is no log, [`Error::LogField`] for a field that its format does not
/// have; what reading answers.
pub fn logs(inputs: &[Input<'_>], options: &LogOptions) -> Result<(Report, Ran)> {
    let mut run = Run::new(options);
    for input in inputs {
        let peeked = peek(input.source.open()?, HEAD_BYTES)?;
        run.read(input, peeked)?;
    }
    Ok((run.state.report(options), run.ran))
}

/// A run in progress.
pub(super) struct Run<'o> {
    options: &'o LogOptions,
    pub(super) state: State,
    pub(super) ran: Ran,
}

/// What is known of an input before it is read.
pub(super) struct Known {
    pub(super) clock: Clock,
    pub(super) detected: Detected,
    pub(super) frame: Frame,
}

impl<'o> Run<'o> {
    pub(super) fn new(options: &'o LogOptions) -> Run<'o> {
        Run {
            options,
            state: State::new(options),
            ran: Ran::default(),
        }
    }

    /// Reads an input whose head has been looked at.
    fn read(&mut self, input: &Input<'_>, peeked: Peeked) -> Result<()> {
        let (name, shown) = (input.source.name(), input.shown());
        let modified_us = match &peeked.input {
            Opened::Random(access) => access.modified_ns().map(|ns| ns / 1000),
            Opened::Stream(_) => None,
        };
        let known = match self.recognise(&shown, &peeked.head, peeked.is_all, modified_us) {
            Err(Error::LogFormat { .. }) if !input.is_named => {
                let note = format!("`{shown}` was found in a folder and left out: it is no log");
                self.state.notes.push(note);
                return Ok(());
            }
            known => known?,
        };
        let Some(known) = known else {
            // Nothing but blank lines: no records, and that is all there is to say.
            if peeked.is_all {
                let state = InputState {
                    name: name.to_owned(),
                    shown: shown.into_owned(),
                    format: "empty".to_owned(),
                    len_bytes: Some(peeked.head.len() as u64),
                    ..InputState::default()
                };
                self.state.inputs.push(state);
                return Ok(());
            }
            return Err(no_format(&shown, 0, None));
        };
        self.begin(name, &shown, &known);
        match peeked.input {
            Opened::Random(access) => {
                let file = SharedFile(Arc::from(access));
                self.options.progress.add_raw_bytes_total(file.len_bytes());
                self.current().len_bytes = Some(file.len_bytes());
                self.read_file(&file, &known)
            }
            Opened::Stream(stream) => {
                let len_bytes = stream.raw_len_bytes().unwrap_or(0);
                self.options.progress.add_raw_bytes_total(len_bytes);
                self.read_whole(Opened::Stream(stream), &known)
            }
        }
    }

    /// The format of an input by its head; `None` if there is no line in it.
    pub(super) fn recognise(
        &mut self,
        shown: &str,
        head: &[u8],
        is_all: bool,
        modified_us: Option<i64>,
    ) -> Result<Option<Known>> {
        if head.trim_ascii().is_empty() {
            return Ok(None);
        }
        let options = self.options;
        let zone = options.zone.clone().unwrap_or_else(Zone::system);
        let clock = Clock::new(zone, modified_us.unwrap_or(options.now_us));
        let in_format = |format: &Format| judge(head, is_all, format, &clock, false);
        let detected = match &options.format {
            FormatChoice::Format(format) => in_format(format),
            FormatChoice::Syslog => {
                let [old, new] = [&Format::Rfc3164, &Format::Rfc5424].map(in_format);
                if new.read > old.read { new } else { old }
            }
            FormatChoice::Detect => detect(head, is_all, &clock)
                .map_err(|(lines, best)| no_format(shown, lines, best))?,
        };
        if !options.by.is_in(&detected.format) {
            return Err(unknown_field(&options.by, &detected));
        }
        let frame = self.state.settle(detected.first, options);
        Ok(Some(Known {
            clock,
            detected,
            frame,
        }))
    }

    /// Another input: what is counted from here on is its.
    pub(super) fn begin(&mut self, name: &str, shown: &str, known: &Known) {
        self.state.inputs.push(InputState {
            name: name.to_owned(),
            shown: shown.to_owned(),
            format: known.detected.name.clone(),
            ..InputState::default()
        });
    }

    fn current(&mut self) -> &mut InputState {
        self.state.inputs.last_mut().expect("an input has begun")
    }

    /// Reads of a file what can be in the range of time.
    fn read_file(&mut self, file: &SharedFile, known: &Known) -> Result<()> {
        let len = file.len_bytes();
        if known.frame.range.is_all() || !self.options.seeks {
            return self.read_whole(Opened::Random(Box::new(file.clone())), known);
        }
        let mut parser = self.parser(known);
        let sought = seek::seek(file, &mut parser, known.frame.range)?;
        let current = self.current();
        (current.probes, current.probed_bytes) = (sought.probes, sought.probed_bytes);
        current.seen = sought.seen;
        let shown = current.shown.clone();
        let found = match sought.found {
            Found::Bytes(bytes) => bytes,
            Found::Unsorted => {
                self.note_whole(&shown, "its times are not in order");
                0..len
            }
            Found::Timeless => {
                self.note_whole(&shown, "it has no times for long stretches");
                0..len
            }
        };
        let middle = self.read_stretch(file, found.clone(), known)?;
        let mut stretches = vec![(found.start, middle)];
        let is_sorted = stretches[0].1.order.back_us <= seek::MARGIN_US;
        if !is_sorted && found != (0..len) {
            // What the search relied on is not so: the rest may hold events of the range, too.
            self.note_whole(&shown, "its times are not in order");
            for rest in [0..found.start, found.end..len] {
                let merged = self.read_stretch(file, rest.clone(), known)?;
                stretches.push((rest.start, merged));
            }
        } else {
            // Nobody knows what is in there: the report says how much that is.
            let skipped = len - (found.end - found.start);
            self.options.progress.add_raw_bytes(skipped);
            self.current().skipped_bytes = skipped;
        }
        stretches.sort_by_key(|(start, _)| *start);
        let current = self.current();
        current.has_lines = stretches[0].0 == 0;
        for (_, merged) in stretches {
            current.merged.append(merged);
        }
        Ok(())
    }

    fn note_whole(&mut self, shown: &str, reason: &str) {
        let note = format!("`{shown}` was read from start to end: {reason}");
        self.state.notes.push(note);
    }

    /// Reads all of an input.
    fn read_whole(&mut self, opened: Opened, known: &Known) -> Result<()> {
        let options = self.pipeline_options(None);
        let merged = self.count(opened, &options, known, |_, _| Ok(Flow::Continue))?;
        self.finish(merged);
        Ok(())
    }

    /// The current input was read from its start, and this came of it.
    pub(super) fn finish(&mut self, merged: Merged) {
        let current = self.current();
        current.merged = merged;
        current.has_lines = true;
    }

    /// Reads the records that begin in a stretch of a file.
    fn read_stretch(
        &mut self,
        file: &SharedFile,
        bytes: Bytes<u64>,
        known: &Known,
    ) -> Result<Merged> {
        if bytes.is_empty() {
            return Ok(Merged::default());
        }
        let options = self.pipeline_options(Some(bytes));
        let opened = Opened::Random(Box::new(file.clone()));
        self.count(opened, &options, known, |_, _| Ok(Flow::Continue))
    }

    pub(super) fn pipeline_options(&self, bytes: Option<Bytes<u64>>) -> Options {
        let options = self.options;
        Options {
            threads: options.threads,
            chunk_bytes: options.chunk_bytes,
            record_bytes_max: options.line_bytes_max,
            kernel: options.kernel,
            cancel: options.cancel.clone(),
            progress: options.progress.clone(),
            start: bytes.as_ref().map_or(0, |bytes| bytes.start),
            end: bytes.map(|bytes| bytes.end),
            ..Options::default()
        }
    }

    fn parser(&self, known: &Known) -> Parser {
        let (format, clock) = (&known.detected.format, known.clock.clone());
        Parser::new(format, clock, &self.options.by, self.options.latency_unit)
    }

    /// Runs the pipeline over what was opened; `after` hears of every part, with what all of them come to.
    pub(super) fn count(
        &mut self,
        opened: Opened,
        options: &Options,
        known: &Known,
        mut after: impl FnMut(&State, &Merged) -> tamis_engine::Result<Flow>,
    ) -> Result<Merged> {
        let parser = self.parser(known);
        let state = &self.state;
        let input = state.inputs.len() as u64;
        let Frame {
            offset_seconds,
            range,
        } = known.frame;
        state.release_tallies();
        let at_borders = state.take_tally(offset_seconds);
        let mut merged = Merged::default();
        let outcome = pipeline::run(
            opened,
            Framing::Lines,
            options,
            || Worker {
                parser: parser.clone(),
                tally: state.take_tally(offset_seconds),
                tables: &state.tables,
                range,
                input,
            },
            |worker, chunk| Ok(worker.map(chunk)),
            |part| {
                self.options.progress.add_records(part.events);
                merged.add(part, &at_borders, &state.tables);
                after(state, &merged)
            },
        )?;
        let read_bytes = outcome.bytes - options.start;
        self.ran.bytes += read_bytes;
        self.ran.lines += merged.lines;
        self.ran.backend = outcome.backend;
        self.ran.stages += outcome.stages;
        self.current().read_bytes += read_bytes;
        Ok(merged)
    }
}

pub(super) fn no_format(shown: &str, lines: usize, best: Option<(Format, usize)>) -> Error {
    Error::LogFormat {
        input: shown.to_owned(),
        lines,
        best: best.map(|(format, read)| (format.to_string(), read)),
    }
}

fn unknown_field(by: &By, detected: &Detected) -> Error {
    let fields = detected.format.fields().unwrap_or_default();
    Error::LogField {
        field: by.name().unwrap_or_default().to_owned(),
        format: detected.name.clone(),
        fields: fields.into_iter().map(str::to_owned).collect(),
    }
}
