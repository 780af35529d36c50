//! The format of glog and klog: `I1120 14:30:05.123456   12345 server.go:123] message`.
//!
//! A letter for the level, the day without its year (or with it, `I20261120`), the time, the thread, the place in the source.

use memchr::memchr;

use super::By;
use crate::logs::event::{Event, Text};
use crate::logs::level::Level;
use crate::logs::time::Clock;

/// Fields by which records can be grouped.
pub(super) const FIELDS: [&str; 4] = ["level", "thread", "file", "line"];

/// Reads records of glog and klog.
#[derive(Clone, Debug)]
pub(super) struct Glog {
    clock: Clock,
    by: By,
}

impl Glog {
    pub(super) fn new(clock: Clock, by: By) -> Glog {
        Glog { clock, by }
    }

    pub(super) fn parse<'l>(&mut self, line: &'l [u8]) -> Option<Event<'l>> {
        let (letter, rest) = line.split_first()?;
        let level = level(*letter)?;
        let (read, len) = self.clock.glog(rest)?;
        let rest = rest[len..].strip_prefix(b" ")?.trim_ascii_start();
        let thread_len = memchr(b' ', rest)?;
        let (thread, rest) = (&rest[..thread_len], &rest[thread_len + 1..]);
        let place = &rest[..memchr(b']', rest)?];
        let colon = memchr::memrchr(b':', place)?;
        if !thread.iter().all(u8::is_ascii_digit) || thread.is_empty() {
            return None;
        }
        let by = match self.by.as_bytes() {
            Some(b"level") => Some(level.name().as_bytes()),
            Some(b"thread") => Some(thread),
            Some(b"file") => Some(&place[..colon]),
            Some(b"line") => Some(place),
            _ => None,
        };
        Some(Event {
            time_us: Some(read.time_us),
            offset_seconds: read.offset_seconds,
            level: Some(level),
            by: by.map(Text::plain),
            ..Event::default()
        })
    }

    /// Whether a record could begin like this.
    pub(super) fn begins(line: &[u8]) -> bool {
        let digits = line.iter().skip(1).take_while(|it| it.is_ascii_digit());
        line.first().is_some_and(|letter| level(*letter).is_some())
            && matches!(digits.count(), 4 | 8)
    }
}

fn level(letter: u8) -> Option<Level> {
    Some(match letter {
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Critical,
        b'D' => Level::Debug,
        _ => return None,
    })
}
