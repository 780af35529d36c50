//! What the system says this process has taken.

/// The most physical memory this process has held at any moment so far, in bytes.
///
/// Pages of mapped files count while they are resident. `None` where the system does not say:
/// only Linux does, in `/proc/self/status`.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    high_water_mark_bytes(&status)
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
