//! The table of all settings: what each is called, what may be said, and where it goes.
//!
//! Files and environment variables both come here, so a value is judged in one way and in the same words
//! wherever it was found.

use std::fmt;
use std::ops::RangeInclusive;

use tamis_engine::suggest;

use super::performance::{Compression, Performance};
use crate::args::{self, ByteSize};

/// More than any machine has, and few enough that sums of sizes stay far from overflowing.
const SIZE_MAX: u64 = 16_000_000_000_000;

/// Every setting of `[performance]`.
pub(super) static PERFORMANCE: [Setting; 10] = [
    Setting {
        key: "max_worker_threads",
        kind: Kind::Count(0..=args::THREADS_MAX, |to| &mut to.max_worker_threads),
    },
    Setting {
        key: "batch_size",
        kind: Kind::Count(1..=1_000_000, |to| &mut to.batch_size),
    },
    Setting {
        key: "buffer_size",
        // No system reads more at once (2 GiB on Linux), so what is larger was meant otherwise.
        kind: Kind::Size(4_000..=1_000_000_000, |to| &mut to.buffer_size),
    },
    Setting {
        key: "max_memory_usage",
        kind: Kind::Size(1_000_000..=SIZE_MAX, |to| &mut to.max_memory_usage),
    },
    Setting {
        key: "chunk_cache_size",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.chunk_cache_size),
    },
    Setting {
        key: "file_cache_size",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.file_cache_size),
    },
    Setting {
        key: "memory_map_threshold",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.memory_map_threshold),
    },
    Setting {
        key: "compression_threshold",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.compression_threshold),
    },
    Setting {
        key: "streaming_threshold",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.streaming_threshold),
    },
    Setting {
        key: "compression",
        kind: Kind::Compression,
    },
];

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// What it is called in a file.
    pub(super) key: &'static str,
    kind: Kind,
}

/// What may be said, and where it goes.
#[derive(Debug)]
enum Kind {
    /// A whole number in this range.
    Count(RangeInclusive<usize>, fn(&mut Performance) -> &mut usize),
    /// So many bytes.
    Size(RangeInclusive<u64>, fn(&mut Performance) -> &mut ByteSize),
    /// A way to compress.
    Compression,
}

/// A value as it was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Number(i128),
    /// What no setting is, in words: `a table`.
    Other(&'static str),
}

/// Why a value cannot be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What was expected and what was found, to stand after the name: `must be ..., not ...`.
    pub(super) message: String,
    /// The way out, if one is known.
    pub(super) help: Option<String>,
}

impl Setting {
    /// The setting of that name.
    pub(super) fn of_key(key: &str) -> Option<&'static Self> {
        PERFORMANCE.iter().find(|setting| setting.key == key)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("TAMIS_{}", self.key.to_ascii_uppercase())
    }

    /// Puts a value from a file in its place.
    pub(super) fn set(
        &self,
        performance: &mut Performance,
        given: Given<'_>,
    ) -> std::result::Result<(), Fault> {
        let wrong = |help| Fault {
            message: format!("must be {}, not {given}", self.kind),
            help,
        };
        match &self.kind {
            Kind::Count(allowed, place) => {
                *place(performance) = count(given, allowed).map_err(wrong)?;
            }
            Kind::Size(allowed, place) => {
                *place(performance) = size(given, allowed).map_err(wrong)?;
            }
            Kind::Compression => performance.compression = compression(given).map_err(wrong)?,
        }
        Ok(())
    }

    /// Puts the value of an environment variable, where numbers are text, in its place.
    pub(super) fn set_text(
        &self,
        performance: &mut Performance,
        text: &str,
    ) -> std::result::Result<(), Fault> {
        let given = match (&self.kind, text.parse()) {
            (Kind::Count(..), Ok(number)) => Given::Number(number),
            _ => Given::Text(text),
        };
        self.set(performance, given)
    }
}

/// What a value means, or else the way out, where one is known.
type Judged<T> = std::result::Result<T, Option<String>>;

fn count(given: Given<'_>, allowed: &RangeInclusive<usize>) -> Judged<usize> {
    match given {
        Given::Number(number) => usize::try_from(number)
            .ok()
            .filter(|count| allowed.contains(count))
            .ok_or(None),
        Given::Text(text) if text.parse::<u64>().is_ok() => {
            Err(Some("write the number without quotes".to_owned()))
        }
        _ => Err(None),
    }
}

fn size(given: Given<'_>, allowed: &RangeInclusive<u64>) -> Judged<ByteSize> {
    const FORMS: &str = "a size is a text such as \"64KB\" or \"1GiB\", or a whole number of bytes";
    let bytes = match given {
        Given::Number(number) => u64::try_from(number).map_err(|_| None)?,
        Given::Text(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            text.parse::<ByteSize>().map_err(Some)?.0
        }
        Given::Text(_) | Given::Other(_) => return Err(Some(FORMS.to_owned())),
    };
    match allowed.contains(&bytes) {
        true => Ok(ByteSize(bytes)),
        false => Err(None),
    }
}

fn compression(given: Given<'_>) -> Judged<Compression> {
    let Given::Text(text) = given else {
        return Err(None);
    };
    text.parse().map_err(|_| {
        let nearest = suggest::nearest(text, Compression::WORDS);
        nearest.map(|nearest| format!("did you mean `{nearest}`?"))
    })
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(allowed, _) => {
                let (least, most) = (allowed.start(), allowed.end());
                write!(formatter, "a whole number from {least} to {most}")
            }
            Self::Size(allowed, _) => {
                let (least, most) = (rounded(*allowed.start()), rounded(*allowed.end()));
                write!(formatter, "a size from {least} to {most}")
            }
            Self::Compression => formatter
                .write_str("`none`, `lz4`, `zstd` or `zstd:LEVEL` with a level from -7 to 19"),
        }
    }
}

/// A size in the largest unit that divides it.
fn rounded(bytes: u64) -> String {
    let units = [("TB", 12), ("GB", 9), ("MB", 6), ("KB", 3)];
    let mut fitting = units
        .into_iter()
        .map(|(name, power)| (name, 10u64.pow(power)))
        .filter(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    match fitting.next() {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text("") => formatter.write_str("an empty text"),
            Self::Text(text) => write!(formatter, "`{}`", shortened(text)),
            Self::Number(number) => write!(formatter, "`{number}`"),
            Self::Other(what) => formatter.write_str(what),
        }
    }
}

/// A text that somebody else wrote, fit for one line.
pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut characters = text.chars();
    let mut short: String = characters
        .by_ref()
        .take(CHARACTERS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
