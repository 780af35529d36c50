//! The end of an input: what is said of it as a whole.

use tamis_engine::Result;

use super::{Binary, Found, InputMerge};
use crate::search::color::Color;
use crate::search::json;
use crate::search::options::Report;
use crate::search::stats::Stats;

impl InputMerge<'_, '_> {
    /// Ends the input: what is said of it as a whole. It was searched up to `end`, unless the search ended early.
    pub(in crate::search) fn finish(mut self, end: u64) -> Result<Found> {
        // As ripgrep counts: up to the byte that tells that this is no text, although all was searched.
        let ended_at = self.ended_at.unwrap_or(end);
        let ended_at = self.binary_at.map_or(ended_at, |at| ended_at.min(at));
        let has_match = self.matched_lines > 0;
        let mut stats = Stats {
            elapsed: self.started.elapsed(),
            searches: 1,
            searches_with_match: u64::from(has_match),
            bytes_searched: ended_at.saturating_sub(self.started_at),
            bytes_printed: 0,
            matched_lines: self.matched_lines,
            matches: self.matches,
        };
        let is_left = self.binary == Binary::Leave && self.binary_at.is_some();
        if self.search.report == Report::Lines {
            self.write_binary_note();
        }
        stats.bytes_printed = self.out.written();
        let out = self.out.buffer();
        let (search, name) = (self.search, self.name);
        let mut is_match = has_match;
        match search.report {
            Report::Lines => {}
            Report::Quiet => is_match &= !is_left,
            Report::Json if self.has_begun => {
                json::write_end(out, &name.json, self.binary_at, &stats);
            }
            Report::Json => {}
            _ if is_left => is_match = search.report == Report::FilesWithoutMatch,
            Report::Count | Report::CountMatches => {
                if has_match || search.style.include_zero {
                    if search.style.names {
                        name.write(out, search, b":");
                    }
                    let count = match search.report {
                        Report::Count => self.matched_lines,
                        _ => self.matches,
                    };
                    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
                    out.extend_from_slice(search.terminator_text());
                }
            }
            Report::FilesWithMatch | Report::FilesWithoutMatch => {
                is_match = has_match == (search.report == Report::FilesWithMatch);
                if is_match {
                    name.write(out, search, search.terminator_text());
                }
            }
        }
        self.out.finish()?;
        Ok(Found {
            is_match,
            stats,
            work: self.work,
        })
    }

    fn write_binary_note(&mut self) {
        let Some(offset) = self.binary_at.filter(|_| self.matched_lines > 0) else {
            return;
        };
        let out = self.out.buffer();
        if self.search.style.names {
            Color::Path.paint(self.search.style.color, out, &self.name.bytes);
            out.extend_from_slice(b": ");
        }
        let note = match self.binary {
            Binary::Leave => {
                "WARNING: stopped searching binary file after match (found \"\\0\" byte"
            }
            _ => "binary file matches (found \"\\0\" byte",
        };
        out.extend_from_slice(format!("{note} around offset {offset})\n").as_bytes());
    }
}
