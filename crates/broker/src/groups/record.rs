//! The records of the log of groups. The last one of a key holds; a value that is null says that there is nothing any more.
//!
//! All numbers are big-endian; *bytes* are their length u32 and themselves, *text* is bytes of UTF-8.
//!
//! ```text
//! key     kind u8       0 group, 1 offset
//!         group text
//!         topic text    of an offset alone
//!         partition i32 likewise
//!
//! value of a group            value of an offset
//!   version u8        2         version u8       1
//!   generation i32              offset i64
//!   empty since i64  (-1: not)  leader epoch i32 (-1: not said)
//!   protocol type text          committed i64
//!   protocol text               expires i64      (-1: as the broker has it)
//!   leader text                 metadata text
//!   members u32, and of each:
//!     id text
//!     instance text             (empty: it is no static member)
//!     client id text
//!     client host text
//!     session timeout u32       in milliseconds
//!     rebalance timeout u32     likewise
//!     protocols u32, and of each: name text, metadata bytes
//!     assignment bytes
//! ```
//!
//! Version 1 of the value of a group ends behind the protocol type, and is still read. Times are milliseconds since 1970. The batches
//! around them have checksums.

use std::time::Duration;

use bytes::Bytes;

use super::member::Protocol;
use super::offsets::Committed;

const GROUP: u8 = 0;
const OFFSET: u8 = 1;
const GROUP_VERSION: u8 = 2;
const OFFSET_VERSION: u8 = 1;

/// What of a group survives a restart, beside its offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupState {
    pub(super) generation: i32,
    /// `None`: it never had members.
    pub(super) protocol_type: Option<String>,
    /// `None`: it has members, or never had.
    pub(super) empty_since_ms: Option<i64>,
    /// The protocol of the generation.
    pub(super) protocol: Option<String>,
    /// The id of the member that leads.
    pub(super) leader: Option<String>,
    /// Who knows what to do; of a generation that has not been told it yet nobody is kept.
    pub(super) members: Vec<KeptMember>,
}

/// A member that goes on after a restart of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptMember {
    pub(super) id: String,
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout: Duration,
    pub(super) rebalance_timeout: Duration,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
}

/// A change to what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A group is this now; `None`: it is no more.
    Group(String, Option<GroupState>),
    /// The offset of a partition is this now; `None`: there is none any more.
    Offset {
        group: String,
        topic: String,
        partition: i32,
        committed: Option<Committed>,
    },
}

impl Change {
    /// Its key.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        match self {
            Change::Group(group, _) => {
                key.push(GROUP);
                push_text(&mut key, group);
            }
            Change::Offset {
                group,
                topic,
                partition,
                ..
            } => {
                key.push(OFFSET);
                push_text(&mut key, group);
                push_text(&mut key, topic);
                key.extend_from_slice(&partition.to_be_bytes());
            }
        }
        key
    }

    /// Its value; `None` is null.
    pub(super) fn value(&self) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        match self {
            Change::Group(_, state) => {
                value.push(GROUP_VERSION);
                push_state(&mut value, state.as_ref()?);
            }
            Change::Offset { committed, .. } => {
                let committed = committed.as_ref()?;
                value.push(OFFSET_VERSION);
                value.extend_from_slice(&committed.offset.to_be_bytes());
                value.extend_from_slice(&committed.leader_epoch.to_be_bytes());
                value.extend_from_slice(&committed.committed_ms.to_be_bytes());
                value.extend_from_slice(&committed.expires_ms.unwrap_or(-1).to_be_bytes());
                push_text(&mut value, &committed.metadata);
            }
        }
        Some(value)
    }

    /// Reads a record; `None`: it makes no sense.
    pub(super) fn read(mut key: &[u8], value: Option<&[u8]>) -> Option<Change> {
        let [kind] = take(&mut key)?;
        let group = take_text(&mut key)?;
        let change = match kind {
            GROUP => Change::Group(group, read_value(value, read_state)?),
            OFFSET => Change::Offset {
                group,
                topic: take_text(&mut key)?,
                partition: i32::from_be_bytes(take(&mut key)?),
                committed: read_value(value, read_committed)?,
            },
            _ => return None,
        };
        key.is_empty().then_some(change)
    }
}

/// Reads a record whose key ends where the first byte says, and writes what it says once more: for fuzzing.
///
/// # Panics
/// If that reads as something else.
#[cfg(fuzzing)]
pub fn check_record(bytes: &[u8]) {
    let Some((&length, bytes)) = bytes.split_first() else {
        return;
    };
    let (key, value) = bytes.split_at(usize::from(length).min(bytes.len()));
    for value in [None, Some(value)] {
        if let Some(change) = Change::read(key, value) {
            let again = Change::read(&change.key(), change.value().as_deref());
            assert_eq!(again, Some(change));
        }
    }
}

/// The outer `None`: it makes no sense; the inner: it is null.
fn read_value<T>(value: Option<&[u8]>, read: fn(u8, &mut &[u8]) -> Option<T>) -> Option<Option<T>> {
    let Some(mut value) = value else {
        return Some(None);
    };
    let [version] = take(&mut value)?;
    let read = read(version, &mut value)?;
    value.is_empty().then_some(Some(read))
}

fn push_state(value: &mut Vec<u8>, state: &GroupState) {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    value.extend_from_slice(&state.generation.to_be_bytes());
    value.extend_from_slice(&state.empty_since_ms.unwrap_or(-1).to_be_bytes());
    push_text(value, &or_empty(&state.protocol_type));
    push_text(value, &or_empty(&state.protocol));
    push_text(value, &or_empty(&state.leader));
    push_count(value, state.members.len());
    for member in &state.members {
        push_text(value, &member.id);
        push_text(value, &or_empty(&member.instance_id));
        push_text(value, &member.client_id);
        push_text(value, &member.client_host);
        push_duration(value, member.session_timeout);
        push_duration(value, member.rebalance_timeout);
        push_count(value, member.protocols.len());
        for (name, metadata) in &member.protocols {
            push_text(value, name);
            push_bytes(value, metadata);
        }
        push_bytes(value, &member.assignment);
    }
}

fn read_state(version: u8, value: &mut &[u8]) -> Option<GroupState> {
    let mut state = GroupState {
        generation: i32::from_be_bytes(take(value)?),
        empty_since_ms: Some(i64::from_be_bytes(take(value)?)).filter(|it| *it >= 0),
        protocol_type: take_some_text(value)?,
        ..GroupState::default()
    };
    match version {
        1 => return Some(state),
        GROUP_VERSION => {}
        _ => return None,
    }
    state.protocol = take_some_text(value)?;
    state.leader = take_some_text(value)?;
    for _ in 0..u32::from_be_bytes(take(value)?) {
        state.members.push(read_member(value)?);
    }
    Some(state)
}

fn read_member(value: &mut &[u8]) -> Option<KeptMember> {
    let mut member = KeptMember {
        id: take_text(value)?,
        instance_id: take_some_text(value)?,
        client_id: take_text(value)?,
        client_host: take_text(value)?,
        session_timeout: take_duration(value)?,
        rebalance_timeout: take_duration(value)?,
        protocols: Vec::new(),
        assignment: Bytes::new(),
    };
    for _ in 0..u32::from_be_bytes(take(value)?) {
        let name = take_text(value)?;
        member.protocols.push((name, take_bytes(value)?));
    }
    member.assignment = take_bytes(value)?;
    Some(member)
}

fn read_committed(version: u8, value: &mut &[u8]) -> Option<Committed> {
    if version != OFFSET_VERSION {
        return None;
    }
    Some(Committed {
        offset: i64::from_be_bytes(take(value)?),
        leader_epoch: i32::from_be_bytes(take(value)?),
        committed_ms: i64::from_be_bytes(take(value)?),
        expires_ms: Some(i64::from_be_bytes(take(value)?)).filter(|it| *it >= 0),
        metadata: take_text(value)?,
    })
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    push_bytes(bytes, text.as_bytes());
}

fn push_bytes(bytes: &mut Vec<u8>, pushed: &[u8]) {
    push_count(bytes, pushed.len());
    bytes.extend_from_slice(pushed);
}

/// What is counted comes from requests, which are shorter than that.
fn push_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&(count as u32).to_be_bytes());
}

/// A longer one than a request can ask for is taken for the longest.
fn push_duration(bytes: &mut Vec<u8>, duration: Duration) {
    let ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&ms.to_be_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn take_slice<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u32::from_be_bytes(take(bytes)?) as usize;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_bytes(bytes: &mut &[u8]) -> Option<Bytes> {
    take_slice(bytes).map(Bytes::copy_from_slice)
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    Some(std::str::from_utf8(take_slice(bytes)?).ok()?.to_owned())
}

/// The outer `None`: it makes no sense; the inner: it is empty.
fn take_some_text(bytes: &mut &[u8]) -> Option<Option<String>> {
    Some(Some(take_text(bytes)?).filter(|it| !it.is_empty()))
}

fn take_duration(bytes: &mut &[u8]) -> Option<Duration> {
    let ms = u32::from_be_bytes(take(bytes)?);
    Some(Duration::from_millis(u64::from(ms)))
}
