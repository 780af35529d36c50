//! JSON lines: one object a record, its fields found by their names.
//!
//! A line is walked over once. It counts as a record when it is one object from its first byte to its last; numbers and
//! literals are not judged further, since a log is no document. Members of objects have dotted names, three deep.

use memchr::memchr2;

use super::By;
use super::keys::{Role, role_of};
use crate::logs::event::{Event, Text};
use crate::logs::level::Level;
use crate::logs::number::{self, Unit};
use crate::logs::time::Clock;

/// Members of members further down are skipped.
const DEPTH_MAX: usize = 3;

/// Names that are remembered with what they mean; there are few in a log, unless they are data.
const KNOWN_MAX: usize = 512;

/// Reads records of named fields: JSON, and what else has names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) clock: Clock,
    by: By,
    latency_unit: Option<Unit>,
    /// Names in the order in which the last records had them.
    known: Vec<(Box<[u8]>, Meaning)>,
    /// Where the next name is expected.
    next: usize,
    /// The dotted name of the object that is being read.
    parents: Vec<u8>,
}

/// What the field of a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meaning {
    role: Option<Role>,
    /// It is the field to group by: `Exact` if it is called so, `Role` if it means that.
    by: Match,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    #[default]
    No,
    Role,
    Exact,
}

/// The value of a field as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'l> {
    /// A string without its quotes.
    Text(Text<'l>),
    /// A number or a literal.
    Bare(&'l [u8]),
}

impl<'l> Value<'l> {
    fn text(self) -> Text<'l> {
        match self {
            Value::Text(text) => text,
            Value::Bare(raw) => Text::plain(raw),
        }
    }
}

/// What is known of a record while its fields are read.
#[derive(Debug, Default)]
pub(super) struct Record<'l> {
    pub(super) event: Event<'l>,
    by: Match,
}

impl Named {
    pub(super) fn new(clock: Clock, by: By, latency_unit: Option<Unit>) -> Named {
        Named {
            clock,
            by,
            latency_unit,
            known: Vec::new(),
            next: 0,
            parents: Vec::new(),
        }
    }

    pub(super) fn parse<'l>(&mut self, line: &'l [u8]) -> Option<Event<'l>> {
        let mut record = Record::default();
        self.start();
        let rest = self.object(line.trim_ascii(), 1, &mut record)?;
        rest.trim_ascii().is_empty().then_some(record.event)
    }

    /// A record begins.
    pub(super) fn start(&mut self) {
        self.next = 0;
        self.parents.clear();
    }

    /// The members of the object at the start of `text`; what follows it.
    fn object<'l>(
        &mut self,
        text: &'l [u8],
        depth: usize,
        record: &mut Record<'l>,
    ) -> Option<&'l [u8]> {
        let mut rest = text.strip_prefix(b"{")?.trim_ascii_start();
        if let Some(behind) = rest.strip_prefix(b"}") {
            return Some(behind);
        }
        loop {
            let (name, behind) = string(rest)?;
            let behind = behind.trim_ascii_start().strip_prefix(b":")?;
            rest = self.value(name, behind.trim_ascii_start(), depth, record)?;
            rest = rest.trim_ascii_start();
            match rest.split_first()? {
                (b',', behind) => rest = behind.trim_ascii_start(),
                (b'}', behind) => return Some(behind),
                _ => return None,
            }
        }
    }

    /// The value at the start of `text`; what follows it.
    fn value<'l>(
        &mut self,
        name: Text<'l>,
        text: &'l [u8],
        depth: usize,
        record: &mut Record<'l>,
    ) -> Option<&'l [u8]> {
        let (value, behind) = match text.first()? {
            b'"' => {
                let (value, behind) = string(text)?;
                (Value::Text(value), behind)
            }
            b'{' if depth < DEPTH_MAX => {
                let parents_len = self.parents.len();
                self.parents.extend_from_slice(name.raw());
                self.parents.push(b'.');
                let behind = self.object(text, depth + 1, record);
                self.parents.truncate(parents_len);
                return behind;
            }
            b'{' | b'[' => return skip(text),
            _ => {
                let end = text
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t'))?;
                let (bare, behind) = text.split_at(end);
                let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                if bare.is_empty() || !bare.iter().all(is_bare) {
                    return None;
                }
                if bare == b"null" {
                    return Some(behind);
                }
                (Value::Bare(bare), behind)
            }
        };
        let meaning = match self.parents.is_empty() {
            true => self.meaning(name.raw()),
            false => {
                let parents_len = self.parents.len();
                self.parents.extend_from_slice(name.raw());
                let full = std::mem::take(&mut self.parents);
                let meaning = self.meaning(&full);
                self.parents = full;
                self.parents.truncate(parents_len);
                meaning
            }
        };
        self.apply(meaning, value, record);
        Some(behind)
    }

    /// A field of that name and value.
    pub(super) fn field<'l>(&mut self, name: &[u8], value: Value<'l>, record: &mut Record<'l>) {
        let meaning = self.meaning(name);
        self.apply(meaning, value, record);
    }

    /// What the field of this name is for. Records of a log have the same names in the same order, most of the time.
    #[inline]
    fn meaning(&mut self, name: &[u8]) -> Meaning {
        if let Some((known, meaning)) = self.known.get(self.next)
            && **known == *name
        {
            self.next += 1;
            return *meaning;
        }
        if let Some(at) = self.known.iter().position(|(known, _)| **known == *name) {
            self.next = at + 1;
            return self.known[at].1;
        }
        let role = role_of(name);
        let by = match self.by.as_bytes() {
            Some(by) if by == name => Match::Exact,
            Some(by) if role.is_some_and(|role| role.name().as_bytes() == by) => Match::Role,
            _ => Match::No,
        };
        let meaning = Meaning { role, by };
        if self.known.len() < KNOWN_MAX {
            self.next = self.next.min(self.known.len());
            self.known.insert(self.next, (name.into(), meaning));
            self.next += 1;
        }
        meaning
    }

    /// The first field of a meaning counts, as long as it can be read as that.
    fn apply<'l>(&mut self, meaning: Meaning, value: Value<'l>, record: &mut Record<'l>) {
        let event = &mut record.event;
        let text = value.text();
        let is_by = record.by < meaning.by;
        if is_by {
            record.by = meaning.by;
            event.by = Some(text);
        }
        match meaning.role {
            None => {}
            Some(Role::Time) if event.time_us.is_none() => {
                if let Some(read) = self.clock.whole(text.raw()) {
                    event.time_us = Some(read.time_us);
                    event.offset_seconds = read.offset_seconds;
                }
            }
            Some(Role::Level) if event.level.is_none() => {
                event.level = Level::of_text(text.raw());
                // One name for what has many.
                if let Some(level) = event.level.filter(|_| is_by) {
                    event.by = Some(Text::plain(level.name().as_bytes()));
                }
            }
            Some(Role::Status) if event.status.is_none() => {
                let status = number::whole(text.raw()).filter(|it| (100..1000).contains(it));
                event.status = status.map(|status| status as u16);
            }
            Some(Role::Path) if event.path.is_none() => event.path = Some(text),
            Some(Role::Method) if event.method.is_none() => event.method = Some(text),
            Some(Role::Host) if event.host.is_none() => event.host = Some(text),
            Some(Role::Client) if event.client.is_none() => event.client = Some(text),
            Some(Role::App) if event.app.is_none() => event.app = Some(text),
            Some(Role::Bytes) if event.bytes.is_none() => event.bytes = number::whole(text.raw()),
            Some(Role::Latency(unit)) if event.latency_ns.is_none() => {
                let unit = self.latency_unit.unwrap_or(unit);
                event.latency_ns = number::duration_ns(text.raw(), unit);
            }
            Some(_) => {}
        }
    }
}

/// The string at the start of `text`, and what follows it.
fn string(text: &[u8]) -> Option<(Text<'_>, &[u8])> {
    quoted(text.strip_prefix(b"\"")?)
}

/// What stands before the closing quote, and what behind it.
pub(super) fn quoted(inside: &[u8]) -> Option<(Text<'_>, &[u8])> {
    let (mut at, mut has_escapes) = (0, false);
    loop {
        at += memchr2(b'"', b'\\', inside.get(at..)?)?;
        if inside[at] == b'"' {
            let raw = &inside[..at];
            let value = match has_escapes {
                true => Text::escaped(raw),
                false => Text::plain(raw),
            };
            return Some((value, &inside[at + 1..]));
        }
        has_escapes = true;
        at += 2;
    }
}

/// What follows the object or array at the start of `text`, whatever is in it.
fn skip(text: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut rest) = (0_usize, text);
    loop {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        match byte {
            b'"' => {
                // Back to the quote that was taken.
                let from = text.len() - rest.len() - 1;
                rest = string(&text[from..])?.1;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(rest);
                }
            }
            _ => {}
        }
    }
}
