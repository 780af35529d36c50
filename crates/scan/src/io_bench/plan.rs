//! What is measured, and in which order.

use std::io;
use std::path::{Path, PathBuf};

use tamis_engine::control::Cancel;
use tamis_engine::sink::FileSink;

use tempfile::TempDir;

use super::cache::can_evict;
use super::{Job, MapKind, Pattern, Random, Temperature, Way, Work, small};
use crate::Result;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Blocks of 4 KiB that are read anywhere, at most: from memory, and from a disk that may have to turn.
const RANDOM_READS: (u64, u64) = (100_000, 4_000);

/// Files of the measurement of small files: in all, and of a quick one.
const SMALL_FILES: (u64, u64) = (10_000, 2_000);
/// As much of a file is read in a quick measurement.
const QUICK_BYTES: u64 = 128 * MIB;

/// What is known before the first measurement.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// The file.
    pub path: PathBuf,
    /// How much of it is read.
    pub len_bytes: u64,
    /// A folder of small files, and how many there are.
    pub small: Option<(PathBuf, u64)>,
    /// The most threads.
    pub threads: usize,
    /// Whether pages can be dropped; else there are no cold runs.
    pub can_evict: bool,
    /// Few ways instead of all.
    pub is_quick: bool,
    /// Passes of each run.
    pub passes: u32,
    /// What everything random follows from.
    pub seed: u64,
}

/// What there is to measure.
#[derive(Debug)]
pub struct Plan {
    /// How.
    pub options: PlanOptions,
    /// All jobs, in the order in which they are reported.
    pub jobs: Vec<Job>,
    /// Removed, with the files in it, when the plan is dropped.
    _small: TempDir,
}

impl Plan {
    /// Looks at the file, makes the small ones beside it, and lists all jobs.
    ///
    /// # Errors
    /// When there is no such file, it is empty or no regular file, or no files can be made beside it.
    pub fn new(
        path: &Path,
        is_quick: bool,
        threads: usize,
        passes: u32,
        seed: u64,
    ) -> io::Result<Plan> {
        let len_bytes = file_len_bytes(path)?;
        let (len_bytes, small_count) = match is_quick {
            true => (len_bytes.min(QUICK_BYTES), SMALL_FILES.1),
            false => (len_bytes, SMALL_FILES.0),
        };
        let small = small::make(path, small_count, seed)?;
        let options = PlanOptions {
            path: path.to_owned(),
            len_bytes,
            small: Some((small.path().to_owned(), small_count)),
            threads,
            can_evict: can_evict(path, len_bytes)?,
            is_quick,
            passes,
            seed,
        };
        Ok(Plan {
            jobs: jobs(&options),
            options,
            _small: small,
        })
    }
}

/// All jobs, in the order in which they are reported.
pub fn jobs(options: &PlanOptions) -> Vec<Job> {
    let mut plan = Jobs {
        options,
        jobs: Vec::new(),
    };
    for temperature in plan.temperatures() {
        for way in sequential_ways(options.is_quick) {
            plan.add(way, Pattern::Sequential, temperature, Work::Lines);
        }
    }
    for way in few_ways() {
        plan.add(way, Pattern::Sequential, Temperature::Warm, Work::Search);
    }
    for temperature in plan.temperatures() {
        let reads = match temperature {
            Temperature::Warm => RANDOM_READS.0,
            Temperature::Cold => RANDOM_READS.1,
        };
        let reads = reads.min(options.len_bytes / 4096).max(1);
        for way in random_ways(options.is_quick) {
            plan.add(way, Pattern::Random { reads }, temperature, Work::Lines);
        }
    }
    if let Some((_, count)) = options.small {
        for temperature in plan.temperatures() {
            for way in [
                Way::Pread {
                    buffer_bytes: 8 * KIB,
                },
                Way::Mmap(MapKind::Plain),
                Way::Auto,
            ] {
                plan.add(way, Pattern::SmallFiles { count }, temperature, Work::Lines);
            }
        }
    }
    plan.jobs
}

fn sequential_ways(is_quick: bool) -> Vec<Way> {
    if is_quick {
        return few_ways();
    }
    let mut ways = Vec::new();
    ways.extend(
        [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB]
            .map(|buffer_bytes| Way::Read { buffer_bytes }),
    );
    ways.extend([64 * KIB, 256 * KIB, MIB].map(|buffer_bytes| Way::Pread { buffer_bytes }));
    ways.extend(
        [
            MapKind::Plain,
            MapKind::Sequential,
            MapKind::Populate,
            MapKind::Windows,
        ]
        .map(Way::Mmap),
    );
    ways.push(Way::Direct { buffer_bytes: MIB });
    ways.extend([1, 8, 32].map(|depth| Way::Uring {
        depth,
        is_direct: false,
    }));
    ways.push(Way::Uring {
        depth: 32,
        is_direct: true,
    });
    ways.push(Way::Auto);
    ways
}

/// One of each kind.
fn few_ways() -> Vec<Way> {
    vec![
        Way::Read {
            buffer_bytes: 256 * KIB,
        },
        Way::Pread {
            buffer_bytes: 256 * KIB,
        },
        Way::Mmap(MapKind::Plain),
        Way::Mmap(MapKind::Windows),
        Way::Direct { buffer_bytes: MIB },
        Way::Uring {
            depth: 8,
            is_direct: false,
        },
        Way::Auto,
    ]
}

fn random_ways(is_quick: bool) -> Vec<Way> {
    let mut ways = vec![
        Way::Pread {
            buffer_bytes: 4 * KIB,
        },
        Way::Mmap(MapKind::Plain),
        Way::Mmap(MapKind::Random),
    ];
    if !is_quick {
        ways.push(Way::Direct {
            buffer_bytes: 4 * KIB,
        });
        ways.extend([1, 32].map(|depth| Way::Uring {
            depth,
            is_direct: false,
        }));
        ways.push(Way::Uring {
            depth: 32,
            is_direct: true,
        });
        ways.push(Way::Auto);
    }
    ways
}

struct Jobs<'o> {
    options: &'o PlanOptions,
    jobs: Vec<Job>,
}

impl Jobs<'_> {
    fn temperatures(&self) -> Vec<Temperature> {
        match self.options.can_evict {
            true => vec![Temperature::Warm, Temperature::Cold],
            false => vec![Temperature::Warm],
        }
    }

    /// A job for each number of threads: 1, 2, 4 and so on, and all.
    fn add(&mut self, way: Way, pattern: Pattern, temperature: Temperature, work: Work) {
        let options = self.options;
        let mut threads = vec![1];
        if way.is_parallel() {
            threads.extend(
                (1..)
                    .map(|power| 1 << power)
                    .take_while(|&it| it < options.threads),
            );
            threads.extend((options.threads > 1).then_some(options.threads));
        }
        let path = match (pattern, &options.small) {
            (Pattern::SmallFiles { .. }, Some((folder, _))) => folder,
            _ => &options.path,
        };
        self.jobs.extend(threads.into_iter().map(|threads| Job {
            way,
            pattern,
            temperature,
            work,
            threads,
            passes: options.passes,
            path: path.clone(),
            len_bytes: options.len_bytes,
            seed: options.seed,
        }));
    }
}

/// The order of a round: numbers below `count`, which follow from the seed and the round.
pub fn order(count: usize, seed: u64, round: u32) -> Vec<usize> {
    let mut random =
        Random::new(seed.wrapping_add(u64::from(round).wrapping_mul(0x5851_f42d_4c95_7f2d)));
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    order
}

/// Writes a file of about so many bytes of text: words in lines of some sixty characters.
///
/// # Errors
/// When it cannot be written, or once cancelled.
pub fn make_file(path: &Path, len_bytes: u64, seed: u64, cancel: &Cancel) -> Result<()> {
    const WORDS: [&str; 16] = [
        "sieve", "the", "of", "data", "record", "chunk", "and", "field", "rule", "byte", "a",
        "source", "to", "page", "memory", "measured",
    ];
    let mut sink = FileSink::create(path)?;
    let mut random = Random::new(seed);
    let mut text = Vec::with_capacity(MIB as usize + 128);
    let mut rest = len_bytes;
    while rest > 0 {
        cancel.check()?;
        text.clear();
        while text.len() < MIB as usize {
            let line = text.len() + 40 + random.below(40) as usize;
            while text.len() < line {
                text.extend_from_slice(WORDS[random.below(16) as usize].as_bytes());
                text.push(b' ');
            }
            text.pop();
            text.push(b'\n');
        }
        let len = rest.min(text.len() as u64);
        sink.write_all(&text[..len as usize])?;
        rest -= len;
    }
    sink.finish()?;
    Ok(())
}

/// How large the file is that is to be measured.
fn file_len_bytes(path: &Path) -> io::Result<u64> {
    let metadata = path.metadata()?;
    match metadata.is_file() && metadata.len() > 0 {
        true => Ok(metadata.len()),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file with something in it",
        )),
    }
}
