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
        let progress = progress.clone();
        let show = if is_terminal { draw_bar } else { write_lines };
        let thread = thread::spawn(move || {
            let start = Instant::now();
            if is_running(&stopped, PATIENCE) {
                show(&progress, start, &stopped);
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

fn draw_bar(progress: &Progress, start: Instant, stopped: &Receiver<()>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{spinner} {counters}", progress, start));
    let mut raw_bytes_total = 0;
    loop {
        let now = progress.snapshot();
        if now.raw_bytes_total != raw_bytes_total {
            if raw_bytes_total == 0 {
                let template = "{bar:24} {percent:>3} %  {counters}  ETA {eta}";
                bar.set_style(style(template, progress, start));
            }
            raw_bytes_total = now.raw_bytes_total;
        }
        // One update is one drawing.
        bar.update(|state| {
            if raw_bytes_total > 0 {
                state.set_len(raw_bytes_total);
            }
            state.set_pos(now.raw_bytes);
        });
        if !is_running(stopped, TICK) {
            return bar.finish_and_clear();
        }
    }
}

/// A style whose `{counters}` are those of the run at the moment of drawing.
fn style(template: &str, progress: &Progress, start: Instant) -> ProgressStyle {
    let progress = progress.clone();
    let counters = move |_: &ProgressState, out: &mut dyn fmt::Write| {
        // The bar has nobody to tell that its own buffer is full.
        let _ = out.write_str(&message(&progress.snapshot(), start.elapsed()));
    };
    ProgressStyle::with_template(template)
        .expect("both templates are well-formed")
        .with_key("counters", counters)
}

fn write_lines(progress: &Progress, start: Instant, stopped: &Receiver<()>) {
    while is_running(stopped, LINE_TICK) {
        let now = progress.snapshot();
        let share = match now.raw_bytes_total {
            0 => String::new(),
            total => format!("{:>3} %  ", now.raw_bytes.min(total) * 100 / total),
        };
        // If nobody can hear us there is nobody to tell.
        let _ = writeln!(io::stderr(), "{share}{}", message(&now, start.elapsed()));
    }
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
