//! The table of all settings: what each is called, what may be said, and where it goes.
//!
//! Files and environment variables both come here, so a value is judged in one way and in the same words
//! wherever it was found.

use std::fmt;
use std::ops::RangeInclusive;

use tamis_engine::suggest;

use super::performance::{Compression, Performance};
use super::serve::{Serve, parse_advertised};
use crate::args::{self, ByteSize};

/// More than any machine has, and few enough that sums of sizes stay far from overflowing.
const SIZE_MAX: u64 = 16_000_000_000_000;

/// Every setting of `[performance]`.
pub(super) static PERFORMANCE: [Setting<Performance>; 10] = [
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
        kind: Kind::Compression(|to| &mut to.compression),
    },
];

/// Every setting of `[serve]`, as the options of the verb are called.
pub(super) static SERVE: [Setting<Serve>; 24] = [
    Setting {
        key: "listen",
        kind: Kind::Texts(|to| &mut to.listen),
    },
    Setting {
        key: "http",
        kind: Kind::Text(|to| &mut to.http),
    },
    Setting {
        key: "data",
        kind: Kind::Text(|to| &mut to.data),
    },
    Setting {
        key: "advertise",
        kind: Kind::Advertised(|to| &mut to.advertise),
    },
    Setting {
        key: "tls_cert",
        kind: Kind::Text(|to| &mut to.tls_cert),
    },
    Setting {
        key: "tls_key",
        kind: Kind::Text(|to| &mut to.tls_key),
    },
    Setting {
        key: "tls_client_ca",
        kind: Kind::Text(|to| &mut to.tls_client_ca),
    },
    Setting {
        key: "insecure",
        kind: Kind::Switch(|to| &mut to.insecure),
    },
    Setting {
        key: "auto_create",
        kind: Kind::Switch(|to| &mut to.auto_create),
    },
    Setting {
        key: "partitions",
        kind: Kind::Count(super::serve::PARTITIONS, |to| &mut to.partitions),
    },
    Setting {
        key: "max_connections",
        kind: Kind::Count(super::serve::CONNECTIONS, |to| &mut to.max_connections),
    },
    Setting {
        key: "max_request",
        kind: Kind::Size(super::serve::REQUEST_BYTES, |to| &mut to.max_request),
    },
    Setting {
        key: "memory",
        kind: Kind::Size(1_000_000..=SIZE_MAX, |to| &mut to.memory),
    },
    Setting {
        key: "quota_produce",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.quota_produce),
    },
    Setting {
        key: "quota_fetch",
        kind: Kind::Size(0..=SIZE_MAX, |to| &mut to.quota_fetch),
    },
    Setting {
        key: "idle_timeout",
        kind: Kind::Count(super::serve::IDLE_SECONDS, |to| &mut to.idle_timeout),
    },
    Setting {
        key: "threads",
        kind: Kind::Count(0..=args::THREADS_MAX, |to| &mut to.threads),
    },
    Setting {
        key: "pin",
        kind: Kind::Switch(|to| &mut to.pin),
    },
    Setting {
        key: "flush",
        kind: Kind::Word(&super::serve::FLUSHES, |to| &mut to.flush),
    },
    Setting {
        key: "log",
        kind: Kind::Word(&super::serve::LEVELS, |to| &mut to.log),
    },
    Setting {
        key: "log_format",
        kind: Kind::Word(&super::serve::LOG_FORMATS, |to| &mut to.log_format),
    },
    Setting {
        key: "auth",
        kind: Kind::Switch(|to| &mut to.auth),
    },
    Setting {
        key: "users",
        kind: Kind::Text(|to| &mut to.users),
    },
    Setting {
        key: "grants",
        kind: Kind::Text(|to| &mut to.grants),
    },
];

/// One setting of a table, which goes to a `T`.
#[derive(Debug)]
pub(super) struct Setting<T> {
    /// What it is called in a file.
    pub(super) key: &'static str,
    kind: Kind<T>,
}

/// A table of settings.
pub(super) trait Table: Sized + 'static {
    /// What it is called in a file.
    const NAME: &'static str;
    /// With what the names of its environment variables begin.
    const PREFIX: &'static str;

    /// Its settings.
    fn settings() -> &'static [Setting<Self>];
}

impl Table for Performance {
    const NAME: &'static str = "performance";
    const PREFIX: &'static str = "TAMIS_";

    fn settings() -> &'static [Setting<Performance>] {
        &PERFORMANCE
    }
}

impl Table for Serve {
    const NAME: &'static str = "serve";
    const PREFIX: &'static str = "TAMIS_SERVE_";

    fn settings() -> &'static [Setting<Serve>] {
        &SERVE
    }
}

/// What may be said, and where it goes.
#[derive(Debug)]
enum Kind<T> {
    /// A whole number in this range.
    Count(RangeInclusive<usize>, fn(&mut T) -> &mut usize),
    /// So many bytes.
    Size(RangeInclusive<u64>, fn(&mut T) -> &mut ByteSize),
    /// A way to compress.
    Compression(fn(&mut T) -> &mut Compression),
    /// Yes or no.
    Switch(fn(&mut T) -> &mut bool),
    /// Any text but an empty one.
    Text(fn(&mut T) -> &mut String),
    /// One or more of those.
    Texts(fn(&mut T) -> &mut Vec<String>),
    /// One of these words.
    Word(&'static [&'static str], fn(&mut T) -> &mut &'static str),
    /// Hosts and ports that somebody else can connect to.
    Advertised(fn(&mut T) -> &mut Vec<(String, u16)>),
}

/// A value as it was found.
#[derive(Clone, Debug)]
pub(super) enum Given<'a> {
    /// A text.
    Text(&'a str),
    /// Texts in an array.
    Texts(Vec<&'a str>),
    /// A whole number.
    Number(i128),
    /// Yes or no.
    Switch(bool),
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

impl<T: Table> Setting<T> {
    /// The setting of that name.
    pub(super) fn of_key(key: &str) -> Option<&'static Self> {
        T::settings().iter().find(|setting| setting.key == key)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("{}{}", T::PREFIX, self.key.to_ascii_uppercase())
    }

    /// Puts a value from a file in its place.
    pub(super) fn set(&self, to: &mut T, given: Given<'_>) -> std::result::Result<(), Fault> {
        let message = format!("must be {}, not {given}", self.kind);
        let wrong = |help| Fault { message, help };
        match &self.kind {
            Kind::Count(allowed, place) => *place(to) = count(given, allowed).map_err(wrong)?,
            Kind::Size(allowed, place) => *place(to) = size(given, allowed).map_err(wrong)?,
            Kind::Compression(place) => *place(to) = compression(given).map_err(wrong)?,
            Kind::Switch(place) => *place(to) = switch(given).map_err(wrong)?,
            Kind::Text(place) => *place(to) = text(given).map_err(wrong)?,
            Kind::Texts(place) => *place(to) = texts(given).map_err(wrong)?,
            Kind::Word(words, place) => *place(to) = word(given, words).map_err(wrong)?,
            Kind::Advertised(place) => *place(to) = advertised(given).map_err(wrong)?,
        }
        Ok(())
    }

    /// Puts the value of an environment variable, where all is text, in its place.
    pub(super) fn set_text(&self, to: &mut T, text: &str) -> std::result::Result<(), Fault> {
        let given = match &self.kind {
            Kind::Count(..) => text.parse().map(Given::Number).ok(),
            Kind::Switch(_) => text.parse().map(Given::Switch).ok(),
            Kind::Texts(_) | Kind::Advertised(_) => {
                Some(Given::Texts(text.split(',').map(str::trim).collect()))
            }
            _ => None,
        };
        self.set(to, given.unwrap_or(Given::Text(text)))
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
        _ => return Err(Some(FORMS.to_owned())),
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

fn switch(given: Given<'_>) -> Judged<bool> {
    match given {
        Given::Switch(is_on) => Ok(is_on),
        Given::Text("true" | "false") => Err(Some("write it without quotes".to_owned())),
        _ => Err(None),
    }
}

fn text(given: Given<'_>) -> Judged<String> {
    match given {
        Given::Text(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(None),
    }
}

fn texts(given: Given<'_>) -> Judged<Vec<String>> {
    let texts = match given {
        Given::Text(text) => vec![text],
        Given::Texts(texts) => texts,
        _ => return Err(None),
    };
    match texts.is_empty() || texts.contains(&"") {
        true => Err(None),
        false => Ok(texts.into_iter().map(str::to_owned).collect()),
    }
}

fn word(given: Given<'_>, words: &[&'static str]) -> Judged<&'static str> {
    let Given::Text(text) = given else {
        return Err(None);
    };
    let word = words.iter().copied().find(|it| *it == text);
    word.ok_or_else(|| {
        let nearest = suggest::nearest(text, words.iter().copied());
        nearest.map(|nearest| format!("did you mean `{nearest}`?"))
    })
}

fn advertised(given: Given<'_>) -> Judged<Vec<(String, u16)>> {
    let texts = texts(given)?;
    let parsed = texts.iter().map(|it| parse_advertised(it).map_err(Some));
    parsed.collect()
}

impl<T> fmt::Display for Kind<T> {
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
            Self::Compression(_) => formatter
                .write_str("`none`, `lz4`, `zstd` or `zstd:LEVEL` with a level from -7 to 19"),
            Self::Switch(_) => formatter.write_str("`true` or `false`"),
            Self::Text(_) => formatter.write_str("a text"),
            Self::Texts(_) => formatter.write_str("a text or an array of texts"),
            Self::Word(words, _) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                write!(formatter, "one of {}", words.join(", "))
            }
            Self::Advertised(_) => formatter.write_str("HOST:PORT, or a list of them"),
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
            Self::Texts(_) => formatter.write_str("an array"),
            Self::Switch(_) => formatter.write_str("a boolean"),
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
