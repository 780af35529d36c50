//! Connections for what is asked over HTTP: who gets one, and for how long.
//!
//! Anybody who gets to the port can open them, so none is held for nothing: each has a moment for its first request, a handshake included,
//! and for each head of a further one, the time between two requests included; it has to take what it is answered ([`Patient`]); and it
//! ends after a while, so that nobody holds one by being slow. Until a request was let in it takes one of the places of strangers, of which
//! there are fewer ([`slots`](super::slots)). Those over which somebody watches are the exception: they last as long as they take what they are told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::patient::Patient;
use super::slots::Slots;
use super::{State, live, respond};
use crate::access::Wire;
use crate::server::{Listener, Place, greet};
use crate::tls::Tls;

/// A head of a request takes no longer, or its connection is closed; nor do a handshake and the first head together.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Nothing of an answer is taken for so long, or the connection is closed.
const STALLED_TIME_MAX: Duration = Duration::from_secs(10);

/// After so long a connection takes no more requests. What is under way may still be answered for [`END_TIME_MAX`].
const LIFE_MAX: Duration = Duration::from_secs(60);
const END_TIME_MAX: Duration = Duration::from_secs(15);

/// One of those that are kept for this machine lasts no longer.
const KEPT_LIFE_MAX: Duration = Duration::from_secs(5);

/// After an error of the listening socket the next connection is waited for so long later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until it is ended from outside.
pub(crate) async fn run(listener: Listener, state: Arc<State>) {
    let slots = Arc::new(Slots::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(live::run(state.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for the page, health and metrics");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let let_go = Arc::default();
        let Some(mut slot) = slots.take(peer.ip(), &let_go) else {
            continue;
        };
        let wire = Wire {
            peer: peer.ip(),
            is_encrypted: listener.tls.is_some(),
        };
        let mut connection = Connection::new(state.clone(), wire);
        connection.let_go = let_go;
        connection.is_brief = slot.is_kept();
        connection.place = Mutex::new(slot.take_place());
        let tls = listener.tls.clone();
        tasks.spawn(async move {
            let talking = talk(stream, peer, tls.as_ref(), &connection);
            connection.bounded(talking).await;
            drop(slot);
        });
    }
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: Arc<State>,
    pub(super) wire: Wire,
    /// Told when it is to be closed, whatever is under way.
    pub(super) let_go: Arc<Notify>,
    /// Whether it is there for one request, and nobody can watch over it.
    pub(super) is_brief: bool,
    /// What it takes of the places of strangers.
    place: Mutex<Option<Place>>,
    /// Whether something was asked over it.
    is_heard: AtomicBool,
    /// Whether somebody watches over it.
    is_watched: AtomicBool,
}

impl Connection {
    pub(super) fn new(state: Arc<State>, wire: Wire) -> Connection {
        Connection {
            state,
            wire,
            let_go: Arc::default(),
            is_brief: false,
            place: Mutex::default(),
            is_heard: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
        }
    }

    /// Says that something was asked over it.
    pub(super) fn set_heard(&self) {
        self.is_heard.store(true, Ordering::Relaxed);
    }

    /// Says that it is known who is at its other end: no stranger any more.
    pub(super) fn set_known(&self) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        *place = None;
    }

    /// Says that somebody watches over it from now on, so that it lasts.
    pub(super) fn set_watched(&self) {
        self.is_watched.store(true, Ordering::Relaxed);
    }

    /// Does what is to be done over it, as long as it may last.
    pub(super) async fn bounded(&self, talking: impl Future<Output = ()>) {
        tokio::select! {
            () = talking => {}
            () = self.let_go.notified() => tracing::debug!(peer = %self.wire.peer, "a connection for the page, health and metrics was let go"),
            () = self.until_not_heard() => tracing::debug!(peer = %self.wire.peer, "a connection for the page, health and metrics asked nothing"),
            () = self.until_too_old() => tracing::debug!(peer = %self.wire.peer, "a connection for the page, health and metrics was there for too long"),
        }
    }

    async fn until_not_heard(&self) {
        sleep(HEAD_TIME_MAX).await;
        if self.is_heard.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }

    async fn until_too_old(&self) {
        let life = match self.is_brief {
            true => KEPT_LIFE_MAX,
            false => LIFE_MAX + END_TIME_MAX,
        };
        sleep(life).await;
        if self.is_watched.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }
}

/// What is said over a connection from its beginning to its end.
async fn talk(stream: TcpStream, peer: SocketAddr, tls: Option<&Tls>, connection: &Connection) {
    // One that fails is told of there.
    if let Ok(stream) = greet(tls, stream, peer, HEAD_TIME_MAX).await {
        serve(stream, connection).await;
    }
}

/// Answers what comes over one connection.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, connection: &Connection) {
    let service =
        service_fn(
            |request| async move { Ok::<_, Infallible>(respond(connection, &request).await) },
        );
    let stream = TokioIo::new(Patient::new(stream, STALLED_TIME_MAX));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .keep_alive(!connection.is_brief)
        .serve_connection(stream, service);
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = sleep(LIFE_MAX) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection for the page, health and metrics ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, timeout};

    use super::*;

    fn connection() -> Connection {
        let wire = Wire {
            peer: [127, 0, 0, 1].into(),
            is_encrypted: false,
        };
        Connection::new(Arc::default(), wire)
    }

    /// How long a connection lasts that is used so.
    async fn lasts<T>(
        connection: &Connection,
        client: impl AsyncFnOnce(DuplexStream) -> T,
    ) -> Duration {
        let (near, far) = duplex(64);
        let began = Instant::now();
        let served = async {
            let served = connection.bounded(serve(near, connection));
            let served = timeout(10 * LIFE_MAX, served).await;
            served.expect("it ends");
            began.elapsed()
        };
        tokio::join!(served, client(far)).0
    }

    const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_never_reads_is_let_go() {
        let connection = connection();
        let took = lasts(&connection, async |mut client| {
            // More than there is room for on the way.
            let asked = client.write_all(&HEALTH.repeat(10_000)).await;
            asked.expect_err("nobody waits for it");
        });
        assert_eq!(took.await.as_secs(), STALLED_TIME_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_let_go() {
        let connection = connection();
        let quiet = async |mut client: DuplexStream| client.read_to_end(&mut Vec::new()).await;
        let took = lasts(&connection, quiet).await;
        assert_eq!(took.as_secs(), HEAD_TIME_MAX.as_secs());
        let took = lasts(&connection, async |mut client: DuplexStream| {
            client.write_all(HEALTH).await.expect("it is read");
            client.read_to_end(&mut Vec::new()).await
        });
        assert_eq!(took.await.as_secs(), HEAD_TIME_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_is_let_go_in_the_end() {
        // A byte every other second.
        let slow = async |mut client: DuplexStream| {
            for byte in HEALTH.repeat(100) {
                sleep(Duration::from_secs(2)).await;
                if client.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        };
        assert_eq!(
            lasts(&connection(), slow).await.as_secs(),
            HEAD_TIME_MAX.as_secs()
        );
        let slow_reader = async |client: DuplexStream| {
            let (mut read, mut write) = tokio::io::split(client);
            let requests = HEALTH.repeat(1000);
            let asks = write.write_all(&requests);
            let takes = async {
                while let Ok(1) = read.read(&mut [0]).await {
                    sleep(Duration::from_secs(2)).await;
                }
            };
            let _ = tokio::join!(asks, takes);
        };
        let took = lasts(&connection(), slow_reader).await;
        assert_eq!(took, LIFE_MAX + END_TIME_MAX);
        let busy = async |client: DuplexStream| {
            let (mut read, mut write) = tokio::io::split(client);
            let asks = async {
                while write.write_all(HEALTH).await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            let mut nowhere = tokio::io::sink();
            let _ = tokio::join!(asks, tokio::io::copy(&mut read, &mut nowhere));
        };
        assert_eq!(
            lasts(&connection(), busy).await.as_secs(),
            LIFE_MAX.as_secs()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_for_one_request() {
        let mut connection = connection();
        connection.is_brief = true;
        let quiet = async |mut client: DuplexStream| client.read_to_end(&mut Vec::new()).await;
        assert_eq!(lasts(&connection, quiet).await, KEPT_LIFE_MAX);
        let mut answers = Vec::new();
        let took = lasts(&connection, async |mut client: DuplexStream| {
            client.write_all(HEALTH).await.expect("it is read");
            client.read_to_end(&mut answers).await
        });
        assert!(took.await < Duration::from_secs(1));
        assert!(answers.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_and_the_first_request_have_one_time_together() {
        let connection = connection();
        let began = Instant::now();
        // A handshake that is through, and a request that takes long to come behind it.
        let talking = async {
            sleep(HEAD_TIME_MAX - Duration::from_secs(1)).await;
            sleep(HEAD_TIME_MAX - Duration::from_secs(1)).await;
        };
        connection.bounded(talking).await;
        assert_eq!(began.elapsed(), HEAD_TIME_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_stays() {
        let connection = connection();
        connection.set_heard();
        connection.set_watched();
        let staying = connection.bounded(std::future::pending());
        let stays = timeout(100 * LIFE_MAX, staying).await;
        stays.expect_err("it is watched");
    }
}
