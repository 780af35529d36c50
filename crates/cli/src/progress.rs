//! The progress bar: a thread that reads the counters of a run ten times a second and draws them.
//!
//! The run never waits for the bar. It is on standard error, and gone when the run ends; a run too
//! short to wonder about shows nothing at all. Where there is no terminal but a bar was asked for
//! (a log of a build server), a plain line every few seconds stands for it.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tamis_engine::control::{Progress, Snapshot};
use tamis_engine::human;

use crate::args::{Globals, When};

/// Nothing is shown before this.
const PATIENCE: Duration = Duration::from_millis(300);
/// Time from one drawing to the next.
const TICK: Duration = Duration::from_millis(100);
/// Time from one plain line to the next.
const LINE_TICK: Duration = Duration::from_secs(5);

/// What a bar shows, read from the run at the moment of drawing.
pub(crate) trait Counters: Clone + Send + Sync + 'static {
    /// How much is done, and of how much; the latter is 0 while nobody knows.
    fn done_of(&self) -> (u64, u64);

    /// The figures beside the bar.
    fn message(&self, elapsed: Duration) -> String;
}

impl Counters for Progress {
    fn done_of(&self) -> (u64, u64) {
        let now = self.snapshot();
        (now.raw_bytes, now.raw_bytes_total)
    }

    fn message(&self, elapsed: Duration) -> String {
        message(&self.snapshot(), elapsed)
    }
}

/// A bar on the terminal, as long as it lives.
#[derive(Debug)]
pub(crate) struct Display {
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Shows `counters`, if the user and the terminal want that.
    pub(crate) fn start<C: Counters>(globals: &Globals, counters: &C) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_wanted = match globals.progress {
            When::Auto => is_terminal,
            When::Always => true,
            When::Never => false,
        };
        if !is_wanted || globals.quiet {
            return Self {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = mpsc::channel();
        let counters = counters.clone();
        let show = if is_terminal { draw_bar } else { write_lines };
        let thread = thread::spawn(move || {
            let start = Instant::now();
            if is_running(&stopped, PATIENCE) {
                show(&counters, start, &stopped);
            }
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

/// Waits; whether the run still goes on after that.
fn is_running(stopped: &Receiver<()>, wait: Duration) -> bool {
    stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout)
}

fn draw_bar<C: Counters>(counters: &C, start: Instant, stopped: &Receiver<()>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{spinner} {counters}", counters, start));
    let mut known_total = 0;
    loop {
        let (done, total) = counters.done_of();
        if total != known_total {
            if known_total == 0 {
                let template = "{bar:24} {percent:>3} %  {counters}  ETA {eta}";
                bar.set_style(style(template, counters, start));
            }
            known_total = total;
        }
        // One update is one drawing.
        bar.update(|state| {
            if total > 0 {
                state.set_len(total);
            }
            state.set_pos(done);
        });
        if !is_running(stopped, TICK) {
            return bar.finish_and_clear();
        }
    }
}

/// A style whose `{counters}` are those of the run at the moment of drawing.
fn style<C: Counters>(template: &str, counters: &C, start: Instant) -> ProgressStyle {
    let run = counters.clone();
    let counters = move |_: &ProgressState, out: &mut dyn fmt::Write| {
        // The bar has nobody to tell that its own buffer is full.
        let _ = out.write_str(&run.message(start.elapsed()));
    };
    ProgressStyle::with_template(template)
        .expect("both templates are well-formed")
        .with_key("counters", counters)
}

fn write_lines<C: Counters>(counters: &C, start: Instant, stopped: &Receiver<()>) {
    while is_running(stopped, LINE_TICK) {
        let share = match counters.done_of() {
            (_, 0) => String::new(),
            (done, total) => format!("{:>3} %  ", share(done.min(total), total)),
        };
        // If nobody can hear us there is nobody to tell.
        let _ = writeln!(io::stderr(), "{share}{}", counters.message(start.elapsed()));
    }
}

/// `part` in hundredths of `whole`, which is not 0.
fn share(part: u64, whole: u64) -> u128 {
    u128::from(part) * 100 / u128::from(whole)
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

    /// Goal: the templates are well-formed and the bar ends when the run does.
    #[test]
    fn a_bar_ends_with_its_run() {
        let progress = Progress::new();
        progress.add_raw_bytes_total(100);
        let (stop, stopped) = mpsc::channel();
        let start = Instant::now();
        let thread = thread::spawn(move || draw_bar(&progress, start, &stopped));
        thread::sleep(Duration::from_millis(20));
        drop(stop);
        thread.join().expect("drawing does not panic");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
