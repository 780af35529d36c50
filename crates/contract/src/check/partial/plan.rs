//! From inputs to ranges that can be mapped anywhere: split, scan, plan.

use std::collections::HashMap;

use tamis_engine::control::Cancel;
use tamis_engine::framing::State;
use tamis_engine::pipeline::scan_range;
use tamis_engine::source::{Opened, RandomAccess, Source};
use tamis_formats::input::Records;
use xxhash_rust::xxh3::xxh3_128;

use super::range::{FormatFacts, InputFacts, InputRange, PlannedRange, Scan};
use super::{PartialError, Streams};
use crate::check::run::open;
use crate::check::{Check, CheckError, CheckOptions};

/// The most ranges of one input: each takes some hundred bytes here, and a task of whoever maps them.
const RANGES_MAX: u64 = 1 << 20;

/// Splits inputs into ranges of about `chunk_bytes`.
pub(super) fn split(
    check: &Check,
    sources: &[&dyn Source],
    chunk_bytes: u64,
    streams: Streams,
    options: &CheckOptions,
) -> Result<Vec<InputRange>, CheckError> {
    let chunk_bytes = chunk_bytes.max(1);
    let mut ranges = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        options.cancel.check()?;
        let records = open(check, *source, None, options)?;
        let facts = InputFacts {
            name: source.name().to_owned(),
            index: index as u32,
            ranges: 1,
            is_stream: false,
            len_bytes: None,
            modified_ns: None,
            compression: None,
            format: FormatFacts::of(&records),
            head: records.totals.into(),
            notes: records.notes.clone(),
        };
        split_input(
            check,
            *source,
            records,
            facts,
            chunk_bytes,
            streams,
            &mut ranges,
        )?;
    }
    Ok(ranges)
}

fn split_input(
    check: &Check,
    source: &dyn Source,
    records: Records,
    mut facts: InputFacts,
    chunk_bytes: u64,
    streams: Streams,
    ranges: &mut Vec<InputRange>,
) -> Result<(), CheckError> {
    let (start, end) = match &records.opened {
        Opened::Random(access) => {
            facts.len_bytes = Some(access.len_bytes());
            facts.modified_ns = access.modified_ns();
            (records.start, access.len_bytes().max(records.start))
        }
        Opened::Stream(stream) => {
            let is_empty = stream.raw_len_bytes() == Some(0);
            if streams == Streams::Refuse && !is_empty {
                return Err(not_random(source.name(), stream.backend()).into());
            }
            if !source.is_repeatable() {
                return Err(tamis_engine::Error::Unsupported {
                    input: source.name().to_owned(),
                    reason: "it can be read only once, so nobody else could read it again; \
                             store it in a file"
                        .to_owned(),
                }
                .into());
            }
            facts.is_stream = true;
            facts.len_bytes = stream.raw_len_bytes();
            facts.compression = compression(stream.backend());
            (0, 0)
        }
    };
    // An input without records has a range as well: somebody must say that it was there.
    let count = (end - start).div_ceil(chunk_bytes).max(1);
    if count > RANGES_MAX {
        return Err(tamis_engine::Error::Unsupported {
            input: source.name().to_owned(),
            reason: format!("{count} ranges are too many; choose longer ones"),
        }
        .into());
    }
    facts.ranges = count as u32;
    let contract = check.rules_id();
    ranges.extend((0..facts.ranges).map(|ordinal| {
        let from = start + u64::from(ordinal) * chunk_bytes;
        InputRange {
            contract: contract.clone(),
            input: facts.clone(),
            ordinal,
            start: from,
            end: from.saturating_add(chunk_bytes).min(end),
        }
    }));
    Ok(())
}

/// The compression that a stream's back end names, if it is one.
fn compression(backend: &str) -> Option<String> {
    matches!(backend, "gzip" | "zstd" | "lz4").then(|| backend.to_owned())
}

fn not_random(input: &str, backend: &str) -> tamis_engine::Error {
    let what = match backend {
        "gzip" | "zstd" | "lz4" => format!("is compressed with {backend}"),
        _ => "is a stream, a JSON array, or transcoded to UTF-8".to_owned(),
    };
    tamis_engine::Error::Unsupported {
        input: input.to_owned(),
        reason: format!("it {what} and cannot be read from the middle; check it as one piece"),
    }
}

/// Opens the input of a range, which must be what it was when it was split.
pub(super) fn open_range(
    source: &dyn Source,
    facts: &InputFacts,
) -> Result<Box<dyn RandomAccess>, CheckError> {
    let changed = |detail: String| tamis_engine::Error::Changed {
        input: source.name().to_owned(),
        byte_offset: 0,
        detail: format!("{detail}; plan it again"),
    };
    match source.open()? {
        Opened::Random(access) => {
            if facts.len_bytes != Some(access.len_bytes()) {
                let len_bytes = facts.len_bytes.unwrap_or(0);
                return Err(changed(format!(
                    "its size was {len_bytes} bytes when it was split, is now {}",
                    access.len_bytes()
                ))
                .into());
            }
            if facts.modified_ns != access.modified_ns() {
                return Err(changed("it was written to since it was split".to_owned()).into());
            }
            Ok(access)
        }
        Opened::Stream(_) => Err(changed(
            "it could be read from the middle when it was split, and cannot be now".to_owned(),
        )
        .into()),
    }
}

/// What a range does to the framing, whatever comes before it.
pub(super) fn scan(
    check: &Check,
    source: &dyn Source,
    range: &InputRange,
    options: &CheckOptions,
) -> Result<Scan, CheckError> {
    check.must_be_mine("range", &range.contract)?;
    let transition = if range.input.is_stream {
        tamis_engine::framing::Transition::IDENTITY
    } else {
        let access = open_range(source, &range.input)?;
        let framing = range.input.format.shape()?.framing();
        scan_range(
            access.as_ref(),
            framing,
            range.byte_range(),
            options.kernel,
            &options.cancel,
        )?
    };
    Ok(Scan::new(range, transition))
}

/// Gives every range the state it begins in.
pub(super) fn plan(
    check: &Check,
    ranges: &[InputRange],
    scans: &[Scan],
    cancel: &Cancel,
) -> Result<Vec<PlannedRange>, CheckError> {
    if ranges.is_empty() {
        return Err(PartialError::Nothing { what: "ranges" }.into());
    }
    let mut by_place = HashMap::with_capacity(scans.len());
    for scan in scans {
        if by_place.insert((scan.input, scan.ordinal), scan).is_some() {
            return Err(PartialError::Doubled {
                input: scan.input.to_string(),
                ordinal: scan.ordinal,
            }
            .into());
        }
    }
    let mut ranges: Vec<&InputRange> = ranges.iter().collect();
    ranges.sort_by_key(|range| (range.input.index, range.ordinal));
    let plan = identify(&ranges);
    let inputs = ranges.last().map_or(0, |range| range.input.index + 1);
    let mut planned: Vec<PlannedRange> = Vec::with_capacity(ranges.len());
    let mut state = State::RecordStart;
    let mut expected = (0, 0);
    for range in ranges {
        cancel.check()?;
        check.must_be_mine("range", &range.contract)?;
        let place = (range.input.index, range.ordinal);
        if place != expected {
            return Err(out_of_place(place, expected, range).into());
        }
        if range.ordinal == 0 {
            state = State::RecordStart;
        }
        planned.push(PlannedRange {
            plan: plan.clone(),
            inputs,
            range: range.clone(),
            start_state: state as u8,
        });
        let is_last = range.ordinal + 1 >= range.input.ranges;
        // Nobody asks how the last range of an input ends, so nobody need have scanned it.
        if !is_last {
            let scan = by_place.get(&place).ok_or_else(|| {
                let input = format!("`{}`", range.input.name);
                PartialError::missing(input, range.ordinal..range.ordinal + 1)
            })?;
            state = scan.end(state)?;
        }
        expected = if is_last {
            (place.0 + 1, 0)
        } else {
            (place.0, place.1 + 1)
        };
    }
    if expected.1 != 0 {
        let last = &planned[planned.len() - 1].range;
        let input = format!("`{}`", last.input.name);
        return Err(PartialError::missing(input, expected.1..last.input.ranges).into());
    }
    Ok(planned)
}

/// A range stands where another was expected: one is missing before it, or it came before.
fn out_of_place(place: (u32, u32), expected: (u32, u32), range: &InputRange) -> PartialError {
    let input = |index: u32| match index == range.input.index {
        true => format!("`{}`", range.input.name),
        false => index.to_string(),
    };
    if place < expected {
        PartialError::Doubled {
            input: input(place.0),
            ordinal: place.1,
        }
    } else {
        let until = if place.0 == expected.0 {
            place.1
        } else {
            expected.1 + 1
        };
        PartialError::missing(input(expected.0), expected.1..until)
    }
}

/// A name for these ranges of these inputs under this contract: the same whenever they are.
fn identify(ranges: &[&InputRange]) -> String {
    let mut text = Vec::new();
    for range in ranges {
        text.extend(serde_json::to_vec(range).expect("plain values are always JSON"));
    }
    format!("{:032x}", xxh3_128(&text))
}
