//! Lines on their way into a topic.
//!
//! Lines are read, made records by [`Layout`], and handed to the client, which waits where too many are on their way. What became of each
//! comes back by its number; what is lost is told with its line ([`Losses`]). At the end, and at Ctrl-C, what is on its way is waited for.

use std::time::Instant;

use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::source::{MAX_EXPANSION_DEFAULT, Source, StdinSource};

use super::super::shown;
use super::Options;
use super::layout::Layout;
use super::lines::{Lines, Next};
use super::losses::Losses;
use crate::args::OutputFormat;
use crate::inputs::{self, InputOptions};
use crate::kafka::producer::{Lost, Producer};
use crate::{Context, Exit, Result};

/// Records between two looks at what was lost.
const LOOK_INTERVAL: usize = 1000;

/// A run.
pub(super) struct Sending<'o> {
    options: &'o Options,
    context: &'o Context<'o>,
    layout: Layout,
    producer: Producer,
    losses: Losses,
    pub(super) progress: Progress,
    /// The number of the next record, over all inputs.
    number: usize,
    sent_bytes: u64,
}

impl<'o> Sending<'o> {
    pub(super) fn new(
        options: &'o Options,
        context: &'o Context<'o>,
        producer: Producer,
    ) -> Sending<'o> {
        Sending {
            options,
            context,
            layout: options.layout(),
            producer,
            losses: Losses::new(context.printer),
            progress: Progress::new(),
            number: 0,
            sent_bytes: 0,
        }
    }

    /// Waits until all that was sent is delivered or lost.
    pub(super) fn flush(&self) -> Result<()> {
        Ok(self.producer.flush()?)
    }

    /// What the losses come to.
    pub(super) fn exit(&self) -> Exit {
        self.losses.exit()
    }

    pub(super) fn send_all(&mut self) -> Result<()> {
        let Context {
            globals, cancel, ..
        } = self.context;
        let read = inputs::read_options(globals, MAX_EXPANSION_DEFAULT, cancel);
        for name in &self.options.inputs {
            let source: Box<dyn Source> = match name.as_os_str() == "-" {
                true => Box::new(StdinSource::new(read.clone())),
                false => inputs::named_source(name, read.clone(), globals, cancel)?,
            };
            let longest = InputOptions::bytes(self.options.max_record);
            let threads = globals.thread_count().get();
            let mut lines = Lines::open(source.as_ref(), threads, longest)?;
            self.losses.begin(self.number, &name.to_string_lossy());
            self.send(&mut lines)?;
            if self.losses.are_hopeless() {
                break;
            }
        }
        Ok(())
    }

    /// Sends all lines of an input, or as many as there is hope for.
    fn send(&mut self, lines: &mut Lines) -> Result<()> {
        let (_, total) = lines.raw_bytes();
        self.progress.add_raw_bytes_total(total.unwrap_or(0));
        let mut raw_bytes = 0;
        loop {
            if self.number.is_multiple_of(LOOK_INTERVAL) {
                self.context.cancel.check()?;
                self.hear();
                let (now, _) = lines.raw_bytes();
                self.progress.add_raw_bytes(now - raw_bytes);
                raw_bytes = now;
                if self.losses.are_hopeless() {
                    return Ok(());
                }
            }
            let lost = match lines.next()? {
                Next::End => return Ok(()),
                Next::Idle => {
                    self.producer.poll();
                    self.hear();
                    if self.losses.are_hopeless() {
                        return Ok(());
                    }
                    continue;
                }
                Next::TooLong => {
                    let longest = human::bytes(self.options.max_record.0);
                    Some(of_record(
                        self.number,
                        format!("longer than {longest} (`--max-record`)"),
                    ))
                }
                Next::Line(line) => match self.layout.parse(line) {
                    Err(why) => Some(of_record(self.number, why)),
                    Ok(record) => {
                        let lost = self.producer.send(self.number, record.outgoing())?;
                        let len_bytes = record.len_bytes() as u64;
                        self.progress.add_plain_bytes(len_bytes);
                        self.progress.add_records(1);
                        self.sent_bytes += if lost.is_none() { len_bytes } else { 0 };
                        lost
                    }
                },
            };
            self.number += 1;
            if let Some(lost) = lost {
                self.losses.add(lost);
            }
        }
    }

    /// Takes note of what is lost.
    fn hear(&mut self) {
        for lost in self.producer.take_lost() {
            self.losses.add(lost);
        }
    }

    /// Says what came of it, whatever ended it.
    pub(super) fn tell(&mut self, start: Instant) -> Result<()> {
        self.hear();
        self.losses.tell();
        let printer = &self.context.printer;
        let (delivered, lost) = (self.producer.delivered(), self.losses.count);
        if self.losses.are_hopeless() {
            let why = self.producer.complaint();
            let why = why.map_or_else(String::new, |why| format!(": {}", shown::shown(&why)));
            let read = human::count(self.number as u64);
            printer.failure(&format!("gave up after {read} lines{why}"));
        }
        if self.options.output.format() == OutputFormat::Json {
            return shown::document(
                printer,
                shown::object([
                    ("topic", self.options.topic.as_str().into()),
                    ("records_read", self.number.into()),
                    ("records_delivered", delivered.into()),
                    ("records_lost", lost.into()),
                    ("bytes", self.sent_bytes.into()),
                    ("seconds", start.elapsed().as_secs_f64().into()),
                ]),
            );
        }
        let elapsed = start.elapsed();
        let mut told = format!(
            "{} delivered to `{}` in {} ({} records/s, {})",
            shown::counted(delivered, "record"),
            shown::shown(&self.options.topic),
            human::duration(elapsed),
            human::rate(delivered, elapsed),
            human::byte_rate(self.sent_bytes, elapsed),
        );
        if lost > 0 {
            told.push_str(&format!("; {} not", human::count(lost)));
        }
        printer.say(&told);
        Ok(())
    }
}

fn of_record(number: usize, reason: String) -> Lost {
    Lost {
        number,
        reason,
        is_of_record: true,
    }
}
