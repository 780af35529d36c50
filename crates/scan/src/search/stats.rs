//! How much was searched and found.

use std::ops::AddAssign;
use std::time::Duration;

use super::json;
use super::options::Report;

/// Counts of one input or of all, as ripgrep has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Time spent on inputs, added up over threads.
    pub elapsed: Duration,
    /// Inputs.
    pub searches: u64,
    /// Inputs with a match.
    pub searches_with_match: u64,
    /// Bytes of inputs, after decompression, up to where their search ended.
    pub bytes_searched: u64,
    /// Bytes of rows.
    pub bytes_printed: u64,
    /// Lines that match.
    pub matched_lines: u64,
    /// Matches in them.
    pub matches: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, more: Stats) {
        self.elapsed += more.elapsed;
        self.searches += more.searches;
        self.searches_with_match += more.searches_with_match;
        self.bytes_searched += more.bytes_searched;
        self.bytes_printed += more.bytes_printed;
        self.matched_lines += more.matched_lines;
        self.matches += more.matches;
    }
}

impl Stats {
    /// What is said of all inputs at the end, `elapsed` after the start.
    pub fn summary(&self, report: Report, elapsed: Duration) -> Vec<u8> {
        let mut out = Vec::new();
        if report == Report::Json {
            json::write_summary(&mut out, self, elapsed);
            return out;
        }
        let lines = [
            (self.matches, "matches"),
            (self.matched_lines, "matched lines"),
            (self.searches_with_match, "files contained matches"),
            (self.searches, "files searched"),
            (self.bytes_printed, "bytes printed"),
            (self.bytes_searched, "bytes searched"),
        ];
        out.push(b'\n');
        for (count, what) in lines {
            out.extend_from_slice(format!("{count} {what}\n").as_bytes());
        }
        let (spent, total) = (self.elapsed.as_secs_f64(), elapsed.as_secs_f64());
        out.extend_from_slice(format!("{spent:.6} seconds spent searching\n").as_bytes());
        out.extend_from_slice(format!("{total:.6} seconds total\n").as_bytes());
        out
    }
}
