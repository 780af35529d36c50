//! TLS by rustls, with the arithmetic of aws-lc: versions 1.2 and 1.3, and first of all groups X25519MLKEM768, with which what is
//! recorded today stays closed to a quantum computer of tomorrow.
//!
//! The certificate is read again when its files change: connections that are there keep what they began with, new ones get the new
//! one. A new one that is no good is told of, and the old one stays.
//!
//! | file | holds |
//! |---|---|
//! | `read.rs` | files of PEM, made into what rustls takes |
//! | `stamps.rs` | whether one of them has changed |
//! | `validity.rs` | from when to when a certificate is valid |
//! | `ahead.rs` | a socket of which much is read at a time |

mod ahead;
mod read;
mod stamps;
#[cfg(test)]
mod tests;
mod validity;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::{InvalidMessage, ServerConfig};
use tamis_engine::names::show;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Counts, Failed, Reason, TlsFiles};
use crate::Result;
use crate::broker::now_ms;
use crate::server::Pool;
use crate::watched::Seen;
use ahead::Ahead;
use stamps::Stamps;
use validity::Validity;

/// A certificate that is valid for less than this is told of when it is read.
const EXPIRES_SOON_SECONDS: i64 = 7 * 24 * 60 * 60;

/// What a broker's listeners speak TLS with; a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: TlsFiles,
    current: ArcSwap<Loaded>,
    /// Of the files when they were last read.
    seen: Seen<Stamps>,
    counts: Counts,
    pool: Pool,
}

/// What is in the files.
#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    validity: Validity,
}

/// A connection whose handshake is through.
pub(crate) type TlsStream = tokio_rustls::server::TlsStream<Ahead>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`crate::Error::Certificate`].
    pub(crate) fn load(files: &TlsFiles) -> Result<Tls> {
        // Before they are read: what changes meanwhile is read again.
        let stamps = Stamps::of(files);
        let loaded = read::load(files)?;
        Ok(Tls(Arc::new(Shared {
            files: files.clone(),
            current: ArcSwap::from_pointee(loaded),
            seen: Seen::new(stamps),
            counts: Counts::default(),
            pool: Pool::default(),
        })))
    }

    /// Whether nobody comes in without a certificate.
    pub(crate) fn knows_clients(&self) -> bool {
        self.0.files.client_ca.is_some()
    }

    /// For how long the certificate is still valid; negative: for so long it was not any more.
    pub(crate) fn expires_in_seconds(&self) -> i64 {
        self.0.current.load().validity.until - now_seconds()
    }

    /// Says so if the certificate is not valid, or soon will not be.
    pub(crate) fn tell_validity(&self) {
        let validity = self.0.current.load().validity;
        let file = show(&self.0.files.certificate);
        let now = now_seconds();
        let left = validity.until - now;
        if now < validity.from {
            let seconds = validity.from - now;
            tracing::error!(%file, seconds, "the certificate is not valid yet: clients refuse it");
        } else if left < 0 {
            tracing::error!(%file, seconds = -left, "the certificate has expired: clients refuse it");
        } else if left < EXPIRES_SOON_SECONDS {
            tracing::warn!(%file, seconds = left, "the certificate expires soon");
        }
    }

    /// Reads the files again, if one has changed since the last time.
    pub(crate) fn renew(&self) {
        let (files, counts) = (&self.0.files, &self.0.counts);
        let read = || {
            let loaded = read::load(files)?;
            self.0.current.store(Arc::new(loaded));
            counts.renewed.fetch_add(1, Ordering::Relaxed);
            tracing::info!(file = %show(&files.certificate), "the certificate changed, and is used from now on");
            self.tell_validity();
            Ok(())
        };
        self.0.seen.look(|| Stamps::of(files), read, |error| {
            counts.not_renewed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "the certificate changed, and cannot be used: the old one stays");
        });
    }

    /// How handshakes went.
    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Has a handshake with a client that has connected. One that fails is counted and told of; the client gets the alert for it.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        patience: Duration,
    ) -> Result<TlsStream, Failed> {
        let acceptor = TlsAcceptor::from(self.0.current.load().config.clone());
        let socket = Ahead::new(stream, self.0.pool.clone());
        let failed = match tokio::time::timeout(patience, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => {
                self.0.counts.done.fetch_add(1, Ordering::Relaxed);
                return Ok(stream);
            }
            Ok(Err(error)) => failed(&error),
            Err(_) => Failed {
                reason: Reason::Slow,
                detail: format!("it was not through after {patience:?}"),
            },
        };
        self.0.counts.note_failed(peer, &failed);
        Err(failed)
    }
}

fn now_seconds() -> i64 {
    now_ms() / 1000
}

/// Why it failed, by what rustls says.
fn failed(error: &io::Error) -> Failed {
    use rustls::Error as Said;
    let said = error.get_ref().and_then(|it| it.downcast_ref::<Said>());
    let (reason, detail) = match said {
        Some(Said::InvalidMessage(InvalidMessage::InvalidContentType)) => (
            Reason::NotTls,
            "a client that does not speak TLS: its side needs `security.protocol=SSL`".to_owned(),
        ),
        Some(Said::PeerIncompatible(what)) => (
            Reason::NothingInCommon,
            format!("there is no way to speak that both sides know: {what:?}"),
        ),
        Some(Said::AlertReceived(alert)) => {
            (Reason::Refused, format!("the client refused: {alert:?}"))
        }
        Some(said @ (Said::NoCertificatesPresented | Said::InvalidCertificate(_))) => {
            (Reason::Certificate, format!("of the client: {said}"))
        }
        Some(said) => (Reason::Malformed, said.to_string()),
        None if is_gone(error.kind()) => (Reason::Closed, "the client went away".to_owned()),
        None => (Reason::Malformed, error.to_string()),
    };
    Failed { reason, detail }
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}
