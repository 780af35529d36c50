//! Where clients connect: addresses, the sockets that listen there, and who may get to them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::stream::Stream;
use crate::tls::{Failed, Tls};
use crate::{Error, Result};

/// What is served at an address, which says what is written in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Requests of Kafka's clients.
    Requests,
    /// The live page, health and metrics.
    Http,
}

/// How bytes go over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// What stands in front of an address, as we write it and as Kafka does.
const OF_REQUESTS: [(&str, Transport); 4] = [
    ("tls", Transport::Tls),
    ("ssl", Transport::Tls),
    ("plain", Transport::Plain),
    ("plaintext", Transport::Plain),
];
const OF_HTTP: [(&str, Transport); 2] = [("https", Transport::Tls), ("http", Transport::Plain)];

/// Opens listeners: here it is decided whom they let in.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    /// What TLS is spoken with, if there is a certificate.
    pub(crate) tls: Option<Tls>,
    /// Whether clients log in.
    pub(crate) asks_who: bool,
    /// Whether somebody said that strangers may come in.
    pub(crate) is_insecure: bool,
}

/// A socket that takes connections.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// Where it listens, with the port that the system chose if none was asked for.
    pub(crate) address: SocketAddr,
    /// Where its clients are told to come back to; `None`: where they came to.
    pub(crate) advertised: Option<Arc<(String, u16)>>,
    /// What TLS is spoken with there, if it is.
    pub(crate) tls: Option<Tls>,
}

impl Doors {
    /// Listens at `address`, which is `HOST:PORT`, or that behind a word and `://`; where other machines get to only if strangers cannot
    /// come in, or may. Without a word requests go by TLS if there is a certificate, and HTTP does not.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Exposed`], [`Error::NoCertificate`].
    pub(crate) async fn open(&self, address: &str, service: Service) -> Result<Listener> {
        let failed = |source| Error::Listen {
            address: address.to_owned(),
            source,
        };
        let (transport, host_and_port) = split(address, service).map_err(failed)?;
        let tls = match (transport, service) {
            (Some(Transport::Tls), _) => match &self.tls {
                None => {
                    return Err(Error::NoCertificate {
                        address: address.to_owned(),
                    });
                }
                tls => tls.clone(),
            },
            (None, Service::Requests) => self.tls.clone(),
            (None, Service::Http) | (Some(Transport::Plain), _) => None,
        };
        // What was looked at is what is bound: a name may mean something else the next time.
        let found = tokio::net::lookup_host(host_and_port).await;
        let found: Vec<SocketAddr> = found.map_err(failed)?.collect();
        let is_local = |it: &SocketAddr| it.ip().to_canonical().is_loopback();
        if !self.may_be_reached(tls.as_ref()) && !found.iter().all(is_local) {
            return Err(Error::Exposed {
                address: address.to_owned(),
            });
        }
        let socket = TcpListener::bind(&found[..]).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Listener {
            socket,
            address,
            advertised: None,
            tls,
        })
    }

    /// Whether other machines may get to a listener: if it is known who comes from there, or somebody said that all may. TLS alone
    /// keeps what is said from others, and lets anybody say it.
    fn may_be_reached(&self, tls: Option<&Tls>) -> bool {
        self.is_insecure || self.asks_who || tls.is_some_and(Tls::knows_clients)
    }
}

/// The word in front of an address, and what is behind it.
fn split(address: &str, service: Service) -> io::Result<(Option<Transport>, &str)> {
    let Some((word, rest)) = address.split_once("://") else {
        return Ok((None, address));
    };
    let words = match service {
        Service::Requests => &OF_REQUESTS[..],
        Service::Http => &OF_HTTP[..],
    };
    let mut found = words.iter();
    match found.find(|(known, _)| known.eq_ignore_ascii_case(word)) {
        Some((_, transport)) => Ok((Some(*transport), rest)),
        None => {
            let known: Vec<_> = words.iter().map(|(it, _)| format!("`{it}://`")).collect();
            let message = format!("`{word}://` is none of {}", known.join(", "));
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}

/// Begins to speak with a client that has connected, in the way its listener does.
pub(crate) async fn greet(
    tls: Option<&Tls>,
    stream: TcpStream,
    peer: SocketAddr,
    patience: Duration,
) -> Result<Stream, Failed> {
    match tls {
        None => Ok(Stream::Plain(stream)),
        // In a box, since it is large, and connections without TLS are not to have room for it.
        Some(tls) => {
            let accepted = Box::pin(tls.accept(stream, peer, patience)).await;
            accepted.map(|it| Stream::Tls(Box::new(it)))
        }
    }
}

/// Whether the first bytes of a connection are those of a handshake of TLS, in any version: type 22, version 3.x (RFC 8446 §5.1).
pub(super) fn is_handshake(head: [u8; 4]) -> bool {
    matches!(head, [22, 3, 0..=4, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_front_says_how_to_speak() {
        let transport = |address, service| split(address, service).map(|it| it.0).ok();
        for (address, expected) in [
            ("a:1", Some(None)),
            ("tls://a:1", Some(Some(Transport::Tls))),
            ("SSL://a:1", Some(Some(Transport::Tls))),
            ("plain://a:1", Some(Some(Transport::Plain))),
            ("PLAINTEXT://:1", Some(Some(Transport::Plain))),
            ("https://a:1", None),
            ("://a:1", None),
        ] {
            assert_eq!(transport(address, Service::Requests), expected, "{address}");
        }
        assert_eq!(
            transport("https://a:1", Service::Http),
            Some(Some(Transport::Tls))
        );
        assert_eq!(transport("tls://a:1", Service::Http), None);
        let rest = split("tls://[::1]:9093", Service::Requests).expect("it is known");
        assert_eq!(rest.1, "[::1]:9093");
    }

    #[tokio::test]
    async fn tls_needs_a_certificate() {
        let doors = Doors {
            tls: None,
            asks_who: false,
            is_insecure: true,
        };
        for (address, service) in [
            ("tls://127.0.0.1:0", Service::Requests),
            ("https://127.0.0.1:0", Service::Http),
        ] {
            let refused = doors.open(address, service).await;
            let refused = refused.expect_err("there is none");
            assert!(matches!(refused, Error::NoCertificate { address: named } if named == address));
        }
    }
}
