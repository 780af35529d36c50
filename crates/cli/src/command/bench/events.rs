//! What the kernel counts while a verb runs: faults of pages and time of processors, and instructions, cycles and cache
//! misses where the machine lets it. Virtual machines often have no such counters, and containers often forbid them.

use std::io;

use perf_event_open::config::{Cpu, Inherit, Opts, Proc};
use perf_event_open::count::Counter;
use perf_event_open::event::Event;
use perf_event_open::event::hw::Hardware;
use perf_event_open::event::sw::Software;
use serde_json::{Value, json};

/// Counters of this thread and of those it starts from now on.
#[derive(Debug)]
pub(super) struct Events(Vec<(&'static str, io::Result<Running>)>);

/// A counter that runs.
struct Running(Counter);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

impl Events {
    /// Starts every counter there is.
    pub(super) fn start() -> Self {
        Self(vec![
            ("cpu_ns", start(Software::TaskClock)),
            ("page_faults", start(Software::PageFault)),
            ("instructions", start(Hardware::Instr)),
            ("cycles", start(Hardware::CpuCycle)),
            ("cache_misses", start(Hardware::CacheMiss)),
        ])
    }

    /// What they have counted, by name; null for those that cannot be had, and `no_counters` says why.
    pub(super) fn read(&self) -> Value {
        let mut counts = json!({});
        for (name, counter) in &self.0 {
            let count = match counter {
                Ok(running) => running.count(),
                Err(error) => {
                    counts["no_counters"] = json!(error.to_string());
                    None
                }
            };
            counts[*name] = json!(count);
        }
        counts
    }
}

fn start(event: impl TryInto<Event, Error = io::Error>) -> io::Result<Running> {
    let mut options = Opts {
        inherit: Some(Inherit::NewChild),
        ..Opts::default()
    };
    // Whoever is not root may count his own code only.
    options.exclude.kernel = true;
    options.exclude.hv = true;
    options.stat_format.time_enabled = true;
    options.stat_format.time_running = true;
    let counter = Counter::new(event, (Proc::CURRENT, Cpu::ALL), options)?;
    counter.enable()?;
    Ok(Running(counter))
}

impl Running {
    /// The count so far; where counters take turns on the hardware, what it would be without turns.
    fn count(&self) -> Option<u64> {
        let stat = self.0.stat().ok()?;
        match (stat.time_enabled, stat.time_running) {
            (_, Some(0)) => None,
            (Some(enabled), Some(running)) if running < enabled => {
                Some((stat.count as f64 * enabled as f64 / running as f64) as u64)
            }
            _ => Some(stat.count),
        }
    }
}
