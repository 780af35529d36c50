//! The options that all verbs share, before or after the verb.
//!
//! They are parsed in two steps: clap takes what was typed, the methods of [`Globals`] say what it
//! means on this machine.

use std::num::NonZero;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::stores::ReadStores;
use crate::topics::Topics;
use crate::{Error, Result};

/// The shared options, as typed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Shared options")]
pub struct Globals {
    /// Worker threads [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZero<usize>>,

    /// How files are read [default: auto]
    #[arg(
        long,
        global = true,
        value_enum,
        hide_possible_values = true,
        value_name = "auto|mmap|read"
    )]
    pub io: Option<Io>,

    /// Instructions for the byte kernels [default: auto]
    #[arg(long, global = true, value_enum, value_name = "SET")]
    pub simd: Option<Simd>,

    /// How much of the machine is used: 0 plain loops, one thread, files read; 1 with SIMD; 2 on all cores; 3 with
    /// files mapped, as without this option. What `--threads`, `--io` and `--simd` say counts more
    #[arg(long, global = true, value_name = "0..3", value_parser = clap::value_parser!(i32).range(0..=3))]
    pub level: Option<i32>,

    /// Memory for what grows with the data, such as the keys of `unique`; beyond it, disk is used [default: 200MB]
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory: Option<ByteSize>,

    /// Say how fast it went and what it took
    #[arg(long, global = true)]
    pub perf: bool,

    /// Say nothing but data and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Show a progress bar on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub progress: When,

    /// Use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: When,

    /// No option: the stores that inputs are read from, for `--perf`.
    #[arg(skip)]
    pub(crate) read_stores: ReadStores,

    /// No option: the topics of the run, whose offsets are committed when it has ended.
    #[arg(skip)]
    pub(crate) topics: Topics,
}

/// More threads than any machine has cores, and few enough that what each of them needs can be allocated.
pub(crate) const THREADS_MAX: usize = 4096;

/// What grows with the data may take this much, unless somebody says otherwise.
pub(crate) const MEMORY_DEFAULT: ByteSize = ByteSize(200_000_000);

impl Globals {
    /// Refuses what this version does not have.
    pub(crate) fn validate(&self) -> Result<()> {
        if self
            .threads
            .is_some_and(|threads| threads.get() > THREADS_MAX)
        {
            return Err(Error::Usage {
                message: format!("`--threads` is at most {THREADS_MAX}"),
                hint: Some("without it there is one for each core".to_owned()),
            });
        }
        match self.io() {
            Io::Uring => Err(Error::Usage {
                message: "`--io uring` is not in this version".to_owned(),
                hint: Some("use `--io auto`, `mmap` or `read`".to_owned()),
            }),
            Io::Auto | Io::Mmap | Io::Read => Ok(()),
        }
    }

    /// Worker threads: as asked, else as the level has it, else one per core that this process may use.
    pub fn thread_count(&self) -> NonZero<usize> {
        self.typed_threads().unwrap_or_else(|| {
            std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
        })
    }

    /// Worker threads as asked, or as the level has it; `None` if nothing was said about them.
    pub(crate) fn typed_threads(&self) -> Option<NonZero<usize>> {
        let of_level = match self.level {
            Some(0 | 1) => Some(NonZero::<usize>::MIN),
            _ => None,
        };
        self.threads.or(of_level)
    }

    /// Memory for what grows with the data: as asked, else [`MEMORY_DEFAULT`].
    pub fn memory(&self) -> ByteSize {
        self.memory.unwrap_or(MEMORY_DEFAULT)
    }

    /// How files are read: as asked, else as the level has it.
    pub fn io(&self) -> Io {
        self.io.unwrap_or(match self.level {
            Some(0..=2) => Io::Read,
            _ => Io::Auto,
        })
    }

    /// Instructions for the kernels: as asked, else as the level has it.
    pub fn simd(&self) -> Simd {
        self.simd.unwrap_or(match self.level {
            Some(0) => Simd::Scalar,
            _ => Simd::Auto,
        })
    }
}

/// How the result of a verb is printed, for the verbs that flatten this in.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputOptions {
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: OutputFormat,

    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

impl OutputOptions {
    /// What was asked for.
    pub fn format(&self) -> OutputFormat {
        if self.json {
            OutputFormat::Json
        } else {
            self.format
        }
    }
}

/// How files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Io {
    /// What is fastest for the file at hand.
    #[default]
    Auto,
    /// Mapped into memory, a window at a time.
    Mmap,
    /// Positioned reads into pooled buffers.
    Read,
    /// io_uring: a name kept for later.
    #[value(hide = true)]
    Uring,
}

/// Which instructions the byte kernels may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Simd {
    /// The best this CPU has
    #[default]
    Auto,
    /// AVX-512
    Avx512,
    /// AVX2
    Avx2,
    /// None: the plain loops that specify the others
    Scalar,
}

/// When to show something that needs a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a [`ByteSize`] may end with.
const UNITS: &str = "B, KB, MB, GB, TB or KiB, MiB, GiB, TiB";

/// A number of bytes, typed as `200MB`, `1GiB` or `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (value, unit) = split_unit(text)?;
        if unit.starts_with(['.', ',']) {
            return Err(format!(
                "expected a whole number, as in 1500, 64KB or 1MiB, found `{text}`; units are {UNITS}"
            ));
        }
        let prefix = unit.strip_suffix('B').unwrap_or(&unit);
        let (prefix, base) = match prefix.strip_suffix('I') {
            Some(prefix) => (prefix, 1024u64),
            None => (prefix, 1000),
        };
        let power = match prefix {
            "" if base == 1000 => 0,
            "K" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            _ => {
                return Err(format!(
                    "unknown unit `{unit}`: expected {UNITS}, as in 64KB"
                ));
            }
        };
        value
            .checked_mul(base.pow(power))
            .map(Self)
            .ok_or_else(|| "more than 2^64 bytes".to_owned())
    }
}

impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Parses a count, typed as `1000000`, `1_000_000`, `500k`, `15M` or `1G`.
pub(crate) fn parse_count(text: &str) -> std::result::Result<u64, String> {
    let (value, unit) = split_unit(text)?;
    let factor = match unit.as_str() {
        "" => 1,
        "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return Err(format!("unknown unit `{unit}`: expected k, M or G")),
    };
    value
        .checked_mul(factor)
        .ok_or_else(|| "more than 2^64".to_owned())
}

/// `1_500mb` as (1500, `MB`).
fn split_unit(text: &str) -> std::result::Result<(u64, String), String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let value = digits
        .replace('_', "")
        .parse()
        .map_err(|_| format!("expected a number, found `{text}`"))?;
    Ok((value, unit.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_preset() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            globals: Globals,
        }
        let parse = |line: &str| {
            let line = clap::Parser::try_parse_from(line.split(' '));
            line.map(|Line { globals }| globals)
        };
        let settings = |line: &str| {
            let globals = parse(line).expect("a good line");
            let is_single = globals.thread_count() == NonZero::<usize>::MIN;
            (is_single, globals.io(), globals.simd())
        };
        let all_cores = settings("tamis");
        assert_eq!(all_cores.1, Io::Auto);
        assert_eq!(settings("tamis --level 0"), (true, Io::Read, Simd::Scalar));
        assert_eq!(settings("tamis --level 1"), (true, Io::Read, Simd::Auto));
        let parallel = (all_cores.0, Io::Read, Simd::Auto);
        assert_eq!(settings("tamis --level 2"), parallel);
        assert_eq!(settings("tamis --level 3"), all_cores);
        let mixed = settings("tamis --level 0 --io mmap --simd auto");
        assert_eq!(mixed, (true, Io::Mmap, Simd::Auto));
        let threads = parse("tamis --threads 3 --level 0").map(|globals| globals.thread_count());
        assert_eq!(threads.map(NonZero::get).ok(), Some(3));
        assert!(parse("tamis --level 4").is_err());
    }

    #[test]
    fn sizes_have_units() {
        let size = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("10B"), Ok(10));
        assert_eq!(size("200MB"), Ok(200_000_000));
        assert_eq!(size("200m"), Ok(200_000_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("2_000kib"), Ok(2_048_000));
        for wrong in ["", "MB", "-1", "1.5GB", "1 MB", "1iB", "12XB", "99999999TB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_have_units() {
        assert_eq!(parse_count("1_000_000"), Ok(1_000_000));
        assert_eq!(parse_count("500k"), Ok(500_000));
        assert_eq!(parse_count("15M"), Ok(15_000_000));
        for wrong in ["", "k", "1.5M", "-1", "10MB", "99999999999G"] {
            assert!(parse_count(wrong).is_err(), "{wrong}");
        }
    }
}
