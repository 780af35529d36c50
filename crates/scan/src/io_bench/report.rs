//! What many runs say together.

use serde_json::{Map, Value, json};
use tamis_engine::kernel::Kernel;

use super::plan::PlanOptions;
use super::{Figures, Job, Measured, Pattern, Temperature, Way, Work};
use crate::names;

/// A back end within this much of the fastest one is as fast.
const AS_FAST: f64 = 1.05;

/// Everything that was measured.
#[derive(Debug)]
pub struct Results {
    /// How.
    pub options: PlanOptions,
    /// How often.
    pub rounds: u32,
    /// Of each job its runs, a run for each round.
    pub jobs: Vec<(Job, Vec<Measured>)>,
}

/// Jobs that can be compared with each other.
#[derive(Debug)]
pub struct Section {
    /// Where was read.
    pub pattern: Pattern,
    /// Whether it was in memory.
    pub temperature: Temperature,
    /// What was done with it.
    pub work: Work,
    /// The jobs.
    pub rows: Vec<Row>,
    /// What could not be done, and why.
    pub skipped: Vec<(Way, String)>,
    /// Pages that should have been dropped and were not, at worst.
    pub resident: f64,
}

/// The runs of a job in one line.
#[derive(Clone, Debug)]
pub struct Row {
    /// How bytes were read.
    pub way: Way,
    /// By how many threads.
    pub threads: usize,
    /// Units in a second: bytes, blocks or files; the median of the rounds.
    pub rate: f64,
    /// In the slowest and the fastest round.
    pub spread: (f64, f64),
    /// How many times faster than one thread.
    pub speedup: Option<f64>,
    /// How many times faster the second pass was than the first.
    pub again: Option<f64>,
    /// Faults of the first pass that needed no reading, and that did.
    pub faults: Option<(u64, u64)>,
    /// The most memory in any round.
    pub peak_rss_bytes: Option<u64>,
}

/// What `--io auto` is worth here.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the file was in memory.
    pub temperature: Temperature,
    /// The back end it takes.
    pub backend: String,
    /// Its rate, in bytes a second.
    pub rate: f64,
    /// What was fastest, and by how many threads.
    pub fastest: (Way, usize),
    /// How much faster that was.
    pub factor: f64,
}

impl Verdict {
    /// Whether nothing was noticeably faster.
    pub fn is_fastest(&self) -> bool {
        self.factor <= AS_FAST
    }
}

impl Section {
    /// What one unit of a rate is: `bytes`, `blocks` or `files`.
    pub fn unit(&self) -> &'static str {
        match self.pattern {
            Pattern::Sequential => "bytes",
            Pattern::Random { .. } => "blocks",
            Pattern::SmallFiles { .. } => "files",
        }
    }
}

impl Results {
    /// The sections, in the order of the plan.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        for (job, runs) in &self.jobs {
            let is_of = |it: &Section| {
                (it.pattern, it.temperature, it.work) == (job.pattern, job.temperature, job.work)
            };
            let at = sections.iter().position(is_of).unwrap_or_else(|| {
                sections.push(Section {
                    pattern: job.pattern,
                    temperature: job.temperature,
                    work: job.work,
                    rows: Vec::new(),
                    skipped: Vec::new(),
                    resident: 0.0,
                });
                sections.len() - 1
            });
            sections[at].add(job, runs);
        }
        sections
    }

    /// What is to be said of `--io auto`, for a file in memory and for one that is not.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let sections = self.sections();
        let whole = sections
            .iter()
            .filter(|it| it.pattern == Pattern::Sequential && it.work == Work::Lines);
        whole.filter_map(|section| self.verdict(section)).collect()
    }

    fn verdict(&self, section: &Section) -> Option<Verdict> {
        let faster = |rows: &mut dyn Iterator<Item = &Row>| {
            rows.max_by(|a, b| a.rate.total_cmp(&b.rate)).cloned()
        };
        let auto = faster(&mut section.rows.iter().filter(|it| it.way == Way::Auto))?;
        let fastest = faster(&mut section.rows.iter())?;
        let mut runs = self
            .jobs
            .iter()
            .filter(|(job, _)| job.way == Way::Auto)
            .flat_map(|(_, runs)| runs);
        let backend = runs.find_map(|run| match run {
            Measured::Figures(figures) => figures.backend.clone(),
            Measured::Skipped(_) => None,
        })?;
        Some(Verdict {
            temperature: section.temperature,
            backend,
            rate: auto.rate,
            factor: fastest.rate / auto.rate,
            fastest: (fastest.way, fastest.threads),
        })
    }

    /// Runs of one kind that did not count the same lines: then the file changed, or a way does not read what is there.
    pub fn disagreement(&self) -> Option<(Way, Way)> {
        let mut first: Option<(Way, u64)> = None;
        for (job, runs) in &self.jobs {
            if job.pattern != Pattern::Sequential || job.work != Work::Lines {
                continue;
            }
            for run in runs {
                let Measured::Figures(figures) = run else {
                    continue;
                };
                match first {
                    None => first = Some((job.way, figures.count)),
                    Some((way, count)) if count != figures.count => return Some((way, job.way)),
                    Some(_) => {}
                }
            }
        }
        None
    }

    /// All runs for programs.
    pub fn json(&self) -> Value {
        let jobs = self.jobs.iter().map(|(job, runs)| {
            json!({
                "way": job.way.to_string(),
                "pattern": job.pattern,
                "temperature": job.temperature,
                "work": job.work,
                "threads": job.threads,
                "bytes": job.len_bytes,
                "runs": runs,
            })
        });
        let verdicts = self.verdicts().into_iter().map(|verdict| {
            json!({
                "temperature": verdict.temperature,
                "auto": verdict.backend,
                "bytes_per_second": verdict.rate,
                "fastest": verdict.fastest.0.to_string(),
                "fastest_threads": verdict.fastest.1,
                "factor": verdict.factor,
            })
        });
        let options = &self.options;
        let mut input = Map::new();
        names::put(&options.path, &mut input);
        json!({
            "schema_version": 1,
            "input": input,
            "bytes": options.len_bytes,
            "small_files": options.small.as_ref().map(|(_, count)| count),
            "rounds": self.rounds,
            "passes": options.passes,
            "seed": options.seed,
            "simd": Kernel::detect().name(),
            "jobs": jobs.collect::<Vec<_>>(),
            "auto": verdicts.collect::<Vec<_>>(),
        })
    }
}

impl Section {
    fn add(&mut self, job: &Job, runs: &[Measured]) {
        let mut measured: Vec<&Figures> = Vec::new();
        for run in runs {
            match run {
                Measured::Figures(figures) => measured.push(figures),
                Measured::Skipped(reason) => {
                    let is_known = self.skipped.iter().any(|(way, _)| *way == job.way);
                    if !is_known {
                        self.skipped.push((job.way, reason.clone()));
                    }
                }
            }
        }
        if job.temperature == Temperature::Cold {
            let resident = measured.iter().map(|it| it.resident);
            self.resident = resident.fold(self.resident, f64::max);
        }
        let units = |figures: &Figures| match job.pattern {
            Pattern::Sequential => figures.bytes as f64,
            Pattern::Random { reads } => reads as f64,
            Pattern::SmallFiles { count } => count as f64,
        };
        let rates = measured
            .iter()
            .map(|it| units(it) / it.seconds[0].max(1e-9));
        let Some((rate, spread)) = median(rates.collect()) else {
            return;
        };
        let again = measured
            .iter()
            .filter_map(|it| Some(it.seconds[0] / it.seconds.get(1)?.max(1e-9)));
        let faults = |of: fn(&Figures) -> Option<u64>| {
            let counts = measured.iter().filter_map(|it| of(it)).map(|it| it as f64);
            median(counts.collect()).map(|(count, _)| count as u64)
        };
        let alone = self
            .rows
            .iter()
            .find(|row| row.way == job.way && row.threads == 1);
        let speedup = alone.map(|row| rate / row.rate);
        self.rows.push(Row {
            way: job.way,
            threads: job.threads,
            rate,
            spread,
            speedup,
            again: median(again.collect()).map(|(factor, _)| factor),
            faults: faults(|it| it.minor_faults).zip(faults(|it| it.major_faults)),
            peak_rss_bytes: measured.iter().filter_map(|it| it.peak_rss_bytes).max(),
        });
    }
}

/// The middle, the least and the greatest; of an even number the lower one of both in the middle.
fn median(mut values: Vec<f64>) -> Option<(f64, (f64, f64))> {
    values.sort_by(f64::total_cmp);
    let middle = *values.get(values.len().checked_sub(1)? / 2)?;
    Some((middle, (values[0], values[values.len() - 1])))
}
