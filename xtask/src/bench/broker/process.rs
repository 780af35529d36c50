//! A process that is measured from outside: what it takes of the processors and of memory, as `/proc` has it (proc(5)).

use std::fs;
use std::process::{Child, Command};

use crate::Result;
use crate::command::program;

/// Clock ticks of `/proc/PID/stat` in a second: Linux tells programs this number on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process of ours; it ends with its owner.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn();
        let name = command.get_program().to_string_lossy();
        let child = child.map_err(|error| format!("cannot start `{name}`: {error}"))?;
        Ok(Self(child))
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Seconds on processors so far, in the process and in the system for it.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let stat = self.file("stat");
        cpu_seconds(&stat, OWN_TIME)
    }

    /// Has the peak count from now on.
    pub(super) fn reset_peak(&self) {
        // Where that is forbidden the peak is of the whole life.
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5");
    }

    /// Most memory since the peak was reset, in megabytes.
    pub(super) fn peak_rss_mb(&self) -> f64 {
        self.status_mb("VmHWM")
    }

    /// Memory now, in megabytes.
    pub(super) fn rss_mb(&self) -> f64 {
        self.status_mb("VmRSS")
    }

    /// Open descriptors.
    pub(super) fn descriptors(&self) -> f64 {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.0.id()));
        folder.map_or(f64::NAN, |it| it.count() as f64)
    }

    /// Whether it runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) -> Result<()> {
        let mut kill = program("kill");
        let asked = kill.arg("-TERM").arg(self.0.id().to_string()).status();
        asked.map_err(|error| format!("kill: {error}"))?;
        self.0.wait().map_err(|error| error.to_string())?;
        Ok(())
    }

    /// In a line such as `VmRSS:  1234 kB`.
    fn status_mb(&self, name: &str) -> f64 {
        let status = self.file("status");
        let line = status.lines().find_map(|it| it.strip_prefix(name));
        let number = line.and_then(|it| it.split_whitespace().nth(1)?.parse::<f64>().ok());
        number.map_or(f64::NAN, |kibibytes| kibibytes * 1024.0 / 1e6)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Seconds on processors of all processes that this one has started and waited for.
pub(super) fn waited_for_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    cpu_seconds(&stat, TIME_OF_CHILDREN)
}

/// Fields of `/proc/PID/stat` behind the name of the program: what the process took itself, which is followed by what the system took for it ...
const OWN_TIME: usize = 11;

/// ... and both of those that it has waited for.
const TIME_OF_CHILDREN: usize = 13;

fn cpu_seconds(stat: &str, field: usize) -> f64 {
    cpu_ticks(stat, field).map_or(f64::NAN, |ticks| ticks as f64 / TICKS_PER_SECOND)
}

/// Of `/proc/PID/stat`: the name of the program, in brackets, may have spaces in it.
fn cpu_ticks(stat: &str, field: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(field);
    let own: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(own + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_processors_is_in_the_14th_to_17th_field() {
        let stat = "7 (a) b ) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 9 8 20 0 3 0 100 4096000 512";
        assert_eq!(cpu_ticks(stat, OWN_TIME), Some(300));
        assert_eq!(cpu_ticks(stat, TIME_OF_CHILDREN), Some(17));
        assert_eq!(cpu_ticks("", OWN_TIME), None);
    }
}
