//! Sockets: who may connect, and what becomes of a connection.
//!
//! Each connection has two tasks. The *reader* takes one request after the other from the socket and begins it; the *writer* sends the
//! answers in the order of the requests, each when it is ready. Between them is a queue of a few answers, so a producer that
//! waits for stable storage can have several requests on the way, and one that sends more than it reads is not read from.
//!
//! What a client can make us hold is bounded: connections, bytes of requests in flight over all of them (whoever is
//! next waits before its bytes are read), and the time that a request or an answer may make no progress.

mod connection;
mod frame;
mod send;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::api::Context;
use crate::broker::Broker;
use crate::{Error, Result};

/// Bytes in flight are counted in units of this size.
pub(crate) const PERMIT_BYTES: usize = 4096;

/// A broker that listens.
#[derive(Debug)]
pub struct Server {
    broker: Arc<Broker>,
    listener: TcpListener,
    address: SocketAddr,
    advertised: Arc<(String, u16)>,
}

impl Server {
    /// Listens at `address`; clients are told to come back to `advertised`, or to the address itself.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn bind(
        broker: Arc<Broker>,
        address: &str,
        advertised: Option<(String, u16)>,
    ) -> Result<Server> {
        let failed = |source| Error::Listen {
            address: address.to_owned(),
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let advertised = advertised.unwrap_or_else(|| (bound.ip().to_string(), bound.port()));
        Ok(Server {
            broker,
            listener,
            address: bound,
            advertised: Arc::new(advertised),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `ending` says so; connections are closed then.
    pub async fn run(self, mut ending: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.broker.options.connections_max));
        let numbers = AtomicU64::new(1);
        let mut connections = JoinSet::new();
        connections.spawn(crate::groups::run(self.broker.clone()));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                _ = ending.wait_for(|it| *it) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, mostly: those who are here go on, and the next may find one.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                tracing::warn!(%peer, "refused: too many connections");
                continue;
            };
            let context = Context {
                broker: self.broker.clone(),
                advertised: self.advertised.clone(),
                peer: peer.ip(),
                sessions: Arc::default(),
            };
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            connections.spawn(async move {
                let ended = connection::serve(&context, stream).await;
                match ended {
                    Ok(()) => tracing::debug!(%peer, number, "connection ended"),
                    Err(reason) => tracing::info!(%peer, number, %reason, "connection closed"),
                }
                drop(slot);
            });
        }
        connections.shutdown().await;
    }
}
