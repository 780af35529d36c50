//! Syslog, as it is sent (RFC 5424, RFC 3164) and as daemons write it to files.
//!
//! ```text
//! <34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 [exampleSDID@32473 iut="3"] message
//! [<34>]Oct 11 22:14:15 mymachine su[230]: message
//! [<34>]2003-10-11T22:14:15.003Z mymachine su[230]: message
//! ```
//!
//! The last two are what rsyslog writes by its old and its new template; `journalctl` prints both. The level is that of the
//! priority, and where files leave that out there is none.

use memchr::memchr;

use super::By;
use crate::logs::event::{Event, Text};
use crate::logs::level::Level;
use crate::logs::number;
use crate::logs::time::Clock;

/// Fields by which records of both can be grouped; RFC 5424 has those of its structured data, too.
pub(super) const FIELDS: [&str; 6] = ["host", "app", "pid", "msgid", "facility", "level"];

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Rfc3164,
    Rfc5424,
}

/// Reads records of syslog.
#[derive(Clone, Debug)]
pub(super) struct Syslog {
    dialect: Dialect,
    clock: Clock,
    by: By,
}

impl Syslog {
    pub(super) fn new(dialect: Dialect, clock: Clock, by: By) -> Syslog {
        Syslog { dialect, clock, by }
    }

    pub(super) fn parse<'l>(&mut self, line: &'l [u8]) -> Option<Event<'l>> {
        let (priority, rest) = priority(line);
        let event = match self.dialect {
            Dialect::Rfc5424 => self.rfc5424(priority?, rest)?,
            Dialect::Rfc3164 => self.rfc3164(priority, rest)?,
        };
        Some(event)
    }

    /// Whether a record could begin like this.
    pub(super) fn begins(&self, line: &[u8]) -> bool {
        match self.dialect {
            Dialect::Rfc5424 => line.first() == Some(&b'<'),
            Dialect::Rfc3164 => match line {
                [b'<', digit, ..] => digit.is_ascii_digit(),
                [a, b, c, b' ', d, ..] => {
                    let is_month =
                        a.is_ascii_uppercase() && [b, c].iter().all(|it| it.is_ascii_lowercase());
                    is_month && (d.is_ascii_digit() || *d == b' ')
                }
                [a, b, c, d, b'-', ..] => [a, b, c, d].iter().all(|it| it.is_ascii_digit()),
                _ => false,
            },
        }
    }

    fn rfc5424<'l>(&mut self, priority: u8, rest: &'l [u8]) -> Option<Event<'l>> {
        // VERSION is 1, or whatever up to three digits a later standard brings.
        let (version, rest) = word(rest)?;
        if !(1..=3).contains(&version.len()) || !version.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let (time, rest) = word(rest)?;
        let mut event = Event {
            level: Some(Level::of_severity(priority & 7)),
            ..Event::default()
        };
        if time != b"-" {
            let (read, len) = self.clock.iso(time)?;
            if len != time.len() {
                return None;
            }
            (event.time_us, event.offset_seconds) = (Some(read.time_us), read.offset_seconds);
        }
        let (host, rest) = word(rest)?;
        let (app, rest) = word(rest)?;
        let (pid, rest) = word(rest)?;
        let (msgid, rest) = word(rest)?;
        let data = match rest {
            [b'-', ..] => &rest[..0],
            [b'[', ..] => &rest[..structured_data_len(rest)?],
            _ => return None,
        };
        event.host = value(host);
        event.app = value(app);
        event.by = match self.by.as_bytes() {
            None => None,
            Some(b"host") => value(host),
            Some(b"app") => value(app),
            Some(b"pid") => value(pid),
            Some(b"msgid") => value(msgid),
            Some(b"facility") => Some(facility(priority)),
            Some(b"level") => event
                .level
                .map(|level| Text::plain(level.name().as_bytes())),
            Some(name) => parameter(data, name),
        };
        Some(event)
    }

    fn rfc3164<'l>(&mut self, priority: Option<u8>, rest: &'l [u8]) -> Option<Event<'l>> {
        let is_iso = rest.first()?.is_ascii_digit();
        let (read, len) = match is_iso {
            true if rest.get(10) == Some(&b'T') => self.clock.iso(rest)?,
            true => return None,
            false => self.clock.month_first(rest)?,
        };
        let rest = rest.get(len..)?.strip_prefix(b" ")?;
        let mut event = Event {
            time_us: Some(read.time_us),
            offset_seconds: read.offset_seconds,
            level: priority.map(|priority| Level::of_severity(priority & 7)),
            ..Event::default()
        };
        let (host, rest) = word(rest)?;
        // A host is a name; what ends in a colon is a tag, and the host was left out.
        let (host, rest) = match host.last() {
            Some(b':') => (None, host),
            _ => (Some(host), rest),
        };
        let tag = tag(rest)?;
        // Programs begin their lines with a time, too, and go on with a level.
        if is_iso && !tag.is_marked || host.is_some_and(|host| Level::of_text(host).is_some()) {
            return None;
        }
        event.host = host.and_then(value);
        event.app = Some(Text::plain(tag.name));
        event.by = match self.by.as_bytes() {
            Some(b"host") => event.host,
            Some(b"app") => event.app,
            Some(b"pid") => tag.pid.map(Text::plain),
            Some(b"facility") => priority.map(facility),
            Some(b"level") => event
                .level
                .map(|level| Text::plain(level.name().as_bytes())),
            _ => None,
        };
        Some(event)
    }
}

/// `<34>`: facility times 8 plus severity, at most 191; and what follows.
fn priority(line: &[u8]) -> (Option<u8>, &[u8]) {
    let Some((b'<', inside)) = line.split_first() else {
        return (None, line);
    };
    let Some(close) = inside.iter().take(4).position(|byte| *byte == b'>') else {
        return (None, line);
    };
    match number::whole(&inside[..close]) {
        Some(value @ 0..=191) => (Some(value as u8), &inside[close + 1..]),
        _ => (None, line),
    }
}

/// A program and its process.
struct Tag<'l> {
    name: &'l [u8],
    pid: Option<&'l [u8]>,
    /// A colon or a bracket follows the name.
    is_marked: bool,
}

/// `su[230]: message`, `kernel: message`. RFC 3164 ends a tag at the first byte that is no letter or digit, daemons use more
/// of them.
fn tag(rest: &[u8]) -> Option<Tag<'_>> {
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b':' | b'[' | b' '))
        .unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    let pid = behind
        .strip_prefix(b"[")
        .and_then(|inside| Some(&inside[..memchr(b']', inside)?]));
    let is_marked = matches!(behind.first(), Some(b':' | b'['));
    (!name.is_empty()).then_some(Tag {
        name,
        pid,
        is_marked,
    })
}

/// The bytes before the next space, at least one, and those behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', text).unwrap_or(text.len());
    let (word, behind) = text.split_at(space);
    (!word.is_empty()).then_some((word, behind.strip_prefix(b" ").unwrap_or(behind)))
}

/// A value, unless it is the one for none.
fn value(text: &[u8]) -> Option<Text<'_>> {
    (text != b"-").then_some(Text::plain(text))
}

/// How long the elements `[id name="value" ...]` at the start of `text` are.
fn structured_data_len(text: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut at) = (false, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if is_quoted => at += 1,
            b'"' => is_quoted = !is_quoted,
            b']' if !is_quoted && text.get(at + 1) != Some(&b'[') => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The value of the parameter `name` or `id.name` in structured data.
fn parameter<'l>(data: &'l [u8], wanted: &[u8]) -> Option<Text<'l>> {
    let mut rest = data;
    let mut id: &[u8] = b"";
    while let Some((&first, behind)) = rest.split_first() {
        match first {
            b'[' => {
                let end = behind
                    .iter()
                    .position(|byte| matches!(byte, b' ' | b']'))
                    .unwrap_or(behind.len());
                (id, rest) = behind.split_at(end);
            }
            b' ' | b']' => rest = behind,
            _ => {
                let equals = memchr(b'=', rest)?;
                let (name, behind) = (&rest[..equals], rest[equals + 1..].strip_prefix(b"\"")?);
                let mut end = 0;
                while *behind.get(end)? != b'"' {
                    end += if behind[end] == b'\\' { 2 } else { 1 };
                }
                let value = behind.get(..end)?;
                let is_full = wanted
                    .strip_suffix(name)
                    .and_then(|it| it.strip_suffix(b"."))
                    == Some(id);
                if name == wanted || is_full {
                    return Some(match memchr(b'\\', value) {
                        Some(_) => Text::escaped(value),
                        None => Text::plain(value),
                    });
                }
                rest = &behind[end + 1..];
            }
        }
    }
    None
}

/// The facility of a priority, by the names of syslog.conf (RFC 5424 section 6.2.1).
fn facility(priority: u8) -> Text<'static> {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "security", "console", "clock", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    ];
    Text::plain(NAMES[usize::from(priority >> 3).min(23)].as_bytes())
}
