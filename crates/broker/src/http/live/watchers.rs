//! Those who watch, and what they have not been told yet.
//!
//! Each has a short queue. Who lets it fill up is let go. Who may not watch any more is told why, and that was the last: somebody is asked
//! who it is when it comes, and stays for hours.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use super::sampler::{Look, Wanted};
use crate::access::{Access, Lost, Visitor};

/// Who watches needs a connection, and there are to be some for others.
const WATCHERS_MAX: usize = 32;

/// Events that may be on their way to a watcher. The first three come at once.
const EVENTS_MAX: usize = 8;

/// A browser that lost the stream comes back after so many milliseconds.
const RETRY: &[u8] = b"retry: 2000\n\n";
const ENDING: &[u8] = b"event: ending\ndata: {}\n\n";
const LOST_USER: &[u8] = b"event: denied\ndata: {\"lost\":\"user\"}\n\n";
const LOST_GRANT: &[u8] = b"event: denied\ndata: {\"lost\":\"grant\"}\n\n";

/// Those who watch.
#[derive(Debug, Default)]
pub(in crate::http) struct Watchers {
    list: Mutex<List>,
    /// Told when somebody comes.
    pub(super) joined: Notify,
}

#[derive(Debug, Default)]
struct List {
    watchers: Vec<Watcher>,
    is_ended: bool,
}

#[derive(Debug)]
struct Watcher {
    events: mpsc::Sender<Bytes>,
    visitor: Visitor,
    /// Whether it has not been told of what was before.
    is_fresh: bool,
    /// Told when it does not keep up.
    let_go: Arc<Notify>,
}

impl Watchers {
    /// Takes one more; `None`: there are too many, or this is the end.
    pub(in crate::http) fn join(&self, visitor: Visitor, let_go: Arc<Notify>) -> Option<Events> {
        let mut list = self.lock();
        list.watchers.retain(|it| !it.events.is_closed());
        if list.is_ended || list.watchers.len() >= WATCHERS_MAX {
            return None;
        }
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let mut watcher = Watcher {
            events,
            visitor,
            is_fresh: true,
            let_go,
        };
        watcher.send(&Bytes::from_static(RETRY));
        list.watchers.push(watcher);
        self.joined.notify_one();
        Some(Events { receiver })
    }

    pub(super) fn wanted(&self) -> Wanted {
        let mut list = self.lock();
        list.watchers.retain(|it| !it.events.is_closed());
        Wanted {
            snapshot: !list.watchers.is_empty(),
            history: list.watchers.iter().any(|it| it.is_fresh),
        }
    }

    /// Tells everybody what they do not know yet, but those who may not be told any more. Who came while it was looked up is told the next
    /// time.
    pub(super) fn tell(&self, look: &mut Look, access: &Access) {
        self.lock().watchers.retain_mut(|watcher| {
            if let Err(lost) = watcher.visitor.may_watch(access) {
                watcher.send(&Bytes::from_static(match lost {
                    Lost::User => LOST_USER,
                    Lost::Grant => LOST_GRANT,
                }));
                // Its stream ends there.
                return false;
            }
            let Some(snapshot) = &mut look.snapshot else {
                return true;
            };
            let snapshot = snapshot.event(|topic| watcher.visitor.may_read(access, topic));
            if !watcher.is_fresh {
                return watcher.send(&snapshot);
            }
            match &look.history {
                Some(history) => {
                    watcher.is_fresh = false;
                    watcher.send(history) && watcher.send(&snapshot)
                }
                None => true,
            }
        });
    }

    pub(super) fn tell_all(&self, event: Bytes) {
        self.lock().watchers.retain_mut(|it| it.send(&event));
    }

    /// Says that it is over, and takes nobody any more.
    pub(super) fn end(&self) {
        self.tell_all(Bytes::from_static(ENDING));
        let mut list = self.lock();
        list.is_ended = true;
        list.watchers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // Nothing is left half done by whoever panics while holding it.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Whether it is still with us.
    fn send(&mut self, event: &Bytes) -> bool {
        match self.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                self.let_go.notify_one();
                false
            }
        }
    }
}

/// The events of one watcher, as the body of an answer.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: mpsc::Receiver<Bytes>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let received = self.receiver.poll_recv(context);
        received.map(|event| event.map(|it| Ok(Frame::data(it))))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hyper::Request;
    use serde::Serialize;
    use tempfile::TempDir;

    use super::super::sampler::Sampler;
    use super::super::telling::Telling;
    use super::*;
    use crate::access::{AccessOptions, Users, Wire, admit};
    use crate::broker::{Broker, Options};
    use crate::metrics::{Fate, Refusal};

    /// Of a broker that asks nobody.
    fn open() -> Access {
        let folder = TempDir::new().expect("a folder");
        Access::open(&AccessOptions::default(), folder.path()).expect("there are no files")
    }

    fn join(watchers: &Watchers) -> Option<Events> {
        watchers.join(Visitor::Anybody, Arc::default())
    }

    fn look(history: Option<&'static str>, snapshot: &'static str) -> Look {
        Look {
            history: history.map(Bytes::from),
            snapshot: Some(Telling::new(&Named { snapshot }, Vec::new())),
        }
    }

    #[derive(Serialize)]
    struct Named {
        snapshot: &'static str,
    }

    fn event(snapshot: &str) -> String {
        let rest = "\"refusals\":[],\"refusals_withheld\":0";
        format!("event: snapshot\ndata: {{\"snapshot\":\"{snapshot}\",{rest}}}\n\n")
    }

    /// What is there for a watcher by now.
    fn told(events: &mut Events) -> Vec<Bytes> {
        std::iter::from_fn(|| events.receiver.try_recv().ok()).collect()
    }

    #[test]
    fn who_comes_is_told_of_what_was_once() {
        let watchers = Watchers::default();
        assert!(!watchers.wanted().snapshot);
        let mut events = join(&watchers).expect("there is room");
        assert_eq!(told(&mut events), [RETRY]);
        // It had come too late for this.
        watchers.tell(&mut look(None, "early"), &open());
        assert!(watchers.wanted().history);
        watchers.tell(&mut look(Some("before"), "now"), &open());
        assert_eq!(told(&mut events), ["before", event("now").as_str()]);
        assert!(!watchers.wanted().history && watchers.wanted().snapshot);
        watchers.tell(&mut look(None, "next"), &open());
        watchers.end();
        assert_eq!(told(&mut events), [event("next").as_bytes(), ENDING]);
        assert!(events.receiver.is_closed());
        assert!(join(&watchers).is_none());
    }

    #[test]
    fn there_are_only_so_many() {
        let watchers = Watchers::default();
        let mut all: Vec<_> = (0..WATCHERS_MAX)
            .map(|_| join(&watchers).expect("there is room"))
            .collect();
        assert!(join(&watchers).is_none());
        all.pop();
        assert!(join(&watchers).is_some());
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_let_go() {
        let watchers = Watchers::default();
        let let_go = Arc::new(Notify::new());
        let slow = watchers
            .join(Visitor::Anybody, let_go.clone())
            .expect("there is room");
        let mut quick = join(&watchers).expect("there is room");
        for _ in 0..=EVENTS_MAX {
            watchers.tell(&mut look(Some("before"), "now"), &open());
            told(&mut quick);
        }
        let_go.notified().await;
        assert!(slow.receiver.is_closed());
        assert!(slow.receiver.len() <= EVENTS_MAX);
        assert!(!quick.receiver.is_closed());
    }

    #[tokio::test]
    async fn who_may_not_watch_any_more_is_told_why_and_no_more() {
        let watchers = Watchers::default();
        let let_go = Arc::new(Notify::new());
        let join = || watchers.join(Visitor::Stranger, let_go.clone());
        let mut stranger = join().expect("there is room");
        let full = join().expect("there is room");
        for _ in 1..EVENTS_MAX {
            watchers.tell_all(Bytes::from_static(RETRY));
        }
        assert_eq!(told(&mut stranger).len(), EVENTS_MAX);
        let mut anybody = watchers.join(Visitor::Anybody, Arc::default());
        let anybody = anybody.as_mut().expect("there is room");
        watchers.tell(&mut look(Some("before"), "now"), &open());
        assert_eq!(told(&mut stranger), [LOST_USER]);
        assert!(stranger.receiver.is_closed() && full.receiver.is_closed());
        let_go.notified().await;
        assert_eq!(full.receiver.len(), EVENTS_MAX, "it was slow as well");
        assert_eq!(told(anybody).len(), 3);
    }

    /// A user of a broker, by its name and the password `secret`, as it comes over HTTP.
    async fn user(broker: &Broker, name: &str) -> Visitor {
        let wire = Wire {
            peer: [127, 0, 0, 1].into(),
            is_encrypted: false,
        };
        let basic = STANDARD.encode(format!("{name}:secret"));
        let request = Request::get("/live").header("Authorization", format!("Basic {basic}"));
        let request = request.body(()).expect("a request");
        let admitted = admit(broker, wire, &[], &request).await;
        admitted.expect("it may watch")
    }

    #[tokio::test]
    async fn who_administers_sees_no_records() {
        let folder = TempDir::new().expect("a folder");
        let grants = folder.path().join("grants.toml");
        let granted = "[users.ops]\nadmin = true\n[users.ann]\nmetrics = true\nread = [\"pay*\"]\n";
        std::fs::write(&grants, granted).expect("it is written");
        for name in ["ops", "ann"] {
            let path = Users::path_in(folder.path());
            Users::change(&path, |it| it.set(name, "secret")).expect("it is added");
        }
        let mut options = Options::new(folder.path());
        options.access.is_on = true;
        options.access.grants = Some(grants);
        let (broker, _) = Broker::open(options).expect("it opens");
        broker.metrics.refusals.note(Refusal {
            at_ms: 1,
            topic: "payroll".to_owned(),
            partition: 0,
            index: 0,
            fate: Fate::Passed,
            reason: "salary: maximum: 9000".to_owned(),
            value: "salary: 9000".to_owned(),
        });
        let watchers = Watchers::default();
        let mut sampler = Sampler::new(broker.clone(), &[]);
        let mut all = Vec::new();
        for (name, is_shown) in [("ops", false), ("ann", true)] {
            let events = watchers.join(user(&broker, name).await, Arc::default());
            all.push((events.expect("there is room"), is_shown));
        }
        let mut look = sampler.look(true, watchers.wanted());
        watchers.tell(&mut look, &broker.access);
        for (mut events, is_shown) in all {
            let told = told(&mut events);
            let snapshot = String::from_utf8_lossy(&told[2]);
            assert!(snapshot.contains("\"contracts\":"), "{snapshot}");
            assert_eq!(snapshot.contains("9000"), is_shown, "{snapshot}");
        }
    }
}
