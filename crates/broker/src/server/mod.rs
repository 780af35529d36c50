//! Sockets: who may connect, and what becomes of a connection.
//!
//! Each connection has two tasks. The *reader* takes one request after the other from the socket and begins it; the *writer* sends the
//! answers in the order of the requests, each when it is ready. Between them is a queue of a few answers, so a producer that
//! waits for stable storage can have several requests on the way, and one that sends more than it reads is not read from.
//!
//! Where TLS is spoken its handshake comes first, in the connection's own task. What follows is the same over both kinds of streams
//! (`stream.rs`), but for how answers are sent (`send/`).
//!
//! What a client can make us hold is bounded: connections (those that have not logged in, where they have to, to half), bytes of requests in flight over all of them (whoever is
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
mod listener;
mod pool;
mod send;
mod strangers;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::access::Wire;
use crate::api::Context;
use crate::broker::Broker;
use crate::pace::Pace;
use crate::tls::Tls;
use connection::Ended;
pub(crate) use listener::{Doors, Listener, Service, greet};
pub(crate) use pool::Pool;
#[cfg(feature = "tls")]
pub(crate) use pool::{BUFFER_BYTES_MIN, Buffer};
pub(crate) use strangers::{Place, Strangers, network_of};

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

/// What all connections have in common.
#[derive(Debug)]
struct Shared {
    broker: Arc<Broker>,
    slots: Arc<Semaphore>,
    /// Of these places; `None`: nobody has to log in.
    strangers: Option<Strangers>,
    pool: Pool,
    numbers: AtomicU64,
    refusals: Pace,
}

impl Server {
    pub(crate) fn new(broker: Arc<Broker>, listeners: Vec<Listener>) -> Server {
        let slots = broker.options.connections_max.min(Semaphore::MAX_PERMITS);
        let strangers = broker.access.is_on().then(|| Strangers::of(slots));
        Server {
            listeners,
            shared: Arc::new(Shared {
                broker,
                strangers,
                slots: Arc::new(Semaphore::new(slots)),
                pool: Pool::default(),
                numbers: AtomicU64::new(1),
                refusals: Pace::default(),
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
        tending.spawn(crate::access::run(self.shared.broker.clone()));
        if let Some(tls) = &self.shared.broker.options.tls {
            let check = self.shared.broker.options.certificate_check;
            tending.spawn(renew(tls.clone(), check));
        }
        while accepting.join_next().await.is_some() {}
        tending.shutdown().await;
    }
}

/// Has a look at the certificate's files now and then.
async fn renew(tls: Tls, check: Duration) {
    loop {
        tokio::time::sleep(check).await;
        let tls = tls.clone();
        // It does not end before it is done, but by a mistake of ours.
        let _ = tokio::task::spawn_blocking(move || tls.renew()).await;
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
                if let Some((slot, place)) = shared.take_slot(peer) {
                    let client = Client {
                        stream,
                        peer,
                        advertised: listener.advertised.clone(),
                        tls: listener.tls.clone(),
                        slot,
                        place,
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
    /// What it is to speak TLS with, where it is.
    tls: Option<Tls>,
    slot: OwnedSemaphorePermit,
    /// Until it has logged in, where it has to.
    place: Option<Place>,
}

/// Serves one connection to its end, and says why it ended.
async fn serve(shared: Arc<Shared>, client: Client, ending: watch::Receiver<bool>) {
    let Client {
        stream,
        peer,
        advertised,
        tls,
        slot,
        place,
    } = client;
    let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
    let metrics = &shared.broker.metrics;
    metrics.connections.fetch_add(1, Ordering::Relaxed);
    let _counted = CountOnDrop(&metrics.connections_ended);
    tracing::debug!(%peer, number, "connected");
    let wire = Wire {
        peer: peer.ip(),
        is_encrypted: tls.is_some(),
    };
    let ended = match shared.context(&stream, wire, advertised) {
        Ok(context) => {
            context.client.hold(place);
            talk(&context, &shared.pool, stream, tls, ending).await
        }
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

/// Has a handshake, where there is to be one, and answers requests; one that is not through at the end is given up.
async fn talk(
    context: &Context,
    pool: &Pool,
    stream: TcpStream,
    tls: Option<Tls>,
    mut ending: watch::Receiver<bool>,
) -> Result<(), Ended> {
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    let patience = context.client.patience(context.broker.options.stalled);
    let stream = tokio::select! {
        greeted = greet(tls.as_ref(), stream, peer, patience) => greeted?,
        _ = ending.wait_for(|it| *it) => return Ok(()),
    };
    connection::serve(context, stream, pool, ending).await
}

/// Counts something as ended, also if its task is ended from outside.
struct CountOnDrop<'c>(&'c AtomicU64);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A place for a connection, if there is one, also among those who have not logged in.
    fn take_slot(&self, peer: SocketAddr) -> Option<(OwnedSemaphorePermit, Option<Place>)> {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            self.refuse(peer, "all are taken (`--max-connections`)");
            return None;
        };
        let Some(strangers) = &self.strangers else {
            return Some((slot, None));
        };
        let place = strangers.enter(peer.ip());
        if place.is_none() {
            self.refuse(peer, "too many have not logged in");
        }
        Some((slot, Some(place?)))
    }

    fn refuse(&self, peer: SocketAddr, reason: &str) {
        let refused = &self.broker.metrics.connections_refused;
        refused.fetch_add(1, Ordering::Relaxed);
        if let Some(left_out) = self.refusals.take() {
            tracing::warn!(%peer, reason, left_out, "refused: too many connections");
        }
    }

    /// What requests of this connection are answered with.
    fn context(
        &self,
        stream: &TcpStream,
        wire: Wire,
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
            peer: wire.peer,
            client: Arc::new(self.broker.access.client(wire)),
            sessions: Arc::default(),
            mute: Arc::default(),
        })
    }
}
