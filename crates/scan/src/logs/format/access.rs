//! Access logs of web servers: the NCSA common and combined formats, as Apache and nginx write them.
//!
//! ```text
//! [vhost[:port] ]client ident user [10/Oct/2000:13:55:36 -0700] "GET /path HTTP/1.0" 200 2326[ "referer" "agent"][ ...]
//! ```
//!
//! The parse is a walk from one delimiter to the next. What follows the bytes is optional: quoted texts are the referer and the
//! agent; the first number that is not quoted is how long the request took, in seconds if it has a fraction (nginx's
//! `$request_time`), else in microseconds (Apache's `%D`); `rt=0.012` says so by its name.

use memchr::{memchr, memrchr};

use super::keys::{Role, role_of};
use crate::logs::event::{Event, Text};
use crate::logs::number::{self, Unit};
use crate::logs::time::Clock;

/// The fields of an access log that can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Client,
    Vhost,
    Ident,
    User,
    Method,
    Path,
    Protocol,
    Status,
    Referer,
    Agent,
}

impl Field {
    /// All of them by their names; what the formats themselves call them first.
    pub(super) const NAMES: [(&str, Field); 13] = [
        ("client", Field::Client),
        ("vhost", Field::Vhost),
        ("ident", Field::Ident),
        ("user", Field::User),
        ("method", Field::Method),
        ("path", Field::Path),
        ("protocol", Field::Protocol),
        ("status", Field::Status),
        ("referer", Field::Referer),
        ("agent", Field::Agent),
        ("host", Field::Client),
        ("user_agent", Field::Agent),
        ("referrer", Field::Referer),
    ];
}

/// What the lines so far had beyond the common format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flavour {
    pub(super) is_combined: bool,
    pub(super) has_vhost: bool,
    pub(super) has_latency: bool,
}

/// Reads lines of access logs.
#[derive(Clone, Debug)]
pub(super) struct Access {
    clock: Clock,
    by: Option<Field>,
    latency_unit: Option<Unit>,
    pub(super) flavour: Flavour,
}

impl Access {
    pub(super) fn new(clock: Clock, by: Option<Field>, latency_unit: Option<Unit>) -> Access {
        Access {
            clock,
            by,
            latency_unit,
            flavour: Flavour::default(),
        }
    }

    #[inline]
    pub(super) fn parse<'l>(&mut self, line: &'l [u8]) -> Option<Event<'l>> {
        let first_end = memchr(b' ', line)?;
        let (time, open, request_open) = self.time(line, first_end)?;
        let mut event = Event {
            time_us: Some(time.time_us),
            offset_seconds: time.offset_seconds,
            ..Event::default()
        };
        let names = self.names(&line[..first_end], line.get(first_end + 1..open)?);
        event.client = Some(Text::plain(names.client));

        let (request, behind) = quoted(line.get(request_open..)?)?;
        let request = Request::of(request);
        event.method = request.method.map(Text::plain);
        event.path = request.path.map(Text::plain);

        let (status, behind) = token(behind)?;
        event.status = match status {
            b"-" => None,
            &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
            }
            _ => return None,
        };
        let (bytes, behind) = token(behind)?;
        event.bytes = match bytes {
            b"-" => None,
            digits => Some(number::whole(digits)?),
        };
        let tail = self.tail(behind);
        event.latency_ns = tail.latency_ns;
        if let Some(by) = self.by {
            event.by = match by {
                Field::Client => Some(names.client),
                Field::Vhost => names.vhost,
                Field::Ident => names.ident,
                Field::User => names.user,
                Field::Method => request.method,
                Field::Path => request.path,
                Field::Protocol => request.protocol,
                Field::Status => Some(status),
                Field::Referer => tail.referer,
                Field::Agent => tail.agent,
            }
            .filter(|value| *value != b"-")
            .map(Text::plain);
        }
        Some(event)
    }

    /// The time in its brackets; where these open, and where the quote of the request does.
    #[inline(always)]
    fn time(
        &mut self,
        line: &[u8],
        first_end: usize,
    ) -> Option<(crate::logs::time::Read, usize, usize)> {
        let mut from = first_end;
        // A user may be called `[x`: a few brackets are tried.
        for _ in 0..4 {
            let open = from + memchr(b'[', &line[from..])?;
            let inside = &line[open + 1..];
            if let Some(clf) = inside.first_chunk::<26>()
                && inside.get(26..29) == Some(b"] \"")
                && let Some(read) = self.clock.clf(clf)
            {
                return Some((read, open, open + 30));
            }
            // Another way of writing times, such as nginx's `$time_iso8601`.
            let close = memchr(b']', inside)?;
            if inside.get(close + 1..close + 3) == Some(b" \"")
                && let Some(read) = self.clock.whole(&inside[..close])
            {
                return Some((read, open, open + close + 4));
            }
            from = open + 1;
        }
        None
    }

    /// Who asked whom: `first` is what the line begins with, `middle` what stands between that and the bracket.
    #[inline(always)]
    fn names<'l>(&mut self, first: &'l [u8], middle: &'l [u8]) -> Names<'l> {
        let mut names = Names {
            client: first,
            ..Names::default()
        };
        let middle = middle.strip_suffix(b" ").unwrap_or(middle);
        if middle == b"- -" {
            return names;
        }
        let (second, rest) = token(middle).unwrap_or((middle, b""));
        let (third, behind) = token(rest).unwrap_or((rest, b""));
        // The identity is always `-` these days, which tells a host in front of the client from the client.
        if second != b"-" && third == b"-" && !rest.is_empty() && has_more(behind) {
            if let Some(client) = first.strip_suffix(b",") {
                // A list of proxies.
                names.client = client;
            } else {
                self.flavour.has_vhost = true;
                (names.vhost, names.client) = (Some(first), second);
            }
            names.user = Some(behind.trim_ascii());
            return names;
        }
        names.ident = Some(second);
        names.user = Some(rest.trim_ascii()).filter(|user| !user.is_empty());
        names
    }

    /// What stands behind the bytes.
    #[inline(always)]
    fn tail<'l>(&mut self, mut rest: &'l [u8]) -> Tail<'l> {
        let mut tail = Tail::default();
        let mut texts = 0;
        loop {
            match rest {
                [] => return tail,
                [b' ', after @ ..] => rest = after,
                [b'"', inside @ ..] => {
                    let (text, behind) = quoted(inside).unwrap_or((inside, b""));
                    match texts {
                        0 => tail.referer = Some(text),
                        1 => {
                            tail.agent = Some(text);
                            self.flavour.is_combined = true;
                        }
                        _ => {}
                    }
                    texts += 1;
                    rest = behind;
                }
                _ => {
                    let (word, behind) = token(rest).unwrap_or((rest, b""));
                    if tail.latency_ns.is_none() {
                        tail.latency_ns = self.latency(word);
                        self.flavour.has_latency |= tail.latency_ns.is_some();
                    }
                    rest = behind;
                }
            }
        }
    }

    fn latency(&self, word: &[u8]) -> Option<u64> {
        if word.first()?.is_ascii_digit() {
            let unit = match memchr(b'.', word) {
                Some(_) => Unit::Seconds,
                None => Unit::Microseconds,
            };
            return number::duration_ns(word, self.latency_unit.unwrap_or(unit));
        }
        let (name, value) = word.split_at(memchr(b'=', word)?);
        let Some(Role::Latency(unit)) = role_of(name) else {
            return None;
        };
        let value = value[1..].trim_ascii();
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        number::duration_ns(value, self.latency_unit.unwrap_or(unit))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Names<'l> {
    client: &'l [u8],
    vhost: Option<&'l [u8]>,
    ident: Option<&'l [u8]>,
    user: Option<&'l [u8]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tail<'l> {
    referer: Option<&'l [u8]>,
    agent: Option<&'l [u8]>,
    latency_ns: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Request<'l> {
    method: Option<&'l [u8]>,
    path: Option<&'l [u8]>,
    protocol: Option<&'l [u8]>,
}

impl<'l> Request<'l> {
    /// `GET /path HTTP/1.1`. What is no request (`-`, bytes of a TLS handshake) has no parts.
    #[inline(always)]
    fn of(request: &'l [u8]) -> Request<'l> {
        let Some(method_end) = memchr(b' ', request) else {
            return Request::default();
        };
        let (method, rest) = (&request[..method_end], &request[method_end + 1..]);
        if method.is_empty() || !method.iter().all(|byte| byte.is_ascii_uppercase()) {
            return Request::default();
        }
        let (path, protocol) = match memrchr(b' ', rest) {
            Some(space) if rest[space..].starts_with(b" HTTP/") => {
                (&rest[..space], Some(&rest[space + 1..]))
            }
            // HTTP 0.9 has no protocol, and a path may hold spaces that nobody encoded.
            _ => (rest, None),
        };
        Request {
            method: Some(method),
            path: Some(path),
            protocol,
        }
    }
}

/// What stands before the closing quote, and what stands behind it and a space.
#[inline(always)]
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let quote = from + memchr(b'"', &text[from..])?;
        // Apache escapes a quote that belongs to the text.
        let escapes = text[..quote]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\');
        if escapes.count() % 2 == 0 {
            let behind = &text[quote + 1..];
            return Some((&text[..quote], behind.strip_prefix(b" ").unwrap_or(behind)));
        }
        from = quote + 1;
    }
}

/// The bytes before the next space, and those behind it; nothing if there are none.
#[inline(always)]
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    // Tokens are a few bytes long: a search by vectors would cost more than it saves.
    let end = text.iter().position(|byte| *byte == b' ');
    let (token, behind) = match end {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &text[text.len()..]),
    };
    (!token.is_empty()).then_some((token, behind))
}

fn has_more(text: &[u8]) -> bool {
    !text.trim_ascii().is_empty()
}
