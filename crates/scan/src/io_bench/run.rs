//! One measurement, in the process that was started for it.

use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use memchr::memmem::Finder;
use tamis_engine::counters::{page_faults, peak_rss_bytes};
use tamis_engine::kernel::Kernel;

use super::cache::prepare;
use super::file::Ground;
use super::{Figures, Job, Measured, Pattern, Work, small};

/// What is searched for: rare letters in a row that is nowhere.
const NEEDLE: &[u8] = b"zqxjkvqz";

/// What a thread does with the bytes it gets.
#[derive(Debug)]
pub(super) struct Worker {
    kernel: Kernel,
    /// `None`: newlines are counted.
    finder: Option<Finder<'static>>,
    count: u64,
    bytes: u64,
}

impl Worker {
    fn new(work: Work) -> Worker {
        Worker {
            kernel: Kernel::detect(),
            finder: (work == Work::Search).then(|| Finder::new(NEEDLE)),
            count: 0,
            bytes: 0,
        }
    }

    /// Looks at some bytes. What lies across two pieces is not found: it is the reading that is measured.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.count += match &self.finder {
            None => self.kernel.count_byte(bytes, b'\n') as u64,
            Some(finder) => finder.find_iter(bytes).count() as u64,
        };
    }
}

/// Measures `job`. The process should do nothing else before or after.
///
/// # Errors
/// When the file cannot be read, or is not what it was.
pub fn measure(job: &Job) -> io::Result<Measured> {
    let paths = match job.pattern {
        Pattern::SmallFiles { count } => small::paths(job, count),
        _ => vec![job.path.clone()],
    };
    let mut figures = Figures {
        resident: prepare(&paths, job.len_bytes, job.temperature)?,
        ..Figures::default()
    };
    let faults = page_faults();
    let mut start = Instant::now();
    let ground = match job.pattern {
        Pattern::SmallFiles { .. } => None,
        _ => match Ground::open(job) {
            Ok(ground) => Some(ground),
            Err(error) if is_refusal(&error) => return Ok(Measured::Skipped(error.to_string())),
            Err(error) => return Err(error),
        },
    };
    let mut has_read = false;
    for pass in 0..job.passes.max(1) {
        let read =
            |number: usize, next: &AtomicU64, worker: &mut Worker| match (&ground, job.pattern) {
                (Some(ground), Pattern::Random { .. }) => ground.read_anywhere(job, number, worker),
                (Some(ground), _) => ground.read_all(job, next, worker),
                (None, _) => small::read(job, &paths, next, worker),
            };
        let (done, count, bytes) = share_out(job, read);
        has_read |= bytes > 0;
        match done {
            Ok(()) => {}
            // What lets itself be read for a while is not refused.
            Err(error) if !has_read && is_refusal(&error) => {
                return Ok(Measured::Skipped(error.to_string()));
            }
            Err(error) => return Err(error),
        }
        figures.seconds.push(start.elapsed().as_secs_f64());
        if pass == 0 {
            (figures.count, figures.bytes) = (count, bytes);
            let since = faults.zip(page_faults());
            figures.minor_faults = since.map(|(before, after)| after.0.saturating_sub(before.0));
            figures.major_faults = since.map(|(before, after)| after.1.saturating_sub(before.1));
        }
        start = Instant::now();
    }
    figures.backend = ground.as_ref().and_then(Ground::backend);
    // What was mapped has to be unmapped: that belongs to the first pass, which may be the only one.
    let start = Instant::now();
    drop(ground);
    figures.seconds[0] += start.elapsed().as_secs_f64();
    figures.peak_rss_bytes = peak_rss_bytes();
    Ok(Measured::Figures(figures))
}

/// Whether an error says that the system does not let anybody do this, rather than that it failed.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::PermissionDenied
    )
}

/// Runs a pass on all threads: how it ended, what all of them counted, and the bytes that they read.
fn share_out(
    job: &Job,
    read: impl Fn(usize, &AtomicU64, &mut Worker) -> io::Result<()> + Sync,
) -> (io::Result<()>, u64, u64) {
    let next = AtomicU64::new(0);
    let (count, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed = Mutex::new(None);
    let work = |number: usize| {
        let mut worker = Worker::new(job.work);
        if let Err(error) = read(number, &next, &mut worker) {
            *failed.lock().expect("nothing panics while it is locked") = Some(error);
        }
        count.fetch_add(worker.count, Ordering::Relaxed);
        bytes.fetch_add(worker.bytes, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        let work = &work;
        for number in 1..job.threads {
            scope.spawn(move || work(number));
        }
        work(0);
    });
    let failed = failed.into_inner();
    let done = match failed.expect("nothing panics while it is locked") {
        Some(error) => Err(error),
        None => Ok(()),
    };
    (done, count.into_inner(), bytes.into_inner())
}
