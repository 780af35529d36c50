//! `--pattern`: a format that the user describes, by a line of it with names for what changes.
//!
//! ```text
//! {host} - {user} [{time}] "{method} {path} {}" {status} {bytes} {latency_ms}
//! ```
//!
//! - `{name}` is a field. It goes on to where the text behind it in the pattern stands next, the last one to the end of the
//!   line. What it means follows from its name, as in JSON: `status`, `path`, `latency_ms`.
//! - `{}` is something that nobody asks for.
//! - A space stands for one or more spaces or tabs, all else for itself; `{{` and `}}` for a brace.
//! - A time is read in any way that logs write one, and takes as many words as it needs.
//! - Text behind a quotation mark goes on to the next one without a backslash.
//!
//! A regular expression was the alternative. It says more, and hardly anybody gets one for a log line right at
//! three in the morning; and one whose fields must not run into each other is as fast as this only with care.

mod compile;

pub use compile::Pattern;
use compile::{Element, Literal};

use super::json::{Named, Record, Value};
use crate::logs::event::{Event, Text};
use crate::logs::time::Clock;

/// Ends that are tried for a time.
const TIME_WORDS_MAX: usize = 8;

impl Pattern {
    /// The record in a line, if the pattern fits all of it.
    pub(super) fn parse<'l>(&self, named: &mut Named, line: &'l [u8]) -> Option<Event<'l>> {
        let mut record = Record::default();
        named.start();
        let mut at = 0;
        let mut elements = self.elements.iter().peekable();
        while let Some(element) = elements.next() {
            let name = match element {
                Element::Literal(literal) => {
                    at = literal.match_at(line, at)?;
                    continue;
                }
                Element::Field { name } => name,
            };
            let next = match elements.peek() {
                Some(Element::Literal(literal)) => Some(literal),
                _ => None,
            };
            let end = match self.is_time(name) {
                true => time_end(&mut named.clock, line, at, next)?,
                false => field_end(line, at, next)?,
            };
            if !name.is_empty() {
                let value = Value::Text(Text::plain(&line[at..end]));
                named.field(name.as_bytes(), value, &mut record);
            }
            at = end;
        }
        (at == line.len()).then_some(record.event)
    }

    /// Whether a record could begin like this; `None` if the pattern does not tell.
    pub(super) fn begins(&self, named: &mut Named, line: &[u8]) -> Option<bool> {
        let (literal_end, rest) = match self.elements.split_first()? {
            (Element::Literal(literal), rest) => (literal.match_at(line, 0), rest),
            _ => (Some(0), self.elements.as_slice()),
        };
        let Some(at) = literal_end else {
            return Some(false);
        };
        match rest.first()? {
            Element::Field { name } if self.is_time(name) => {
                let next = match rest.get(1) {
                    Some(Element::Literal(literal)) => Some(literal),
                    _ => None,
                };
                Some(time_end(&mut named.clock, line, at, next).is_some())
            }
            _ if at > 0 => Some(true),
            _ => None,
        }
    }
}

/// Where the field that begins at `at` ends: before the next place where `next` stands.
fn field_end(line: &[u8], at: usize, next: Option<&Literal>) -> Option<usize> {
    match next {
        None => Some(line.len()),
        Some(literal) => literal.find(line, at),
    }
}

/// Where the time that begins at `at` ends: the first such place at which what lies between is a time.
fn time_end(clock: &mut Clock, line: &[u8], at: usize, next: Option<&Literal>) -> Option<usize> {
    let mut from = at;
    for _ in 0..TIME_WORDS_MAX {
        let end = field_end(line, from, next)?;
        if clock.whole(line.get(at..end)?).is_some() {
            return Some(end);
        }
        next?;
        from = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::By;
    use super::*;
    use crate::logs::level::Level;
    use crate::logs::time::Zone;

    fn named(by: &str) -> Named {
        Named::new(Clock::new(Zone::UTC, 0), By::new(Some(by)), None)
    }

    #[test]
    fn the_pattern_of_the_manual_reads_its_line() {
        let pattern =
            "{host} - {user} [{time}] \"{method} {path} {}\" {status} {bytes} {latency_ms}";
        let pattern = Pattern::compile(pattern).expect("a good pattern");
        let line = b"10.0.0.7 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a?b=c HTTP/1.0\" 503 2326   12.5";
        let mut named = named("user");
        let event = pattern.parse(&mut named, line).expect("it fits");
        assert_eq!(event.host.map(|it| it.raw()), Some(&b"10.0.0.7"[..]));
        assert_eq!(event.by.map(|it| it.raw()), Some(&b"frank"[..]));
        assert_eq!(event.path.map(|it| it.raw()), Some(&b"/a?b=c"[..]));
        assert_eq!((event.status, event.bytes), (Some(503), Some(2326)));
        assert_eq!(event.latency_ns, Some(12_500_000));
        assert_eq!(event.time_us, Some(971_211_336_000_000));
    }

    #[test]
    fn a_time_takes_the_words_it_needs() {
        let pattern = Pattern::compile("{time} {level} [{thread}] {logger} - {message}");
        let pattern = pattern.expect("a good pattern");
        let line = b"2026-11-20 14:30:05,123 WARN  [main] com.example.A - it - is {late}";
        let mut named = named("logger");
        let event = pattern.parse(&mut named, line).expect("it fits");
        assert_eq!(event.level, Some(Level::Warn));
        assert_eq!(event.by.map(|it| it.raw()), Some(&b"com.example.A"[..]));
        assert!(event.time_us.is_some());
        assert_eq!(
            pattern.parse(&mut named, b"  at com.example.A.b(A.java:1)"),
            None
        );
        assert_eq!(pattern.begins(&mut named, b"Caused by: x"), Some(false));
        assert_eq!(pattern.begins(&mut named, line), Some(true));
    }

    #[test]
    fn quotes_and_braces_are_what_they_look_like() {
        let pattern = Pattern::compile("{{{app}}} \"{agent}\" {status}").expect("a good pattern");
        let mut named = named("agent");
        let line = br#"{shop} "a \"b\" c" 200"#;
        let event = pattern.parse(&mut named, line).expect("it fits");
        assert_eq!(event.app.map(|it| it.raw()), Some(&b"shop"[..]));
        assert_eq!(event.by.map(|it| it.raw()), Some(&br#"a \"b\" c"#[..]));
        assert_eq!(
            pattern
                .parse(&mut named, b"{shop} \"a\" 200 more")
                .map(|it| it.status),
            Some(None)
        );
        assert_eq!(pattern.parse(&mut named, b"{shop} a 200"), None);
    }

    #[test]
    fn patterns_that_cannot_mean_anything_are_refused() {
        for (pattern, message) in [
            ("", "no field"),
            ("abc {}", "no field"),
            ("{a}{b}", "nothing between"),
            ("{a", "`{` at byte 0"),
            ("a} {b}", "`}` at byte 1"),
            ("{a b}", "`a b`"),
        ] {
            let error = Pattern::compile(pattern).expect_err(pattern);
            assert!(error.contains(message), "{pattern}: {error}");
        }
    }
}
