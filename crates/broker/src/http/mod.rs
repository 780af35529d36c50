//! The live page, health and metrics over HTTP, for those who watch a broker; nothing of it changes anything.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the live page; what it is made of lies below `/assets/` ([`assets`]) |
//! | `/live` | what it shows, as a stream of events ([`live`]); 503 at the start, at the end, and when too many watch |
//! | `/healthz` | 200 as long as the process works |
//! | `/readyz` | 200 while clients are served; 503 at the start, at the end, and when a partition or the log of consumer groups takes nothing more, which is named to those who may watch |
//! | `/metrics` | [`crate::metrics`], as Prometheus reads it; 503 at the start |
//!
//! It answers from before the data folder is opened until after the last client is gone. Every request goes through [`respond`]; who may
//! ask is for `access` to say, and who gets a connection for [`connections`].

mod assets;
mod connections;
mod live;
mod patient;
mod response;
mod slots;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;
use tokio::task;

use crate::access::{self, Visitor};
use crate::broker::Broker;
use crate::metrics;
use connections::Connection;
pub(crate) use connections::run;
use live::Watchers;
pub(crate) use response::{Body, TEXT, of_text};
use response::{METRICS, of_events, refused_method, unavailable};
pub(crate) use slots::CONNECTIONS_MAX;

/// How far a broker is.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// There once its data folder is open.
    broker: OnceLock<Arc<Broker>>,
    phase: watch::Sender<Phase>,
    /// Where Kafka's clients connect.
    addresses: Vec<SocketAddr>,
    /// Names under which clients come, too.
    advertised: Vec<String>,
    watchers: Watchers,
}

/// What a broker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Its data folder is being opened.
    #[default]
    Starting,
    Serving,
    Ending,
}

impl State {
    /// Of a broker that starts, whose clients are to connect at these addresses, or under these names.
    pub(crate) fn new(addresses: Vec<SocketAddr>, advertised: Vec<String>) -> State {
        State {
            addresses,
            advertised,
            ..State::default()
        }
    }

    /// Says that clients are served now.
    pub(crate) fn set_ready(&self, broker: &Arc<Broker>) {
        // Is said once.
        let _ = self.broker.set(broker.clone());
        self.phase.send_replace(Phase::Serving);
    }

    /// Says that the end has begun.
    pub(crate) fn set_ending(&self) {
        self.phase.send_replace(Phase::Ending);
    }

    fn is_ending(&self) -> bool {
        *self.phase.borrow() == Phase::Ending
    }
}

/// A broker that is open, and who asks it.
#[derive(Debug)]
struct Asked {
    broker: Arc<Broker>,
    visitor: Visitor,
}

/// Answers a request.
async fn respond(connection: &Connection, request: &Request<Incoming>) -> Response<Body> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (state, wire) = (&connection.state, connection.wire);
    connection.set_heard();
    // Looked for once: who was not asked who it is, since there was nothing to learn, learns nothing of a broker that opened meanwhile.
    let asked = match state.broker.get() {
        None => None,
        Some(broker) => match access::admit(broker, wire, &state.advertised, request).await {
            Ok(visitor) => {
                if !matches!(visitor, Visitor::Stranger) {
                    connection.set_known();
                }
                Some(Asked {
                    broker: broker.clone(),
                    visitor,
                })
            }
            Err(refused) => return refused,
        },
    };
    match request.uri().path() {
        path if !is_known(path) => of_text(StatusCode::NOT_FOUND, TEXT, PATHS),
        _ if !is_read => refused_method(),
        "/live" => watch(connection, asked.as_ref(), request.method()),
        path => match assets::find(path) {
            Some(asset) => asset.response(request.headers()),
            None => {
                let (state, path) = (state.clone(), path.to_owned());
                // All partitions and files of the system are looked at, while others wait for what they asked of the broker.
                let answered =
                    task::spawn_blocking(move || looked_up(&state, asked.as_ref(), &path));
                answered.await.unwrap_or_else(|_| broken())
            }
        },
    }
}

/// What is answered where there is nothing.
const PATHS: &str = "there are `/`, `/live`, `/healthz`, `/readyz` and `/metrics`\n";

fn is_known(path: &str) -> bool {
    matches!(path, "/live" | "/healthz" | "/readyz" | "/metrics") || assets::find(path).is_some()
}

/// Has whoever asks told of everything from now on.
fn watch(connection: &Connection, asked: Option<&Asked>, method: &Method) -> Response<Body> {
    let state = &connection.state;
    if state.is_ending() {
        return unavailable("ending\n");
    }
    let Some(asked) = asked else {
        return unavailable("starting\n");
    };
    if method == Method::HEAD {
        return of_events(None);
    }
    let events = match connection.is_brief {
        true => None,
        false => {
            let (visitor, let_go) = (asked.visitor.clone(), connection.let_go.clone());
            state.watchers.join(visitor, let_go)
        }
    };
    match events {
        Some(events) => {
            connection.set_watched();
            of_events(Some(events))
        }
        None => unavailable("too many watch already, or this is the end\n"),
    }
}

/// Health and metrics.
fn looked_up(state: &State, asked: Option<&Asked>, path: &str) -> Response<Body> {
    match (path, asked) {
        ("/healthz", _) => of_text(StatusCode::OK, TEXT, "ok\n"),
        ("/metrics", Some(asked)) => of_text(StatusCode::OK, METRICS, metrics::page(&asked.broker)),
        (_, None) => unavailable("starting\n"),
        (_, Some(_)) if state.is_ending() => unavailable("ending\n"),
        (_, Some(asked)) => match asked.broker.failed() {
            failed if failed.is_empty() => of_text(StatusCode::OK, TEXT, "ok\n"),
            failed => unavailable(told_of(&failed, &asked.visitor)),
        },
    }
}

/// What takes nothing more: by name for those who see such names elsewhere, too.
fn told_of(failed: &[String], visitor: &Visitor) -> String {
    let what = match visitor {
        Visitor::Stranger => failed.len().to_string(),
        Visitor::Anybody | Visitor::User(_) => failed.join(", "),
    };
    format!("take nothing more, since making them durable failed: {what}\n")
}

/// By a mistake of ours, or because this is the end.
fn broken() -> Response<Body> {
    of_text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "given up\n")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tempfile::TempDir;

    use super::*;
    use crate::access::Wire;
    use crate::broker::Options;
    use crate::disk::lossy::LossyDisk;
    use nix::libc::EIO;

    /// The status and the text of `/readyz`.
    async fn ready(state: &State, visitor: Visitor) -> (u16, String) {
        let broker = state.broker.get().cloned();
        let asked = broker.map(|broker| Asked { broker, visitor });
        let response = looked_up(state, asked.as_ref(), "/readyz");
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
        let anybody = async || ready(&state, Visitor::Anybody).await;
        assert_eq!(anybody().await, (503, "starting\n".to_owned()));
        state.set_ready(&broker);
        assert_eq!(anybody().await, (200, "ok\n".to_owned()));
        let mut batch = crate::batch::BatchBuilder::new(1);
        batch.push(1, None, None);
        let log = broker.groups.log();
        log.append(batch.finish().into(), 0, 1)
            .expect("it is appended");
        disk.fail(0, EIO);
        log.flush().expect_err("the disk fails");
        let (status, text) = anybody().await;
        assert_eq!(status, 503);
        assert!(text.contains("the log of consumer groups"), "{text}");
        // Who is not known learns how many there are.
        let (status, text) = ready(&state, Visitor::Stranger).await;
        assert_eq!(status, 503);
        assert!(text.ends_with(" failed: 1\n"), "{text}");
        state.set_ending();
        assert_eq!(anybody().await.1, "ending\n");
    }

    #[test]
    fn who_watches_is_told_of_a_broker_that_serves() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
        let wire = Wire {
            peer: [127, 0, 0, 1].into(),
            is_encrypted: false,
        };
        let mut connection = Connection::new(Arc::default(), wire);
        let state = connection.state.clone();
        let asked = Asked {
            broker,
            visitor: Visitor::Anybody,
        };
        let status =
            |connection: &Connection, asked| watch(connection, asked, &Method::GET).status();
        assert_eq!(status(&connection, None), StatusCode::SERVICE_UNAVAILABLE);
        state.set_ready(&asked.broker);
        // It was not there when it was asked for.
        assert_eq!(status(&connection, None), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&connection, Some(&asked)), StatusCode::OK);
        connection.is_brief = true;
        let brief = status(&connection, Some(&asked));
        assert_eq!(brief, StatusCode::SERVICE_UNAVAILABLE);
        connection.is_brief = false;
        state.set_ending();
        let late = status(&connection, Some(&asked));
        assert_eq!(late, StatusCode::SERVICE_UNAVAILABLE);
    }
}
