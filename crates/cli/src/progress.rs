//! The progress bar: a thread that reads the counters of a run ten times a second and draws them.
//!
//! The run never waits for the bar. It is on standard error, and gone when the run ends.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tamis_engine::control::{Progress, Snapshot};
use tamis_engine::human;

use crate::args::{Globals, When};

/// Time from one drawing to the next.
const TICK: Duration = Duration::from_millis(100);

/// A bar on the terminal, as long as it lives.
#[derive(Debug)]
pub(crate) struct Display {
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Shows `progress`, if the user and the terminal want that.
    pub(crate) fn start(globals: &Globals, progress: &Progress) -> Self {
        let is_wanted = match globals.progress {
            When::Auto => !globals.quiet && io::stderr().is_terminal(),
            When::Always => true,
            When::Never => false,
        };
        if !is_wanted {
            return Self {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = mpsc::channel();
        let progress = progress.clone();
        let thread = thread::spawn(move || {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let start = Instant::now();
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                draw(&bar, &progress.snapshot(), start.elapsed());
            }
            bar.finish_and_clear();
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the drawing thread has been printed; the run itself is not affected.
            let _ = thread.join();
        }
    }
}

fn draw(bar: &ProgressBar, now: &Snapshot, elapsed: Duration) {
    let template = match now.raw_bytes_total {
        0 => "{spinner} {msg}",
        _ => "{bar:24} {percent:>3} %  {msg}  ETA {eta}",
    };
    let style = ProgressStyle::with_template(template).expect("both templates are well-formed");
    if now.raw_bytes_total > 0 {
        bar.set_length(now.raw_bytes_total);
    }
    bar.set_style(style);
    bar.set_message(message(now, elapsed));
    bar.set_position(now.raw_bytes);
    bar.tick();
}

fn message(now: &Snapshot, elapsed: Duration) -> String {
    let mut message = format!(
        "{}  {}  {} records/s",
        human::bytes(now.plain_bytes),
        human::byte_rate(now.plain_bytes, elapsed),
        human::rate(now.records, elapsed),
    );
    if now.violations > 0 {
        message.push_str(&format!("  {} violations", human::count(now.violations)));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_violations_once_there_are_any() {
        let mut now = Snapshot {
            plain_bytes: 2_000_000_000,
            records: 30_000_000,
            ..Snapshot::default()
        };
        let elapsed = Duration::from_secs(2);
        assert_eq!(
            message(&now, elapsed),
            "2.00 GB  1.00 GB/s  15.0 M records/s"
        );
        now.violations = 1_234;
        assert_eq!(
            message(&now, elapsed),
            "2.00 GB  1.00 GB/s  15.0 M records/s  1,234 violations"
        );
    }
}
