//! Which format an input is written in, by its first lines.
//!
//! Every format reads the complete lines of the first [`HEAD_BYTES`]; the one that reads most of them is taken, if it is more
//! than half of those that could begin a record, or a third where records go on over several lines. Where two read as many, the
//! one that asks more of a line is taken.

use super::{By, Format, Kind, Parser, is_of_trace, logfmt};
use crate::logs::time::Clock;

/// So much of an input is looked at.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// What the first lines of an input are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detected {
    /// The format.
    pub format: Format,
    /// The format in words, as its lines have it: `common with a request time`.
    pub name: String,
    /// Lines of the head that could begin a record.
    pub lines: usize,
    /// Those that are records of this format.
    pub read: usize,
    /// When the first record was, and how many seconds its clock is ahead of UTC.
    pub first: Option<(i64, i32)>,
}

/// The format of an input that begins with `head`. `is_all`: there is nothing more, so that its last line is complete.
///
/// # Errors
/// How many lines could begin a record, and the format that reads most of them, with their number.
pub(crate) fn detect(
    head: &[u8],
    is_all: bool,
    clock: &Clock,
) -> Result<Detected, (usize, Option<(Format, usize)>)> {
    let mut best: Option<Detected> = None;
    for format in Format::DETECTED {
        let judged = judge(head, is_all, &format, clock, true);
        if judged.read > best.as_ref().map_or(0, |best| best.read) {
            best = Some(judged);
        }
    }
    match best {
        Some(best) if is_enough(&best) => Ok(best),
        Some(best) => Err((best.lines, Some((best.format, best.read)))),
        None => Err((lines(head, is_all).count(), None)),
    }
}

/// Whether so many lines are records that the others may be what they are: broken ones or, where records go on over
/// several lines, the lines of stack traces that are not indented, of which each has one or two.
fn is_enough(judged: &Detected) -> bool {
    match judged.format {
        Format::Access => 2 * judged.read > judged.lines,
        _ => 3 * judged.read >= judged.lines,
    }
}

/// What `head` is if it is written in `format`. `strictly`: lines count only if they are unlikely to be of another format.
pub(crate) fn judge(
    head: &[u8],
    is_all: bool,
    format: &Format,
    clock: &Clock,
    strictly: bool,
) -> Detected {
    let mut parser = Parser::new(format, clock.clone(), &By::default(), None);
    let mut judged = Detected {
        format: format.clone(),
        name: String::new(),
        lines: 0,
        read: 0,
        first: None,
    };
    for line in lines(head, is_all) {
        let event = parser.parse(line);
        let is_known = match format {
            Format::Logfmt if strictly => event.is_some() && logfmt::is_certain(line),
            _ => event.is_some(),
        };
        judged.read += usize::from(is_known);
        // What is indented goes on with something, in whatever format.
        let is_indented = matches!(line.first(), Some(b' ' | b'\t'));
        judged.lines += usize::from(is_known || !(is_indented || is_of_trace(line)));
        if judged.first.is_none() {
            let timed = event.and_then(|event| Some((event.time_us?, event.offset_seconds)));
            judged.first = timed;
        }
    }
    judged.name = name(&parser, format);
    judged
}

/// The complete lines of `head` that are not blank.
fn lines(head: &[u8], is_all: bool) -> impl Iterator<Item = &[u8]> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let end = match memchr::memrchr(b'\n', head) {
        Some(newline) if !is_all => newline,
        // One line that is longer than the head is looked at as far as it goes.
        _ => head.len(),
    };
    head[..end]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii().is_empty())
}

/// The format in words.
fn name(parser: &Parser, format: &Format) -> String {
    let words = match (&parser.0, format) {
        (Kind::Access(access), _) => {
            let flavour = access.flavour;
            let base = if flavour.is_combined {
                "combined"
            } else {
                "common"
            };
            return match (flavour.has_vhost, flavour.has_latency) {
                (false, false) => base.to_owned(),
                (true, false) => format!("{base} with a virtual host"),
                (false, true) => format!("{base} with a request time"),
                (true, true) => format!("{base} with a virtual host and a request time"),
            };
        }
        (_, Format::Rfc5424) => "syslog (RFC 5424)",
        (_, Format::Rfc3164) => "syslog (RFC 3164)",
        (_, Format::Json) => "JSON lines",
        (_, Format::Text) => "text with times",
        (_, Format::Pattern(_)) => "the pattern",
        (_, other) => return other.to_string(),
    };
    words.to_owned()
}
