//! What the process takes of the machine.

use super::{Kind, Page};
use crate::metrics::{Allocations, Process};

impl Page {
    pub(super) fn put_allocations(&mut self, allocations: Allocations) {
        let counter = Kind::Counter;
        let help = "Pieces of memory that the process asked for.";
        let name = "tamis_allocations_total";
        self.put(name, counter, help, allocations.count);
        let help = "Bytes of memory that the process asked for.";
        let name = "tamis_allocated_bytes_total";
        self.put(name, counter, help, allocations.bytes);
    }

    /// By the names that Prometheus' own libraries use, where there are some.
    pub(super) fn put_process(&mut self, process: &Process) {
        let counter = Kind::Counter;
        if let Some(bytes) = process.resident_bytes {
            let help = "Memory of the process.";
            self.put("process_resident_memory_bytes", Kind::Gauge, help, bytes);
        }
        if let Some(seconds) = process.cpu_seconds {
            let help = "Time on processors.";
            self.put("process_cpu_seconds_total", counter, help, seconds);
        }
        let help = "Time in which a core of the machine was busy, with any process: how long one process was on one core the system does not tell.";
        let name = "tamis_core_busy_seconds_total";
        self.put_head(name, counter, help);
        for (core, seconds) in &process.core_seconds {
            self.put_value(name, &format!("{{core=\"{core}\"}}"), seconds);
        }
        if let Some(count) = process.descriptors {
            let help = "Open file descriptors.";
            self.put("process_open_fds", Kind::Gauge, help, count);
        }
        if let Some(bytes) = process.read_bytes {
            let help = "Bytes that the process had read from disks.";
            self.put("tamis_process_disk_read_bytes_total", counter, help, bytes);
        }
        if let Some(bytes) = process.written_bytes {
            let help = "Bytes that the process had written to disks.";
            let name = "tamis_process_disk_written_bytes_total";
            self.put(name, counter, help, bytes);
        }
    }
}
