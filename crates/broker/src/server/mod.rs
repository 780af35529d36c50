//! Sockets: who may connect, and what becomes of a connection.
//!
//! Each connection has two tasks. The *reader* takes one request after the other from the socket and begins it; the *writer* sends the
//! answers in the order of the requests, each when it is ready. Between them is a queue of a few answers, so a producer that
//! waits for stable storage can have several requests on the way, and one that sends more than it reads is not read from.
//!
//! What a client can make us hold is bounded: connections, bytes of requests in flight over all of them (whoever is
//! next waits before its bytes are read), and the time that a request or an answer may take.
//!
//! The end comes in this order:
//!
//! 1. nobody is let in any more;
//! 2. nothing more is read, and who waits for records to come is let go;
//! 3. answers that are on their way are sent, for [`DRAIN`] at most;
//! 4. connections are closed.

mod connection;
mod frame;
mod pool;
mod send;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::api::Context;
use crate::broker::Broker;
use crate::{Error, Result};
use connection::Ended;
use pool::Pool;

/// Bytes in flight are counted in units of this size. A request that is not larger than one is not counted: of those there are
/// as many as connections, and most only wait.
pub(crate) const PERMIT_BYTES: usize = 4096;

/// So long answers that are on their way may still be sent at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// After an error of the listening socket the next connection is waited for so long later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Addresses at which clients may connect, and who serves them.
#[derive(Debug)]
pub(crate) struct Server {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

/// A socket that takes connections.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// Where it listens, with the port that the system chose if none was asked for.
    pub(crate) address: SocketAddr,
    /// Where its clients are told to come back to; `None`: where they came to.
    pub(crate) advertised: Option<Arc<(String, u16)>>,
}

/// What all connections have in common.
#[derive(Debug)]
struct Shared {
    broker: Arc<Broker>,
    slots: Arc<Semaphore>,
    pool: Pool,
    numbers: AtomicU64,
}

impl Listener {
    /// Listens at `address`, which is `HOST:PORT`; only where no other machine gets to, unless `is_exposed`.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Exposed`].
    pub(crate) async fn bind(address: &str, is_exposed: bool) -> Result<Listener> {
        let failed = |source| Error::Listen {
            address: address.to_owned(),
            source,
        };
        // What was looked at is what is bound: a name may mean something else the next time.
        let found = tokio::net::lookup_host(address).await.map_err(failed)?;
        let found: Vec<SocketAddr> = found.collect();
        let is_local = |it: &SocketAddr| it.ip().to_canonical().is_loopback();
        if !is_exposed && !found.iter().all(is_local) {
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
        })
    }
}

impl Server {
    pub(crate) fn new(broker: Arc<Broker>, listeners: Vec<Listener>) -> Server {
        let slots = broker.options.connections_max.min(Semaphore::MAX_PERMITS);
        Server {
            listeners,
            shared: Arc::new(Shared {
                broker,
                slots: Arc::new(Semaphore::new(slots)),
                pool: Pool::default(),
                numbers: AtomicU64::new(1),
            }),
        }
    }

    /// Serves until `ending` says so, or nobody is left who could; returns when all connections are closed.
    pub(crate) async fn run(self, ending: watch::Receiver<bool>) {
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            accepting.spawn(accept(listener, self.shared.clone(), ending.clone()));
        }
        let mut tending = JoinSet::new();
        tending.spawn(crate::groups::run(self.shared.broker.clone()));
        while accepting.join_next().await.is_some() {}
        tending.shutdown().await;
    }
}

/// Takes connections until the end, and sees them off.
async fn accept(listener: Listener, shared: Arc<Shared>, mut ending: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = ending.wait_for(|it| *it) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(slot) = shared.take_slot(peer) {
                    let advertised = listener.advertised.clone();
                    let client = Client {
                        stream,
                        peer,
                        advertised,
                        slot,
                    };
                    let serving = serve(shared.clone(), client, ending.clone());
                    connections.spawn(serving);
                }
            }
            Err(error) => {
                // Out of descriptors, mostly: those who are here go on, and the next may find one.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closed with answers unsent"
        );
    }
    connections.shutdown().await;
}

/// Who has connected.
struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    /// Where it is told to come back to; `None`: where it came to.
    advertised: Option<Arc<(String, u16)>>,
    slot: OwnedSemaphorePermit,
}

/// Serves one connection to its end, and says why it ended.
async fn serve(shared: Arc<Shared>, client: Client, ending: watch::Receiver<bool>) {
    let Client {
        stream,
        peer,
        advertised,
        slot,
    } = client;
    let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
    let metrics = &shared.broker.metrics;
    metrics.connections.fetch_add(1, Ordering::Relaxed);
    let _counted = CountOnDrop(&metrics.connections_ended);
    tracing::debug!(%peer, number, "connected");
    let ended = match shared.context(&stream, peer, advertised) {
        Ok(context) => connection::serve(&context, stream, &shared.pool, ending).await,
        Err(ended) => Err(ended),
    };
    match ended {
        Ok(()) => tracing::debug!(%peer, number, "connection ended"),
        // Of clients that go away there are many, and nobody has to do anything about it.
        Err(reason) if reason.is_common() => {
            tracing::debug!(%peer, number, %reason, "connection ended");
        }
        Err(reason) => tracing::warn!(%peer, number, %reason, "connection closed"),
    }
    drop(slot);
}

/// Counts something as ended, also if its task is ended from outside.
struct CountOnDrop<'c>(&'c AtomicU64);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A place for a connection, if there is one.
    fn take_slot(&self, peer: SocketAddr) -> Option<OwnedSemaphorePermit> {
        let slot = self.slots.clone().try_acquire_owned().ok();
        if slot.is_none() {
            let refused = &self.broker.metrics.connections_refused;
            refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%peer, "refused: too many connections");
        }
        slot
    }

    /// What requests of this connection are answered with.
    fn context(
        &self,
        stream: &TcpStream,
        peer: SocketAddr,
        advertised: Option<Arc<(String, u16)>>,
    ) -> Result<Context, Ended> {
        let advertised = match advertised {
            Some(advertised) => advertised,
            // Whoever listens at all addresses is known at the one that this client used.
            None => {
                let address = stream.local_addr()?;
                Arc::new((address.ip().to_canonical().to_string(), address.port()))
            }
        };
        Ok(Context {
            broker: self.broker.clone(),
            advertised,
            peer: peer.ip(),
            sessions: Arc::default(),
        })
    }
}
