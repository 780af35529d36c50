//! What the system says this process has taken.

/// The most physical memory this process has held at any moment so far, in bytes.
///
/// Pages of mapped files count while they are resident. `None` where the system does not say:
/// only Linux does, in `/proc/self/status`.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    high_water_mark_bytes(&status)
}

/// Pages that this process touched and the system had to map: without reading (minor faults), and with (major faults).
/// `None` where the system does not say: only Linux does, in `/proc/self/stat`.
pub fn page_faults() -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    faults(&stat)
}

/// Fields 10 and 12 of a process's statistics (proc_pid_stat(5)); the second field may hold anything, in parentheses.
fn faults(stat: &str) -> Option<(u64, u64)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(7);
    let minor = fields.next()?.parse().ok()?;
    let major = fields.nth(1)?.parse().ok()?;
    Some((minor, major))
}

/// The `VmHWM` line of a status file; its `kB` are 1024 bytes (proc_pid_status(5)).
fn high_water_mark_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_and_scaled() {
        let status = "Name:\ttamis\nVmPeak:\t  900 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 12 kB\n";
        assert_eq!(high_water_mark_bytes(status), Some(1234 * 1024));
        assert_eq!(high_water_mark_bytes("Name:\ttamis\n"), None);
        assert_eq!(high_water_mark_bytes("VmHWM:\tmuch kB\n"), None);
    }

    #[test]
    fn faults_are_found_behind_any_name() {
        let stat = "17 (a) b (c) S 1 2 3 4 5 6 101 102 103 104 7 8 9";
        assert_eq!(faults(stat), Some((101, 103)));
        assert_eq!(faults("17 (a) S 1 2"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn touching_memory_is_counted() {
        let (before, _) = page_faults().expect("Linux says");
        let touched = vec![1_u8; 8 << 20];
        let (after, _) = page_faults().expect("Linux says");
        assert!(after > before, "{before} {after}");
        drop(touched);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_taken_some_memory() {
        let before = peak_rss_bytes().expect("Linux says");
        let touched = vec![1u8; 32 << 20];
        let after = peak_rss_bytes().expect("Linux says");
        assert!(before > 100_000 && after >= before, "{before} {after}");
        drop(touched);
    }
}
