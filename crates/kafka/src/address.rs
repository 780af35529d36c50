//! Topics named like files: `kafka://HOST:PORT[,HOST:PORT]/TOPIC?NAME=VALUE&...`.
//!
//! `group`, `from`, `payload`, `timeout` and `client-config` mean what they mean here; any other name is a property of the client by librdkafka's
//! name. What is behind the question mark is in no message: a password may be in it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, Result};

/// What addresses of topics begin with.
pub const SCHEME: &str = "kafka://";

/// How long the cluster is waited for, unless the address says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

const TIMEOUT_SECONDS_MAX: u64 = 3600;

/// Kafka's own limit.
const TOPIC_BYTES_MAX: usize = 249;

/// Properties that would break what is promised of offsets, or that are said in other words; wherever they come from.
pub(crate) const RESERVED: [(&str, &str); 6] = [
    ("group.id", "`group=` names the group"),
    (
        "auto.offset.reset",
        "`from=`, or `start=` in Python, says where to begin",
    ),
    (
        "enable.auto.commit",
        "offsets are committed when results are written",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed when results are written",
    ),
    ("enable.partition.eof", "it is needed to find the end"),
    ("transactional.id", "records are sent without transactions"),
];

/// Properties that an address says in other words. In a file they may stand for other verbs, and the address counts more.
const BROKERS: [(&str, &str); 2] = [
    (
        "bootstrap.servers",
        "the brokers stand in front of the topic",
    ),
    (
        "metadata.broker.list",
        "the brokers stand in front of the topic",
    ),
];

/// A topic of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Its brokers: `HOST:PORT`, several with commas between them.
    pub bootstrap: String,
    /// The topic's name.
    pub topic: String,
    /// The group that it is read as a member of.
    pub group: Option<String>,
    /// Where reading begins, as typed.
    pub from: Option<String>,
    /// What its messages are.
    pub payload: Option<PayloadKind>,
    /// How long the cluster is waited for.
    pub timeout: Duration,
    /// A file of properties.
    pub client_config: Option<PathBuf>,
    /// Properties of the client.
    pub properties: Vec<(String, String)>,
}

/// What messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// A JSON object each.
    Json,
    /// A CSV record each.
    Csv,
}

/// Without properties, which may be secret.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.to_string()).finish()
    }
}

/// `kafka://HOST:PORT/TOPIC`: what it is called everywhere.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bootstrap, self.topic)
    }
}

impl Address {
    /// Whether `text` is meant for an address.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The address of a topic, without anything else.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no name of a topic.
    pub fn of(bootstrap: &str, topic: &str) -> Result<Address> {
        match is_topic(topic) {
            true => Address::parse(&format!("{SCHEME}{bootstrap}/{topic}")),
            false => Err(Error::Usage {
                message: format!("`{}` is no name of a topic", plain(topic)),
                hint: None,
            }),
        }
    }

    /// What an address is called where others see it, whatever stands in it: without what is behind the question mark, and without the
    /// user and password that other programs' addresses begin with.
    pub fn shown(text: &str) -> String {
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password with a question mark; no name of a property has this.
        if has_user(query) {
            return format!("{SCHEME}...");
        }
        let place = place.rsplit_once('@').map_or(place, |(_, it)| it);
        format!("{SCHEME}{place}")
    }

    /// Takes an address apart.
    ///
    /// # Errors
    /// [`Error::Usage`], which names the part that is wrong and nothing behind the question mark but names.
    pub fn parse(text: &str) -> Result<Address> {
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let shown = Address::shown(text);
        let wrong = |what: String, hint: &str| usage(&shown, &what, hint);
        if place.contains('@') || query.is_some_and(has_user) {
            return Err(wrong(
                "a user's name does not stand in front of the brokers".to_owned(),
                "`?sasl.username=...` says who you are, `client-config=FILE` keeps passwords out of the command line",
            ));
        }
        let Some((bootstrap, topic)) = place.split_once('/') else {
            return Err(wrong(
                "the topic is missing".to_owned(),
                "an address is `kafka://HOST:PORT/TOPIC`",
            ));
        };
        if bootstrap.is_empty() {
            return Err(wrong(
                "the brokers are missing".to_owned(),
                "an address is `kafka://HOST:PORT/TOPIC`",
            ));
        }
        let mut address = Address {
            bootstrap: bootstrap.to_owned(),
            topic: decoded(topic)
                .filter(|topic| is_topic(topic))
                .ok_or_else(|| {
                    wrong(
                        "that is no name of a topic".to_owned(),
                        "a name has up to 249 letters, digits, `.`, `_` and `-`",
                    )
                })?,
            group: None,
            from: None,
            payload: None,
            timeout: TIMEOUT_DEFAULT,
            client_config: None,
            properties: Vec::new(),
        };
        let mut names: Vec<String> = Vec::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|it| !it.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(wrong(
                    format!(
                        "`{}`: a `%` is followed by two hexadecimal digits",
                        plain(name)
                    ),
                    "`%25` is a percent sign, `%26` an ampersand",
                ));
            };
            if names.contains(&name) {
                return Err(wrong(
                    format!("`{}` is there twice", plain(&name)),
                    "leave one out",
                ));
            }
            address.set(&name, value, &shown)?;
            names.push(name);
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: String, shown: &str) -> Result<()> {
        let wrong = |what: String, hint: &str| Err(usage(shown, &what, hint));
        if value.is_empty() || value.contains('\0') || name.is_empty() || name.contains('\0') {
            let what = format!("`{}` has no value that could be used", plain(name));
            return wrong(what, "it is `NAME=VALUE`");
        }
        match name {
            "group" => self.group = Some(value),
            "from" => self.from = Some(value),
            "payload" => {
                self.payload = Some(match value.as_str() {
                    "json" => PayloadKind::Json,
                    "csv" => PayloadKind::Csv,
                    _ => {
                        let what = format!("`payload` is `json` or `csv`, not `{}`", plain(&value));
                        return wrong(what, "without it messages are JSON");
                    }
                });
            }
            "timeout" => {
                let seconds = value.parse().ok();
                match seconds.filter(|it| (1..=TIMEOUT_SECONDS_MAX).contains(it)) {
                    Some(seconds) => self.timeout = Duration::from_secs(seconds),
                    None => {
                        let what = format!("`timeout` is 1 to {TIMEOUT_SECONDS_MAX} seconds");
                        return wrong(what, "without it, it is 5");
                    }
                }
            }
            "client-config" => self.client_config = Some(value.into()),
            name => {
                let mut reserved = RESERVED.iter().chain(&BROKERS);
                if let Some((_, hint)) = reserved.find(|(it, _)| *it == name) {
                    return wrong(format!("the property `{name}` is not for addresses"), hint);
                }
                self.properties.push((name.to_owned(), value));
            }
        }
        Ok(())
    }

    /// Whether both are one topic, as far as their addresses tell: they name a broker in common.
    pub fn is_same_topic(&self, other: &Address) -> bool {
        let brokers = |address: &Address| -> Vec<String> {
            address.bootstrap.split(',').map(canonical).collect()
        };
        let others = brokers(other);
        self.topic == other.topic && brokers(self).iter().any(|it| others.contains(it))
    }
}

/// Whether a name, where properties are expected, is the rest of a user's password and the brokers.
fn has_user(query: &str) -> bool {
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    names.any(|name| name.contains('@'))
}

/// This machine by one name.
fn canonical(broker: &str) -> String {
    let broker = broker.trim().to_ascii_lowercase();
    match broker.rsplit_once(':') {
        Some(("localhost" | "[::1]", port)) => format!("127.0.0.1:{port}"),
        _ => broker,
    }
}

fn is_topic(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=TOPIC_BYTES_MAX).contains(&name.len())
        && ![".", ".."].contains(&name)
        && name.bytes().all(is_allowed)
}

/// Without `%XX`; `None` if that cannot be read.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

fn plain(text: &str) -> String {
    tamis_engine::names::show_bytes(text.as_bytes()).to_string()
}

fn usage(shown: &str, what: &str, hint: &str) -> Error {
    Error::Usage {
        message: format!("`{}`: {what}", plain(shown)),
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let text = "kafka://a:1,b:2/orders?group=g%201&from=end&payload=csv&timeout=9&sasl.username=me&sasl.password=a%26b";
        let address = Address::parse(text).unwrap();
        assert_eq!(address.bootstrap, "a:1,b:2");
        assert_eq!(address.topic, "orders");
        assert_eq!(address.group.as_deref(), Some("g 1"));
        assert_eq!(address.from.as_deref(), Some("end"));
        assert_eq!(address.payload, Some(PayloadKind::Csv));
        assert_eq!(address.timeout, Duration::from_secs(9));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let properties = [pair("sasl.username", "me"), pair("sasl.password", "a&b")];
        assert_eq!(address.properties, properties);
        assert_eq!(address.to_string(), "kafka://a:1,b:2/orders");
        assert!(!format!("{address:?}").contains("a&b"));
    }

    #[test]
    fn what_is_wrong_is_named_and_secrets_are_not() {
        let wrong = [
            ("kafka://", "the topic is missing"),
            ("kafka://a:1", "the topic is missing"),
            ("kafka:///orders", "the brokers are missing"),
            ("kafka://a:1/", "no name of a topic"),
            ("kafka://a:1/a/b", "no name of a topic"),
            ("kafka://a:1/..", "no name of a topic"),
            ("kafka://me:secret@a:1/orders", "a user's name"),
            ("kafka://me:se/secret@a:1/orders", "a user's name"),
            ("kafka://me:secret?a@a:1/orders", "a user's name"),
            ("kafka://me:se/secret?secret@a:1/t?group=g", "a user's name"),
            (
                "kafka://a:1/t?sasl.password=secret&group=",
                "`group` has no value",
            ),
            ("kafka://a:1/t?group", "`group` has no value"),
            ("kafka://a:1/t?group=%zz", "two hexadecimal digits"),
            ("kafka://a:1/t?group=a&group=b", "`group` is there twice"),
            ("kafka://a:1/t?payload=xml", "`payload` is `json` or `csv`"),
            ("kafka://a:1/t?timeout=0", "`timeout` is 1 to 3600"),
            (
                "kafka://a:1/t?group.id=g",
                "`group.id` is not for addresses",
            ),
            (
                "kafka://a:1/t?metadata.broker.list=b:1",
                "`metadata.broker.list` is not for addresses",
            ),
            (
                "kafka://a:1/t?enable.auto.commit=true",
                "is not for addresses",
            ),
        ];
        for (text, expected) in wrong {
            let error = Address::parse(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{text}: {shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn an_address_is_shown_without_secrets() {
        for (text, expected) in [
            ("kafka://a:1/t?sasl.password=b@c", "kafka://a:1/t"),
            ("kafka://me:secret@a:1/t?from=@1", "kafka://a:1/t"),
            ("kafka://me:sec?ret@a:1/t", "kafka://..."),
        ] {
            assert_eq!(Address::shown(text), expected);
        }
        let at = Address::parse("kafka://a:1/t?from=@1").unwrap();
        assert_eq!(at.from.as_deref(), Some("@1"));
    }

    #[test]
    fn one_topic_is_known_under_two_addresses() {
        let same = |left: &str, right: &str| {
            let [left, right] = [left, right].map(|it| Address::parse(it).unwrap());
            left.is_same_topic(&right)
        };
        assert!(same(
            "kafka://localhost:1/t?group=a",
            "kafka://127.0.0.1:1/t"
        ));
        assert!(same("kafka://a:1,b:1/t", "kafka://B:1,c:1/t"));
        assert!(!same("kafka://a:1/t", "kafka://a:2/t"));
        assert!(!same("kafka://a:1/t", "kafka://a:1/u"));
    }
}
