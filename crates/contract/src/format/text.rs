//! Syntaxes of strings: `email`, `uri`, `uuid`, `hostname`, `ipv4`, `ipv6`.
//!
//! Each is a definition one can state in a line, chosen to accept what systems in use accept
//! rather than all a grammar allows: nobody's mail server takes a quoted local part.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A syntax of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// `email`: what a browser accepts (HTML, "valid e-mail address"), with a dot in the domain
    /// not required, local part up to 64 bytes, 254 in all.
    Email,
    /// `uri`: a scheme, a colon, and at least one of the characters RFC 3986 allows, with `%` only
    /// before two hexadecimal digits.
    Uri,
    /// `uuid`: 32 hexadecimal digits in groups of 8-4-4-4-12, any version, either case.
    Uuid,
    /// `hostname`: labels of letters, digits and inner hyphens, 1 to 63 bytes each, joined by dots,
    /// 253 bytes in all (RFC 1123).
    Hostname,
    /// `ipv4`: four decimal numbers below 256 without leading zeros.
    Ipv4,
    /// `ipv6`: an address of RFC 4291, without a zone or prefix length.
    Ipv6,
}

impl TextFormat {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Email,
        Self::Uri,
        Self::Uuid,
        Self::Hostname,
        Self::Ipv4,
        Self::Ipv6,
    ];

    /// The format called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The name in the standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Uuid => "uuid",
            Self::Hostname => "hostname",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// Whether the text has this syntax. Allocates nothing.
    pub fn is_match(self, text: &[u8]) -> bool {
        match self {
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
            Self::Uuid => is_uuid(text),
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => {
                std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok())
            }
            Self::Ipv6 => {
                std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
            }
        }
    }
}

fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'@', text) else {
        return false;
    };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let is_local =
        |&byte: &u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    (1..=64).contains(&local.len())
        && text.len() <= 254
        && local.iter().all(is_local)
        && is_hostname(domain)
}

fn is_uri(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else {
        return false;
    };
    let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
    let is_scheme = |&byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let is_escaped = |(at, &byte): (usize, &u8)| {
        let digits = || {
            rest.get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        is_allowed(byte) && (byte != b'%' || digits())
    };
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(is_scheme)
        && !rest.is_empty()
        && rest.iter().enumerate().all(is_escaped)
}

fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

fn is_hostname(text: &[u8]) -> bool {
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    text.len() <= 253 && text.split(|&byte| byte == b'.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_accept_what_systems_in_use_accept() {
        let yes_and_no: [(TextFormat, &[&str], &[&str]); 6] = [
            (
                TextFormat::Email,
                &["a@b", "first.last+tag@mail.example.com"],
                &["", "@b", "a@", "a b@c", "a@b..c", "a@-b"],
            ),
            (
                TextFormat::Uri,
                &["https://example.com/a?b=%20#c", "urn:isbn:123"],
                &["example.com", "1a:b", "a:", "a:b c", "a:%2", "a:é"],
            ),
            (
                TextFormat::Uuid,
                &["123e4567-E89B-12d3-a456-426614174000"],
                &[
                    "123e4567e89b12d3a456426614174000",
                    "123e4567-e89b-12d3-a456-42661417400g",
                ],
            ),
            (
                TextFormat::Hostname,
                &["localhost", "a-b.example.com"],
                &["", ".", "a.", "-a", "a_b", "é.com"],
            ),
            (
                TextFormat::Ipv4,
                &["127.0.0.1"],
                &["127.0.0", "256.0.0.1", "01.0.0.1", "1.2.3.4 "],
            ),
            (
                TextFormat::Ipv6,
                &["::1", "2001:db8::ff00:42:8329"],
                &["1.2.3.4", "::g", "fe80::1%eth0"],
            ),
        ];
        for (format, yes, no) in yes_and_no {
            for text in yes {
                assert!(
                    format.is_match(text.as_bytes()),
                    "{text:?} is a valid {}",
                    format.name()
                );
            }
            for text in no {
                assert!(
                    !format.is_match(text.as_bytes()),
                    "{text:?} is no valid {}",
                    format.name()
                );
            }
        }
    }
}
