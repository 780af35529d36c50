//! Logs of programs that begin every record with its time and mostly say its level soon after: Python's `logging`,
//! log4j, nginx's error log, most of what prints lines.
//!
//! ```text
//! 2026-11-20 14:30:05,123 - worker - ERROR - message
//! [2026-11-20T14:30:05.123Z] ERROR [main] message
//! 2026/11/20 14:30:05 [error] 1234#0: *1 message
//! ```

use super::By;
use crate::logs::event::{Event, Text};
use crate::logs::level::Level;
use crate::logs::time::Clock;

/// Fields by which records can be grouped.
pub(super) const FIELDS: [&str; 1] = ["level"];

/// Words behind the time among which a level is looked for.
const WORDS_MAX: usize = 6;

/// Reads records that begin with a time.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    clock: Clock,
    by: By,
}

impl Timed {
    pub(super) fn new(clock: Clock, by: By) -> Timed {
        Timed { clock, by }
    }

    pub(super) fn parse<'l>(&mut self, line: &'l [u8]) -> Option<Event<'l>> {
        let inside = line.strip_prefix(b"[").unwrap_or(line);
        let (read, len) = self.clock.prefix(inside)?;
        let rest = &inside[len..];
        if rest.first().is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let level = level(rest);
        let by = level.filter(|_| self.by.as_bytes() == Some(b"level"));
        Some(Event {
            time_us: Some(read.time_us),
            offset_seconds: read.offset_seconds,
            level,
            by: by.map(|level| Text::plain(level.name().as_bytes())),
            ..Event::default()
        })
    }
}

/// The first of the first words that is a level, and is written as one: in capitals, in brackets, before a colon.
fn level(rest: &[u8]) -> Option<Level> {
    let head = &rest[..rest.len().min(160)];
    let (mut at, mut words) = (0, 0);
    while at < head.len() && words < WORDS_MAX {
        let len = head[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/'))
            .count();
        let word = &head[at..at + len];
        let is_marked = matches!(head.get(at + len), Some(b']' | b':' | b'|' | b'>' | b')'));
        let is_capital = word.iter().all(u8::is_ascii_uppercase);
        if len > 1
            && (is_marked || is_capital)
            && word.iter().all(u8::is_ascii_alphabetic)
            && let Some(level) = Level::of_text(word)
        {
            return Some(level);
        }
        words += usize::from(len > 0);
        at += len.max(1);
    }
    None
}
