//! Why a verb of this crate could not go on.

use std::io;
use std::path::PathBuf;

use tamis_engine::suggest;

use crate::dupes::act;
use crate::names;

/// Why text or files could not be read, searched or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not read or write, or was cancelled.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
    /// What is in an input cannot be read as records.
    #[error("`{input}`: {source}")]
    Records {
        /// Name of the input.
        input: String,
        /// What is wrong with it.
        source: tamis_formats::Error,
    },
    /// An archive is to be unpacked and cannot be.
    #[error(
        "`{input}` is packed as {codec}; gzip, zstd and lz4 are unpacked here, so unpack it into `tamis search PATTERN -`"
    )]
    UnknownPacking {
        /// Name of the input.
        input: String,
        /// How it is packed.
        codec: &'static str,
    },
    /// What is searched as a whole is too long to be kept in memory.
    #[error("`{input}`: {what} is longer than the {limit_bytes} bytes that `--max-line` allows")]
    TooLong {
        /// Name of the input.
        input: String,
        /// Which part of it.
        what: String,
        /// The limit in force.
        limit_bytes: usize,
    },
    /// A file or a folder could not be looked at.
    #[error("cannot read `{}`: {source}", names::show(path))]
    Look {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is no cache was named as one.
    #[error(
        "`{}` holds something other than digests, and is not replaced; name another file, or none with `--no-cache`",
        names::show(path)
    )]
    NoCache {
        /// The file.
        path: PathBuf,
    },
    /// A copy of a file was to be replaced or removed, and is still there.
    #[error("`{}` is left as it is: {reason}", names::show(path))]
    Kept {
        /// The copy.
        path: PathBuf,
        /// Why.
        reason: Box<act::Reason>,
    },
    /// A pattern of file names is none.
    #[error("`{glob}` is no pattern of file names: {reason}")]
    Glob {
        /// The pattern.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not what its first bytes say it is.
    #[error("`{input}` is no sound {kind}: {damage}")]
    Damaged {
        /// Name of the input.
        input: String,
        /// What it begins as.
        kind: &'static str,
        /// Where, what was expected there, and what is there.
        damage: crate::inspect::Damage,
    },
    /// A codec has no such level.
    #[error("{codec} has the levels {} to {}, and not {level}", .levels.start(), .levels.end())]
    Level {
        /// The codec.
        codec: &'static str,
        /// What was asked for.
        level: i32,
        /// What there is.
        levels: std::ops::RangeInclusive<i32>,
    },
    /// A codec has no blocks of that size.
    #[error("blocks of {codec} have {allowed}, and not {block_bytes} bytes")]
    BlockSize {
        /// The codec.
        codec: &'static str,
        /// What was asked for.
        block_bytes: usize,
        /// What there is.
        allowed: &'static str,
    },
    /// What is to be unpacked is not packed.
    #[error("`{input}` is not packed as gzip, zstd or lz4")]
    NotPacked {
        /// Name of the input.
        input: String,
    },
    /// A pattern is not an expression that lines can be searched for.
    #[error("{message}")]
    Pattern {
        /// What is wrong with it and where, as ripgrep says it.
        message: String,
    },
    /// A folder could not be read, or a file of patterns in it is wrong.
    #[error("{source}")]
    Walk {
        /// What, and why.
        source: ignore::Error,
    },
    /// An input is no log in a format that is known.
    #[error("`{input}`: no log format fits: {}", match best {
        Some((format, read)) => format!("`{format}` reads {read} of its first {lines} lines, the others fewer"),
        None => format!("none reads one of its first {lines} lines"),
    })]
    LogFormat {
        /// Name of the input.
        input: String,
        /// Lines of its head that could begin a record.
        lines: usize,
        /// The format that reads most of them, and how many.
        best: Option<(String, usize)>,
    },
    /// Records of a log do not have the field that they are to be grouped by.
    #[error(
        "records of the format `{format}` have no field `{field}`: there are {}{}",
        listed(fields),
        meant(field, fields)
    )]
    LogField {
        /// The field.
        field: String,
        /// The format.
        format: String,
        /// What there is.
        fields: Vec<String>,
    },
}

impl Error {
    /// Whether the whole run is at its end, and not only an input.
    pub(crate) fn is_of_run(&self) -> bool {
        use tamis_engine::Error as Engine;
        matches!(
            self,
            Error::Engine(Engine::Interrupted | Engine::ClosedPipe { .. } | Engine::Write { .. })
        )
    }

    /// Whether something is not there, or no longer.
    pub fn is_not_found(&self) -> bool {
        let source = match self {
            Error::Engine(tamis_engine::Error::Open { source, .. })
            | Error::Look { source, .. } => source,
            _ => return false,
        };
        source.kind() == io::ErrorKind::NotFound
    }
}

/// `` `a`, `b` ``.
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// What was meant, if that is likely.
fn meant(name: &str, known: &[String]) -> String {
    match suggest::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => String::new(),
    }
}
