//! What one record of a log says, whatever format it was written in.

use super::level::Level;

/// The fields of a record that a report is made of. They point into the line; nothing is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Event<'l> {
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    pub time_us: Option<i64>,
    /// Seconds that the clock of this time is ahead of UTC.
    pub offset_seconds: i32,
    /// Who asked: a name or an address.
    pub client: Option<Text<'l>>,
    /// The machine that wrote it.
    pub host: Option<Text<'l>>,
    /// The program or service that wrote it.
    pub app: Option<Text<'l>>,
    /// The method of a request.
    pub method: Option<Text<'l>>,
    /// What was asked for, as it is written: perhaps a whole URL with its query.
    pub path: Option<Text<'l>>,
    /// The status of a response, 100 to 999.
    pub status: Option<u16>,
    /// How grave it is.
    pub level: Option<Level>,
    /// Bytes of a response.
    pub bytes: Option<u64>,
    /// How long it took, in nanoseconds.
    pub latency_ns: Option<u64>,
    /// The value of the field to group by.
    pub by: Option<Text<'l>>,
}

impl Event<'_> {
    /// Whether it tells of a failure: a status of 500 and above, or a level of error and above.
    #[inline(always)]
    pub fn is_error(&self) -> bool {
        self.status.is_some_and(|status| status >= 500) || self.level.is_some_and(Level::is_error)
    }
}

/// A piece of a line, and whether it must be decoded before it says what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'l> {
    raw: &'l [u8],
    has_escapes: bool,
}

impl<'l> Text<'l> {
    /// A text that means what it says.
    #[inline(always)]
    pub fn plain(raw: &'l [u8]) -> Text<'l> {
        Text {
            raw,
            has_escapes: false,
        }
    }

    /// The inside of a string with backslashes, as JSON and logfmt have them.
    pub fn escaped(raw: &'l [u8]) -> Text<'l> {
        Text {
            raw,
            has_escapes: true,
        }
    }

    /// As it is written in the line.
    pub fn raw(&self) -> &'l [u8] {
        self.raw
    }

    /// What it means: the line's own bytes, or `scratch` with the decoded ones.
    #[inline(always)]
    pub fn decode<'s>(&self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'l: 's,
    {
        if !self.has_escapes {
            return self.raw;
        }
        scratch.clear();
        unescape(self.raw, scratch);
        scratch
    }
}

/// Decodes the escapes of RFC 8259 section 7. What is none is left as it is.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&code, after)) = rest.split_first() else {
            out.push(b'\\');
            return;
        };
        rest = after;
        match code {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'"' | b'\\' | b'/' => out.push(code),
            b'u' => {
                let (character, len) = unicode(rest);
                let mut buffer = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest = &rest[len..];
            }
            other => out.extend([b'\\', other]),
        }
    }
    out.extend_from_slice(rest);
}

/// The character behind a `\u`, and how many bytes of `text` it takes; a lone surrogate is U+FFFD.
fn unicode(text: &[u8]) -> (char, usize) {
    let unit = |text: &[u8]| {
        let digits = text.get(..4)?.iter();
        digits
            .map(|digit| char::from(*digit).to_digit(16))
            .try_fold(0, |code, digit| Some(code << 4 | digit?))
    };
    let Some(first) = unit(text) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if (0xD800..0xDC00).contains(&first)
        && text.get(4..6) == Some(b"\\u")
        && let Some(second) = unit(&text[6..])
        && (0xDC00..0xE000).contains(&second)
    {
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
            10,
        );
    }
    (
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
        4,
    )
}

/// What was asked for, without the server and the query in front of it and behind it.
#[inline(always)]
pub(super) fn path_of(target: &[u8], keeps_query: bool) -> &[u8] {
    let mut path = target;
    if path.first() != Some(&b'/') {
        path = without_server(path);
    }
    match keeps_query {
        true => path,
        false => memchr::memchr(b'?', path).map_or(path, |query| &path[..query]),
    }
}

/// The path of a URL; what is no URL stays as it is.
fn without_server(target: &[u8]) -> &[u8] {
    let scheme_len = match target {
        [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => 7,
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => 8,
        _ => return target,
    };
    match memchr::memchr(b'/', &target[scheme_len..]) {
        Some(slash) => &target[scheme_len + slash..],
        None => b"/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_json() {
        for text in [
            r"plain",
            r#"a\"b\\c\/d\b\f\n\r\t"#,
            r"\u00e9\u20ac\ud83d\ude00",
        ] {
            let expected: String = serde_json::from_str(&format!("\"{text}\"")).expect("JSON");
            let mut scratch = Vec::new();
            let decoded = Text::escaped(text.as_bytes()).decode(&mut scratch);
            assert_eq!(decoded, expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn broken_escapes_are_kept() {
        let decode = |text: &str| {
            let mut scratch = Vec::new();
            let text = Text::escaped(text.as_bytes());
            String::from_utf8_lossy(text.decode(&mut scratch)).into_owned()
        };
        assert_eq!(decode(r"a\"), r"a\");
        assert_eq!(decode(r"a\q"), r"a\q");
        assert_eq!(decode(r"\u12"), "\u{fffd}12");
        assert_eq!(decode(r"\ud800x"), "\u{fffd}x");
    }

    #[test]
    fn paths_lose_server_and_query() {
        let path = |target: &'static str| {
            std::str::from_utf8(path_of(target.as_bytes(), false)).expect("ASCII")
        };
        assert_eq!(path("/a/b?c=d?e"), "/a/b");
        assert_eq!(path("http://example.com:80/a?b"), "/a");
        assert_eq!(path("https://example.com"), "/");
        assert_eq!(path("*"), "*");
        assert_eq!(path_of(b"/a?b", true), b"/a?b");
    }
}
