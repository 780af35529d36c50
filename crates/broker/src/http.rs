//! Health and metrics over HTTP, for those who watch a broker; nothing of it changes anything.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 as long as the process works |
//! | `/readyz` | 200 while clients are served; 503 at the start, at the end, and when a partition or the log of consumer groups takes nothing more, which is named |
//! | `/metrics` | [`crate::metrics`], as Prometheus reads it; 503 at the start |
//!
//! It answers from before the data folder is opened until after the last client is gone.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::{self, JoinSet};

use crate::broker::Broker;
use crate::metrics;
use crate::server::Listener;

/// Connections at a time; who watches needs one.
const CONNECTIONS_MAX: usize = 64;

/// A head of a request takes no longer, or its connection is closed.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// After an error of the listening socket the next connection is waited for so long later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How far a broker is.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// There once its data folder is open.
    broker: OnceLock<Arc<Broker>>,
    is_ending: AtomicBool,
}

impl State {
    /// Says that clients are served now.
    pub(crate) fn set_ready(&self, broker: &Arc<Broker>) {
        // Is said once.
        let _ = self.broker.set(broker.clone());
    }

    /// Says that the end has begun.
    pub(crate) fn set_ending(&self) {
        self.is_ending.store(true, Ordering::Release);
    }
}

/// Answers until it is ended from outside.
pub(crate) async fn run(listener: Listener, state: Arc<State>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for health and metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            continue;
        };
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(|request| {
                let state = state.clone();
                // All partitions and files of the system are looked at, while others wait for what they asked of the broker.
                let answered = task::spawn_blocking(move || answer::<Incoming>(&state, &request));
                async { Ok::<_, Infallible>(answered.await.unwrap_or_else(|_| broken())) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "connection for health and metrics ended");
            }
            drop(slot);
        });
    }
}

fn answer<B>(state: &State, request: &Request<B>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
        let paths = "there are `/healthz`, `/readyz` and `/metrics`\n";
        return response(StatusCode::NOT_FOUND, TEXT, paths);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = response(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "it can be read only\n",
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match (path, state.broker.get()) {
        ("/healthz", _) => response(StatusCode::OK, TEXT, "ok\n"),
        ("/metrics", Some(broker)) => response(StatusCode::OK, METRICS, metrics::page(broker)),
        (_, None) => unavailable("starting\n"),
        (_, Some(_)) if state.is_ending.load(Ordering::Acquire) => unavailable("ending\n"),
        (_, Some(broker)) => match broker.failed() {
            failed if failed.is_empty() => response(StatusCode::OK, TEXT, "ok\n"),
            failed => unavailable(format!(
                "take nothing more, since making them durable failed: {}\n",
                failed.join(", ")
            )),
        },
    }
}

/// By a mistake of ours, or because this is the end.
fn broken() -> Response<Full<Bytes>> {
    response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "given up\n")
}

fn unavailable(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tempfile::TempDir;

    use super::*;
    use crate::broker::Options;
    use crate::disk::lossy::LossyDisk;
    use nix::libc::EIO;

    /// The status and the text of `/readyz`.
    async fn ready(state: &State) -> (u16, String) {
        let request = Request::get("/readyz").body(()).expect("a request");
        let response = answer(state, &request);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("it is there");
        let text = String::from_utf8(body.to_bytes().to_vec());
        (status, text.expect("a text"))
    }

    #[tokio::test]
    async fn it_is_not_ready_while_groups_cannot_be_kept() {
        let folder = TempDir::new().expect("a folder");
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let options = Options::new(folder.path());
        let (broker, _) = Broker::open_on(disk.clone(), options).expect("it opens");
        let state = State::default();
        assert_eq!(ready(&state).await, (503, "starting\n".to_owned()));
        state.set_ready(&broker);
        assert_eq!(ready(&state).await, (200, "ok\n".to_owned()));
        let mut batch = crate::batch::BatchBuilder::new(1);
        batch.push(1, None, None);
        let log = broker.groups.log();
        log.append(batch.finish().into(), 0, 1)
            .expect("it is appended");
        disk.fail(0, EIO);
        log.flush().expect_err("the disk fails");
        let (status, text) = ready(&state).await;
        assert_eq!(status, 503);
        assert!(text.contains("the log of consumer groups"), "{text}");
        state.set_ending();
        assert_eq!(ready(&state).await.1, "ending\n");
    }
}
