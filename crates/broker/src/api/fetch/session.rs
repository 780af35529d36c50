//! Fetch sessions (KIP-227): a client names its partitions once, and from then on only what changes.
//!
//! A session begins with a request of epoch 0 that names all partitions. The next requests count epochs from 1 and name partitions
//! that are new, or are read from elsewhere, or are forgotten; they are answered with those partitions alone that have records, or
//! of which something else changed. A request of epoch -1 wants no session, and ends the one there is.
//!
//! A session belongs to the connection it was begun on, and ends with it: so there is nothing to be counted, shared or evicted. A client
//! that comes back over another connection is told that its session is not known, and begins another.

use std::collections::BTreeMap;
use std::ops::Bound;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::{FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// The epoch of a request that begins a session.
const INITIAL_EPOCH: i32 = 0;

/// The epoch of a request that wants none.
const FINAL_EPOCH: i32 = -1;

/// A session has room for so many partitions, which may come in many small requests.
const PARTITIONS_MAX: usize = 100_000;

/// A partition that is to be read.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) topic: TopicName,
    pub(super) topic_id: Uuid,
    pub(super) partition: FetchPartition,
}

/// What a partition was said to be when it was last told of: what can be read, and where it starts.
pub(super) type Told = (i64, i64);

/// What a request asks for.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// The session that is answered; 0: none.
    pub(super) session_id: i32,
    /// Whether only what changed is to be told.
    pub(super) is_incremental: bool,
    pub(super) wanted: Vec<Wanted>,
}

/// The session of a connection, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    current: Option<Session>,
    /// Sessions of this connection so far.
    count: i32,
}

#[derive(Debug)]
struct Session {
    id: i32,
    /// Of the next request.
    epoch: i32,
    partitions: BTreeMap<Key, Cached>,
    /// The one that had records last: whoever is behind it goes first, so that none is starved.
    last_served: Option<Key>,
}

/// Names a partition: by its topic's id, or by its topic's name where the version knows no ids.
type Key = (Uuid, TopicName, i32);

#[derive(Debug)]
struct Cached {
    wanted: Wanted,
    told: Option<Told>,
}

impl Sessions {
    /// What a request asks for, together with what the session knows.
    ///
    /// # Errors
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`.
    pub(super) fn begin(&mut self, request: FetchRequest) -> Result<Turn, ResponseError> {
        match request.session_epoch {
            FINAL_EPOCH => {
                self.current = None;
                Ok(Turn {
                    session_id: 0,
                    is_incremental: false,
                    wanted: wanted_of(request).collect(),
                })
            }
            INITIAL_EPOCH => Ok(self.start(request)),
            epoch => self.go_on(epoch, request),
        }
    }

    fn start(&mut self, request: FetchRequest) -> Turn {
        // 0 is no session.
        self.count = self.count.checked_add(1).unwrap_or(1);
        let wanted: Vec<_> = wanted_of(request).collect();
        let mut session = Session {
            id: self.count,
            epoch: 1,
            partitions: BTreeMap::new(),
            last_served: None,
        };
        wanted.iter().for_each(|it| session.put(it.clone()));
        self.current = Some(session);
        Turn {
            session_id: self.count,
            is_incremental: false,
            wanted,
        }
    }

    fn go_on(&mut self, epoch: i32, request: FetchRequest) -> Result<Turn, ResponseError> {
        let session = self
            .current
            .as_mut()
            .filter(|it| it.id == request.session_id);
        let session = session.ok_or(ResponseError::FetchSessionIdNotFound)?;
        if epoch != session.epoch {
            return Err(ResponseError::InvalidFetchSessionEpoch);
        }
        session.epoch = epoch.checked_add(1).unwrap_or(1);
        for forgotten in &request.forgotten_topics_data {
            for &partition in &forgotten.partitions {
                let key = (forgotten.topic_id, forgotten.topic.clone(), partition);
                session.partitions.remove(&key);
            }
        }
        wanted_of(request).for_each(|it| session.put(it));
        if session.partitions.len() > PARTITIONS_MAX {
            // The client names them anew, in a request that may be as long as requests may.
            self.current = None;
            return Err(ResponseError::FetchSessionIdNotFound);
        }
        Ok(Turn {
            session_id: session.id,
            is_incremental: true,
            wanted: session.in_turn(),
        })
    }

    /// Takes note of what is about to be told of a partition; whether that is anything new. In a full answer everything is.
    pub(super) fn tell(&mut self, wanted: &Wanted, has_records: bool, told: Told) -> bool {
        let Some(session) = &mut self.current else {
            return true;
        };
        let key = key_of(wanted);
        let Some(cached) = session.partitions.get_mut(&key) else {
            return true;
        };
        let is_new = cached.told.replace(told) != Some(told);
        if has_records {
            session.last_served = Some(key);
        }
        is_new || has_records
    }
}

impl Session {
    fn put(&mut self, wanted: Wanted) {
        let key = key_of(&wanted);
        let told = self.partitions.get(&key).and_then(|it| it.told);
        self.partitions.insert(key, Cached { wanted, told });
    }

    /// All partitions, beginning behind the one that had records last.
    fn in_turn(&self) -> Vec<Wanted> {
        let all = |range: (Bound<Key>, Bound<Key>)| {
            let cached = self.partitions.range(range);
            cached.map(|(_, cached)| cached.wanted.clone())
        };
        match &self.last_served {
            None => all((Bound::Unbounded, Bound::Unbounded)).collect(),
            Some(last) => {
                let behind = all((Bound::Excluded(last.clone()), Bound::Unbounded));
                behind
                    .chain(all((Bound::Unbounded, Bound::Included(last.clone()))))
                    .collect()
            }
        }
    }
}

fn key_of(wanted: &Wanted) -> Key {
    (
        wanted.topic_id,
        wanted.topic.clone(),
        wanted.partition.partition,
    )
}

fn wanted_of(request: FetchRequest) -> impl Iterator<Item = Wanted> {
    request.topics.into_iter().flat_map(|topic| {
        // A copy: a session would keep the whole request for it.
        let name = TopicName(StrBytes::from_string(topic.topic.to_string()));
        let topic_id = topic.topic_id;
        topic.partitions.into_iter().map(move |partition| Wanted {
            topic: name.clone(),
            topic_id,
            partition,
        })
    })
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::fetch_request::{FetchTopic, ForgottenTopic};

    use super::*;

    fn name(topic: &'static str) -> TopicName {
        TopicName(StrBytes::from_static_str(topic))
    }

    fn request(id: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
        let partitions = partitions.iter().map(|&(partition, offset)| {
            FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
        });
        let topic = FetchTopic::default()
            .with_topic(name("topic"))
            .with_partitions(partitions.collect());
        FetchRequest::default()
            .with_session_id(id)
            .with_session_epoch(epoch)
            .with_topics(vec![topic])
    }

    fn offsets(turn: &Turn) -> Vec<(i32, i64)> {
        let partitions = turn.wanted.iter().map(|it| &it.partition);
        partitions
            .map(|it| (it.partition, it.fetch_offset))
            .collect()
    }

    #[test]
    fn what_was_named_once_is_known() {
        let mut sessions = Sessions::default();
        let first = sessions
            .begin(request(0, 0, &[(0, 5), (1, 7)]))
            .expect("a session");
        assert_eq!((first.session_id, first.is_incremental), (1, false));
        for wanted in &first.wanted {
            assert!(sessions.tell(wanted, false, (10, 0)));
        }
        let next = sessions
            .begin(request(1, 1, &[(1, 9)]))
            .expect("it goes on");
        assert!(next.is_incremental);
        assert_eq!(offsets(&next), [(0, 5), (1, 9)]);
        assert!(!sessions.tell(&next.wanted[0], false, (10, 0)));
        assert!(sessions.tell(&next.wanted[1], false, (11, 0)));
        let mut last = request(1, 2, &[]);
        last.forgotten_topics_data.push(
            ForgottenTopic::default()
                .with_topic(name("topic"))
                .with_partitions(vec![0]),
        );
        assert_eq!(
            offsets(&sessions.begin(last).expect("it goes on")),
            [(1, 9)]
        );
    }

    #[test]
    fn who_had_records_goes_last() {
        let mut sessions = Sessions::default();
        let first = sessions
            .begin(request(0, 0, &[(0, 0), (1, 0), (2, 0)]))
            .expect("a session");
        sessions.tell(&first.wanted[1], true, (10, 0));
        let next = sessions.begin(request(1, 1, &[])).expect("it goes on");
        assert_eq!(offsets(&next), [(2, 0), (0, 0), (1, 0)]);
    }

    #[test]
    fn other_sessions_and_epochs_are_refused() {
        let mut sessions = Sessions::default();
        let unknown = sessions.begin(request(1, 1, &[])).map(|_| ());
        assert_eq!(unknown, Err(ResponseError::FetchSessionIdNotFound));
        sessions.begin(request(0, 0, &[(0, 0)])).expect("a session");
        let skipped = sessions.begin(request(1, 2, &[])).map(|_| ());
        assert_eq!(skipped, Err(ResponseError::InvalidFetchSessionEpoch));
        sessions.begin(request(1, -1, &[])).expect("none is wanted");
        let ended = sessions.begin(request(1, 1, &[])).map(|_| ());
        assert_eq!(ended, Err(ResponseError::FetchSessionIdNotFound));
    }
}
