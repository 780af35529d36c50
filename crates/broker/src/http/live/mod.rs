//! What the live page shows, as events that a server sends (HTML Living Standard §9.2), made once for all who watch and may see the same.
//!
//! Every second one task has the broker looked at ([`sampler`]), on a thread that may wait. What the charts show is kept for a quarter
//! of an hour whether anybody watches or not ([`history`]): these are a few sums. All else is looked up while somebody watches
//! ([`snapshot`], [`contracts`]); [`telling`] keeps from each what is in records that it may not read. Events are
//!
//! | event | data |
//! |---|---|
//! | `history` | the points of the charts by now; each watcher gets it once, first |
//! | `snapshot` | everything that is known now, with a new point; once a second |
//! | `denied` | `lost`: `user` or `grant`, whichever whoever watches had and has not any more; the stream ends |
//! | `ending` | nothing: the broker ends, and so does the stream |
//!
//! A comment is sent where a snapshot takes long, so that proxies do not think that nobody is there. Whoever does not keep up is let go:
//! their connection is closed, and nothing is collected for them ([`watchers`]).

mod contracts;
mod history;
mod sampler;
mod snapshot;
mod telling;
mod watchers;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{self, JoinError};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Phase, State};
use sampler::Sampler;
pub(super) use watchers::{Events, Watchers};

/// How often the broker is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// If looking takes longer, those who watch are told that somebody is there.
const SILENCE_MAX: Duration = Duration::from_secs(5);

const STILL_HERE: &[u8] = b": still here\n\n";

/// Looks at the broker from when it serves until it ends.
pub(super) async fn run(state: Arc<State>) {
    let mut phase = state.phase.subscribe();
    // Somebody is there who could tell: the state is ours, too.
    let _ = phase.wait_for(|it| *it != Phase::Starting).await;
    if let Some(broker) = state.broker.get() {
        let mut sampler = Sampler::new(broker.clone(), &state.addresses);
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let moves_on = tokio::select! {
                biased;
                _ = phase.wait_for(|it| *it == Phase::Ending) => break,
                _ = ticks.tick() => true,
                () = state.watchers.joined.notified() => false,
            };
            let wanted = state.watchers.wanted();
            let at = broker.clone();
            let looking = task::spawn_blocking(move || {
                if wanted.snapshot {
                    // Somebody who watches may have been removed since the last time.
                    at.access.look();
                }
                let look = sampler.look(moves_on, wanted);
                (sampler, look)
            });
            let Some((again, mut look)) = told_meanwhile(looking, &state.watchers).await else {
                break;
            };
            sampler = again;
            state.watchers.tell(&mut look, &broker.access);
        }
    }
    state.watchers.end();
}

/// What comes of looking; `None`: it came to an end by a mistake of ours.
async fn told_meanwhile<T>(mut looking: task::JoinHandle<T>, watchers: &Watchers) -> Option<T> {
    loop {
        match timeout(SILENCE_MAX, &mut looking).await {
            Ok(looked) => {
                // It is cancelled at the end, and nobody wonders then.
                if looked.as_ref().is_err_and(JoinError::is_panic) {
                    tracing::error!(
                        "the live page has ended by a mistake of ours: it is there again when the broker is started again"
                    );
                }
                return looked.ok();
            }
            Err(_) => watchers.tell_all(Bytes::from_static(STILL_HERE)),
        }
    }
}

/// An event, as it is sent. `data` has no line feed, which JSON has none of.
fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::super::connections::{Connection, serve};
    use super::sampler::Look;
    use super::telling::Telling;
    use super::*;
    use crate::access::Wire;

    #[tokio::test]
    async fn who_reads_nothing_loses_the_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = crate::broker::Options::new(folder.path());
        let (broker, _) = crate::Broker::open(options).expect("it opens");
        let state = Arc::new(State::default());
        state.set_ready(&broker);
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("it listens");
        let mut client = TcpStream::connect(address).await.expect("it listens");
        let request = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.write_all(request).await.expect("it is read");
        let (stream, _) = socket.accept().await.expect("it came");
        let wire = Wire {
            peer: address.ip(),
            is_encrypted: false,
        };
        let connection = Connection::new(state.clone(), wire);
        let telling = async {
            let much = Bytes::from(vec![b'x'; 1 << 20]);
            loop {
                let snapshot = Telling::new(&serde_json::json!({ "now": 1 }), Vec::new());
                let mut look = Look {
                    history: Some(much.clone()),
                    snapshot: Some(snapshot),
                };
                state.watchers.tell(&mut look, &broker.access);
                state.watchers.tell_all(much.clone());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let let_go = tokio::time::timeout(Duration::from_secs(20), async {
            tokio::select! {
                () = connection.bounded(serve(stream, &connection)) => (),
                () = telling => (),
            }
        });
        let_go.await.expect("nobody waits for it");
        assert!(!state.watchers.wanted().snapshot);
    }

    #[test]
    fn data_is_one_line_whatever_is_in_it() {
        let hostile = serde_json::to_string("a\n\nevent: ending\r\ndata: \u{2028}").expect("JSON");
        let event = event("snapshot", &hostile);
        let text = std::str::from_utf8(&event).expect("text");
        let (head, body) = text.split_once('\n').expect("two lines");
        assert_eq!(head, "event: snapshot");
        let data = body.strip_suffix("\n\n").expect("an empty line");
        assert!(data.starts_with("data: ") && !data.contains(['\n', '\r']));
    }
}
