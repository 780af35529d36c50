//! What a line is as a record: where its headers, its key and its value are.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::base64;
use crate::kafka::producer::Outgoing;

/// A header: its name and its value.
pub(super) type Header = (String, Option<Vec<u8>>);

/// How lines are laid out.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Whether lines are objects as `tamis consume --format json` writes them.
    pub(super) is_json: bool,
    /// What stands between key and value.
    pub(super) key_separator: Option<Vec<u8>>,
    /// What stands behind the headers.
    pub(super) headers_separator: Option<Vec<u8>>,
    /// The key of all records.
    pub(super) key: Option<Vec<u8>>,
    /// Headers of all records.
    pub(super) headers: Vec<Header>,
    /// The text that stands for no key or no value.
    pub(super) null: Option<Vec<u8>>,
}

/// What a line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed<'l> {
    key: Option<Cow<'l, [u8]>>,
    value: Option<Cow<'l, [u8]>>,
    headers: Cow<'l, [Header]>,
}

/// A line of JSON; what a record is given by the cluster is passed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRecord {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    key_base64: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_base64: Option<String>,
    #[serde(default)]
    headers: Vec<JsonHeader>,
    #[serde(default, rename = "topic")]
    _topic: IgnoredAny,
    #[serde(default, rename = "partition")]
    _partition: IgnoredAny,
    #[serde(default, rename = "offset")]
    _offset: IgnoredAny,
    #[serde(default, rename = "timestamp")]
    _timestamp: IgnoredAny,
    #[serde(default, rename = "timestamp_type")]
    _timestamp_type: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonHeader {
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_base64: Option<String>,
}

impl Layout {
    /// Reads a line.
    ///
    /// # Errors
    /// Why it is no record.
    pub(super) fn parse<'l>(&'l self, line: &'l [u8]) -> Result<Parsed<'l>, String> {
        if self.is_json {
            return self.parse_json(line);
        }
        let mut rest = line;
        let mut headers = Cow::Borrowed(self.headers.as_slice());
        if let Some(separator) = &self.headers_separator {
            let (own, behind) = split(rest, separator)
                .ok_or("the line has no separator behind its headers (`--headers-separator`)")?;
            if !own.is_empty() {
                headers.to_mut().extend(parse_headers(own)?);
            }
            rest = behind;
        }
        let mut key = self.key.as_deref();
        if let Some(separator) = &self.key_separator {
            let (own, behind) = split(rest, separator)
                .ok_or("the line has no separator behind its key (`--key-separator`)")?;
            key = Some(own);
            rest = behind;
        }
        let is_null = |bytes: &[u8]| self.null.as_deref() == Some(bytes);
        Ok(Parsed {
            key: key.filter(|key| !is_null(key)).map(Cow::Borrowed),
            value: Some(rest)
                .filter(|value| !is_null(value))
                .map(Cow::Borrowed),
            headers,
        })
    }

    fn parse_json<'l>(&'l self, line: &'l [u8]) -> Result<Parsed<'l>, String> {
        // Serde would take an array for the fields in order.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err("the line is no object of JSON".to_owned());
        }
        let record: JsonRecord = serde_json::from_slice(line)
            .map_err(|error| format!("the line is no record as JSON: {error}"))?;
        let mut headers = self.headers.clone();
        for header in record.headers {
            let value = bytes("value", header.value, header.value_base64)?;
            if header.name.contains('\0') {
                return Err(NO_ZERO.to_owned());
            }
            headers.push((header.name, value));
        }
        let key = bytes("key", record.key, record.key_base64)?;
        let value = bytes("value", record.value, record.value_base64)?;
        Ok(Parsed {
            key: key.or_else(|| self.key.clone()).map(Cow::Owned),
            value: value.map(Cow::Owned),
            headers: Cow::Owned(headers),
        })
    }
}

impl Parsed<'_> {
    /// As it is sent.
    pub(super) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }

    /// Bytes of key and value.
    pub(super) fn len_bytes(&self) -> usize {
        let len = |bytes: &Option<Cow<'_, [u8]>>| bytes.as_ref().map_or(0, |bytes| bytes.len());
        len(&self.key) + len(&self.value)
    }
}

const NO_ZERO: &str = "the name of a header has a zero byte";

/// `name:value,name:value`; a name alone is a header without a value.
fn parse_headers(text: &[u8]) -> Result<Vec<Header>, String> {
    let parse = |header: &[u8]| {
        let (name, value) = match split(header, b":") {
            Some((name, value)) => (name, Some(value.to_vec())),
            None => (header, None),
        };
        match String::from_utf8(name.to_vec()) {
            Ok(name) if name.is_empty() => Err("a header has no name".to_owned()),
            Ok(name) if name.contains('\0') => Err(NO_ZERO.to_owned()),
            Ok(name) => Ok((name, value)),
            Err(_) => Err("the name of a header is not UTF-8".to_owned()),
        }
    };
    text.split(|&byte| byte == b',').map(parse).collect()
}

fn split<'l>(line: &'l [u8], separator: &[u8]) -> Option<(&'l [u8], &'l [u8])> {
    let at = memchr::memmem::find(line, separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

fn bytes(
    name: &str,
    plain: Option<String>,
    encoded: Option<String>,
) -> Result<Option<Vec<u8>>, String> {
    match (plain, encoded) {
        (Some(_), Some(_)) => Err(format!("both `{name}` and `{name}_base64` are given")),
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, Some(text)) => match base64::decode(text.as_bytes()) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(format!("`{name}_base64` is no base64")),
        },
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(layout: &Layout, line: &str) -> String {
        let text = |bytes: &Option<Cow<'_, [u8]>>| match bytes {
            Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            None => "null".to_owned(),
        };
        match layout.parse(line.as_bytes()) {
            Ok(parsed) => {
                let headers: Vec<_> = parsed.headers.iter().map(|it| it.0.as_str()).collect();
                let (key, value) = (text(&parsed.key), text(&parsed.value));
                format!("{key} {value} {}", headers.join(","))
            }
            Err(why) => why,
        }
    }

    #[test]
    fn a_line_is_a_value_unless_separators_say_otherwise() {
        let plain = Layout::default();
        assert_eq!(shown(&plain, "a\tb"), "null \"a\\tb\" ");
        assert_eq!(shown(&plain, ""), "null \"\" ");
        let keyed = Layout {
            key_separator: Some(b"::".to_vec()),
            null: Some(Vec::new()),
            ..Layout::default()
        };
        assert_eq!(shown(&keyed, "k::v::w"), "\"k\" \"v::w\" ");
        assert_eq!(shown(&keyed, "k::"), "\"k\" null ");
        assert_eq!(shown(&keyed, "::v"), "null \"v\" ");
        assert!(shown(&keyed, "k:v").contains("no separator behind its key"));
        let headed = Layout {
            headers_separator: Some(b"\t".to_vec()),
            key: Some(b"K".to_vec()),
            headers: vec![("all".to_owned(), None)],
            ..Layout::default()
        };
        assert_eq!(shown(&headed, "a:1,b\tv"), "\"K\" \"v\" all,a,b");
        assert_eq!(shown(&headed, "\tv"), "\"K\" \"v\" all");
        assert!(shown(&headed, "v").contains("no separator behind its headers"));
        assert!(shown(&headed, ":1\tv").contains("no name"));
    }

    #[test]
    fn json_is_what_consume_writes() {
        let json = Layout {
            is_json: true,
            ..Layout::default()
        };
        let line = r#"{"topic":"t","partition":0,"offset":1,"timestamp":null,"key":null,"headers":[{"name":"h","value_base64":"/w=="}],"value_base64":"Zm9v"}"#;
        assert_eq!(shown(&json, line), "null \"foo\" h");
        assert_eq!(shown(&json, r#"{"key":"k"}"#), "\"k\" null ");
        for wrong in [
            "",
            "[]",
            r#"{"vlaue":"a"}"#,
            r#"{"value":"a","value_base64":"YQ=="}"#,
            r#"{"value_base64":"?"}"#,
            r#"{"headers":[{"name":"a\u0000b"}]}"#,
        ] {
            assert!(json.parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
