//! The records of the log of groups. The last one of a key holds; a value that is null says that there is nothing any more.
//!
//! All numbers are big-endian; *text* is its length u32 and its bytes, UTF-8.
//!
//! ```text
//! key     kind u8       0 group, 1 offset
//!         group text
//!         topic text    of an offset alone
//!         partition i32 likewise
//!
//! value of a group            value of an offset
//!   version u8        1         version u8       1
//!   generation i32              offset i64
//!   empty since i64  (-1: not)  leader epoch i32 (-1: not said)
//!   protocol type text          committed i64
//!                               expires i64      (-1: as the broker has it)
//!                               metadata text
//! ```
//!
//! Times are milliseconds since 1970. The batches around them have checksums.

use super::offsets::Committed;

const GROUP: u8 = 0;
const OFFSET: u8 = 1;
const VERSION: u8 = 1;

/// What of a group survives a restart, beside its offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupState {
    pub(super) generation: i32,
    /// `None`: it never had members.
    pub(super) protocol_type: Option<String>,
    /// `None`: it has members, or never had.
    pub(super) empty_since_ms: Option<i64>,
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
        let mut value = vec![VERSION];
        match self {
            Change::Group(_, state) => {
                let state = state.as_ref()?;
                value.extend_from_slice(&state.generation.to_be_bytes());
                value.extend_from_slice(&state.empty_since_ms.unwrap_or(-1).to_be_bytes());
                push_text(&mut value, state.protocol_type.as_deref().unwrap_or(""));
            }
            Change::Offset { committed, .. } => {
                let committed = committed.as_ref()?;
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

/// The outer `None`: it makes no sense; the inner: it is null.
fn read_value<T>(value: Option<&[u8]>, read: fn(&mut &[u8]) -> Option<T>) -> Option<Option<T>> {
    let Some(mut value) = value else {
        return Some(None);
    };
    if take(&mut value)? != [VERSION] {
        return None;
    }
    let read = read(&mut value)?;
    value.is_empty().then_some(Some(read))
}

fn read_state(value: &mut &[u8]) -> Option<GroupState> {
    Some(GroupState {
        generation: i32::from_be_bytes(take(value)?),
        empty_since_ms: Some(i64::from_be_bytes(take(value)?)).filter(|it| *it >= 0),
        protocol_type: Some(take_text(value)?).filter(|it| !it.is_empty()),
    })
}

fn read_committed(value: &mut &[u8]) -> Option<Committed> {
    Some(Committed {
        offset: i64::from_be_bytes(take(value)?),
        leader_epoch: i32::from_be_bytes(take(value)?),
        committed_ms: i64::from_be_bytes(take(value)?),
        expires_ms: Some(i64::from_be_bytes(take(value)?)).filter(|it| *it >= 0),
        metadata: take_text(value)?,
    })
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    // Texts come from requests, which are shorter than that.
    bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = u32::from_be_bytes(take(bytes)?) as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}
