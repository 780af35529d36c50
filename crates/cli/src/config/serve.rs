//! The settings of `[serve]`, each with its type and its default.
//!
//! They are here also in a build without the broker: a file is read by all builds, and says what it says.

use std::ops::RangeInclusive;

use crate::args::ByteSize;

/// Partitions of a topic: each has a folder.
pub(crate) const PARTITIONS: RangeInclusive<usize> = 1..=10_000;
/// Connections at a time.
pub(crate) const CONNECTIONS: RangeInclusive<usize> = 1..=1_000_000;
/// Requests that are smaller could not name their topics; larger ones do not fit the field of their length.
pub(crate) const REQUEST_BYTES: RangeInclusive<u64> = 1 << 10..=i32::MAX as u64;
/// Up to a year.
pub(crate) const IDLE_SECONDS: RangeInclusive<usize> = 1..=31_536_000;
/// How partitions are made durable.
pub(crate) const FLUSHES: [&str; 2] = ["threads", "io_uring"];
/// How much is told, least first.
pub(crate) const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// How it is told.
pub(crate) const LOG_FORMATS: [&str; 2] = ["text", "json"];

/// What `tamis serve` is set up with. Fields are named as the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    /// Where clients connect.
    pub(crate) listen: Vec<String>,
    /// Where health and metrics are, or `none`.
    pub(crate) http: String,
    /// The data folder.
    pub(crate) data: String,
    /// Where clients are told to come back to, one for all of `listen` or one for each; none: to where they came.
    pub(crate) advertise: Vec<(String, u16)>,
    /// The certificate of TLS; empty: there is none.
    pub(crate) tls_cert: String,
    /// Its key.
    pub(crate) tls_key: String,
    /// Whose certificates clients have to show; empty: they need none.
    pub(crate) tls_client_ca: String,
    /// Whether it may listen where other machines get to.
    pub(crate) insecure: bool,
    /// Whether a topic that is asked for is made.
    pub(crate) auto_create: bool,
    /// Partitions of topics that do not say how many.
    pub(crate) partitions: usize,
    /// Connections at a time.
    pub(crate) max_connections: usize,
    /// The largest request.
    pub(crate) max_request: ByteSize,
    /// Bytes of requests that are being worked on.
    pub(crate) memory: ByteSize,
    /// Bytes that each client may produce in a second; 0 for as many as it can.
    pub(crate) quota_produce: ByteSize,
    /// Bytes that each may fetch.
    pub(crate) quota_fetch: ByteSize,
    /// After so many seconds a connection over which nothing comes is closed.
    pub(crate) idle_timeout: usize,
    /// Worker threads; 0 for one on each core.
    pub(crate) threads: usize,
    /// Whether each worker thread stays on a core of its own.
    pub(crate) pin: bool,
    /// One of [`FLUSHES`].
    pub(crate) flush: &'static str,
    /// One of [`LEVELS`].
    pub(crate) log: &'static str,
    /// One of [`LOG_FORMATS`].
    pub(crate) log_format: &'static str,
    /// Whether clients have to say who they are.
    pub(crate) auth: bool,
    /// The file of users; empty: the one in the data folder.
    pub(crate) users: String,
    /// The file of grants; empty: every user may do everything.
    pub(crate) grants: String,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: vec!["127.0.0.1:9092".to_owned()],
            http: "127.0.0.1:8080".to_owned(),
            data: "./tamis-data".to_owned(),
            advertise: Vec::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            tls_client_ca: String::new(),
            insecure: false,
            auto_create: true,
            partitions: 1,
            max_connections: 10_000,
            max_request: ByteSize(100 << 20),
            memory: ByteSize(64 << 20),
            quota_produce: ByteSize(0),
            quota_fetch: ByteSize(0),
            idle_timeout: 600,
            threads: 0,
            pin: false,
            flush: "threads",
            log: "info",
            log_format: "text",
            auth: false,
            users: String::new(),
            grants: String::new(),
        }
    }
}

/// `HOST:PORT`, where a host that has colons is in brackets.
pub(crate) fn parse_advertised(text: &str) -> std::result::Result<(String, u16), String> {
    const FORM: &str = "it is HOST:PORT, such as `broker.example.com:9092` or `[::1]:9092`";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0).ok_or(FORM)?;
    if host.is_empty() || (inner.is_none() && host.contains(':')) {
        return Err(FORM.to_owned());
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_is_a_host_and_a_port() {
        let parsed = |text| parse_advertised(text).ok();
        assert_eq!(parsed("a.b:9092"), Some(("a.b".to_owned(), 9092)));
        assert_eq!(parsed("[::1]:1"), Some(("::1".to_owned(), 1)));
        for text in [
            "", "a", "a:", ":1", "a:0", "a:65536", "::1", "a:b:1", "[]:1",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[cfg(feature = "broker")]
    #[test]
    fn limits_are_those_of_the_broker() {
        assert_eq!(*PARTITIONS.end(), tamis_broker::topics::PARTITIONS_MAX);
        let listen = tamis_broker::builder::LISTEN_DEFAULT;
        assert_eq!(Serve::default().listen, [listen]);
    }
}
