//! What the system says of this process. Where it says nothing, nothing is told.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

/// What this process takes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// Bytes in memory.
    pub(crate) resident_bytes: Option<u64>,
    /// Seconds on processors, in the process and in the system for it.
    pub(crate) cpu_seconds: Option<f64>,
    /// Bytes that came from disks.
    pub(crate) read_bytes: Option<u64>,
    /// Bytes that went to disks, or will.
    pub(crate) written_bytes: Option<u64>,
    /// Open descriptors.
    pub(crate) descriptors: Option<u64>,
    /// Seconds in which each core of the machine was busy, whoever kept it so: nobody is told how long one process was on one core.
    pub(crate) core_seconds: Vec<(u32, f64)>,
}

impl Process {
    /// Memory and time on processors as they are now: one file is read, however many connections there are.
    pub(crate) fn look_briefly() -> Process {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Process::of_stat(&stat, clock_ticks_per_second(), page_size() as u64)
    }

    /// As it is now.
    pub(crate) fn look() -> Process {
        let mut process = Process::look_briefly();
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let descriptors = fs::read_dir("/proc/self/fd").map(|it| it.count() as u64);
        process.read_bytes = value_of(&io, "read_bytes");
        process.written_bytes = value_of(&io, "write_bytes");
        process.descriptors = descriptors.ok();
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        process.core_seconds = busy_cores(&machine, clock_ticks_per_second());
        process
    }

    /// Of `/proc/self/stat` (proc(5)); the name of the program, in brackets, may have spaces and brackets in it.
    fn of_stat(stat: &str, ticks_per_second: u64, page_bytes: u64) -> Process {
        let Some((_, rest)) = stat.rsplit_once(')') else {
            return Process::default();
        };
        // The first of these is field 3 of the page.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = number(14).zip(number(15)).map(|(own, system)| own + system);
        Process {
            resident_bytes: number(24).map(|pages| pages * page_bytes),
            cpu_seconds: ticks.map(|it| it as f64 / ticks_per_second.max(1) as f64),
            ..Process::default()
        }
    }
}

/// Of `/proc/stat` (proc(5)): what a core did is behind `cpu` and its number, in ticks. Time of guests is in that of users already.
fn busy_cores(stat: &str, ticks_per_second: u64) -> Vec<(u32, f64)> {
    let cores = stat.lines().filter_map(|line| {
        let (core, ticks) = line.strip_prefix("cpu")?.split_once(' ')?;
        let ticks: Vec<u64> = ticks
            .split_ascii_whitespace()
            .map_while(|it| it.parse().ok())
            .collect();
        let [
            user,
            nice,
            system,
            _idle,
            _io_wait,
            irq,
            soft_irq,
            stolen,
            ..,
        ] = ticks[..]
        else {
            return None;
        };
        let busy = user + nice + system + irq + soft_irq + stolen;
        Some((
            core.parse().ok()?,
            busy as f64 / ticks_per_second.max(1) as f64,
        ))
    });
    cores.collect()
}

/// The number behind `NAME:` at the beginning of a line.
fn value_of(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_is_no_field() {
        let stat = "7 (a) b ) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 4096000 512 18446744073709551615";
        let process = Process::of_stat(stat, 100, 4096);
        assert_eq!(process.cpu_seconds, Some(3.0));
        assert_eq!(process.resident_bytes, Some(512 * 4096));
        assert_eq!(Process::of_stat("", 100, 4096), Process::default());
    }

    #[test]
    fn a_name_is_a_whole_name() {
        let io = "rchar: 1\nread_bytes: 42\ncancelled_write_bytes: 9\nwrite_bytes: 7\n";
        assert_eq!(value_of(io, "read_bytes"), Some(42));
        assert_eq!(value_of(io, "write_bytes"), Some(7));
        assert_eq!(value_of(io, "bytes"), None);
    }

    #[test]
    fn a_core_is_busy_when_it_is_not_idle() {
        let stat = "cpu  900 0 0 900 0 0 0 0 0 0\ncpu0 100 20 30 5000 600 4 5 6 77 8\n\
                    cpu11 1 1 1 9 9 1 1 1 0 0\ncpu12 1 1\nintr 5\n";
        assert_eq!(busy_cores(stat, 100), [(0, 1.65), (11, 0.06)]);
        assert_eq!(busy_cores("", 100), []);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory() {
        let process = Process::look();
        assert!(process.resident_bytes.is_some_and(|it| it > 0));
        assert!(process.cpu_seconds.is_some());
        assert!(!process.core_seconds.is_empty());
    }
}
