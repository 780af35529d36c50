//! How many connections there are at a time, and whose.
//!
//! All may have one of [`CONNECTIONS_MAX`], and no other machine more than half of them. Until it was let in over a connection whoever is
//! at its other end is a stranger, as he is to Kafka's listeners, and of these there are half as many: in the middle of a handshake, or
//! without a password, nobody keeps others out ([`Strangers`]).
//!
//! When they are taken, this machine has [`KEPT`] more: whoever looks after the process asks from here whether it works, and is to be
//! answered however many others hold connections. These are for one request each, and if they are all taken, too, the one that has been
//! there longest is let go for the next: nobody on this machine can hold them either.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::server::{Place, Strangers};

/// Connections at a time; who watches needs one.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// Of them those of one other machine.
const OF_ONE_MAX: usize = CONNECTIONS_MAX / 2;

/// Connections from this machine beside them.
const KEPT: usize = 8;

/// Who has a connection.
#[derive(Debug)]
pub(super) struct Slots {
    taken: Mutex<Taken>,
    strangers: Strangers,
}

#[derive(Debug, Default)]
struct Taken {
    by_origin: HashMap<IpAddr, usize>,
    /// Those that are kept for this machine, by what tells them to go, longest there first.
    kept: VecDeque<Arc<Notify>>,
}

/// Leave to have a connection, as long as it is there.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    origin: IpAddr,
    /// What tells it to go, if it is one of those that are kept.
    kept: Option<Arc<Notify>>,
    /// Among the strangers, if it is none of these.
    place: Option<Place>,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            taken: Mutex::default(),
            strangers: Strangers::of(CONNECTIONS_MAX),
        }
    }
}

impl Slots {
    /// One for a connection from `peer`, which `let_go` tells to go; `None`: there is none.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr, let_go: &Arc<Notify>) -> Option<Slot> {
        let origin = origin(peer);
        let is_near = origin.is_loopback();
        let mut taken = self.lock();
        let all: usize = taken.by_origin.values().sum();
        let own = taken.by_origin.get(&origin).copied().unwrap_or(0);
        let is_room = all < CONNECTIONS_MAX && (is_near || own < OF_ONE_MAX);
        let place = is_room.then(|| self.strangers.enter(peer)).flatten();
        let kept = if place.is_some() {
            taken.by_origin.insert(origin, own + 1);
            None
        } else if is_near {
            if taken.kept.len() == KEPT
                && let Some(longest) = taken.kept.pop_front()
            {
                longest.notify_one();
            }
            taken.kept.push_back(let_go.clone());
            Some(let_go.clone())
        } else {
            return None;
        };
        drop(taken);
        Some(Slot {
            slots: self.clone(),
            origin,
            kept,
            place,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing is left half done by whoever panics while holding it.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Whether it is one of those that are kept for this machine, and for one request.
    pub(super) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// What it takes of the places of strangers, to be given back when it is known who it is for.
    pub(super) fn take_place(&mut self) -> Option<Place> {
        self.place.take()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if let Some(kept) = &self.kept {
            taken.kept.retain(|it| !Arc::ptr_eq(it, kept));
            return;
        }
        let own = taken.by_origin.get(&self.origin).copied().unwrap_or(0);
        match own {
            0 | 1 => taken.by_origin.remove(&self.origin),
            _ => taken.by_origin.insert(self.origin, own - 1),
        };
    }
}

/// What counts as one: who has an address of version 6 has all that begin with the same 64 bits.
fn origin(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(it) if !it.is_loopback() => {
            Ipv6Addr::from_bits(it.to_bits() & !u128::from(u64::MAX)).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// Of version 6, of a network of its own for each first number.
    fn far(network: u16, number: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, number])
    }

    /// As many as there are for somebody who is known, `count` at most.
    fn taken(slots: &Arc<Slots>, count: u16, peer: impl Fn(u16) -> IpAddr) -> Vec<Slot> {
        let all = (0..count).filter_map(|number| {
            let mut slot = slots.take(peer(number), &Arc::default())?;
            slot.take_place();
            Some(slot)
        });
        all.collect()
    }

    #[test]
    fn strangers_leave_half_to_those_who_are_known() {
        let slots: Arc<Slots> = Arc::default();
        let near = IpAddr::from([127, 0, 0, 1]);
        let take = |peer| slots.take(peer, &Arc::default());
        let one: Vec<_> = (0..64).filter_map(|_| take(far(1, 0))).collect();
        assert_eq!(one.len(), OF_ONE_MAX / 2);
        let others: Vec<_> = (0..64)
            .filter_map(|number| take(far(number + 2, 0)))
            .collect();
        assert_eq!(one.len() + others.len(), CONNECTIONS_MAX / 2);
        assert!(take(far(99, 0)).is_none());
        assert!(take(near).is_some_and(|it| it.is_kept()));
        drop(others);
        let known = taken(&slots, 64, |number| far(number + 2, 0));
        assert_eq!(one.len() + known.len(), CONNECTIONS_MAX);
        assert!(take(far(99, 0)).is_none());
    }

    #[test]
    fn nobody_else_takes_more_than_half() {
        let slots = Arc::default();
        let mut first = taken(&slots, 100, |number| far(1, number));
        assert_eq!(first.len(), OF_ONE_MAX);
        let others = taken(&slots, 100, |number| far(number + 2, 0));
        assert_eq!(first.len() + others.len(), CONNECTIONS_MAX);
        first.truncate(1);
        assert!(slots.take(far(1, 0), &Arc::default()).is_some());
        drop((first, others));
        assert!(slots.lock().by_origin.is_empty());
        let near = taken(&slots, 64, |_| IpAddr::from([127, 0, 0, 1]));
        assert!(near.iter().all(|it| !it.is_kept()));
        assert!(slots.take(far(1, 0), &Arc::default()).is_none());
    }

    #[tokio::test]
    async fn this_machine_has_some_of_its_own_and_they_go_round() {
        let slots = Arc::default();
        let near = IpAddr::from([127, 0, 0, 1]);
        let _all = taken(&slots, 64, |number| far(number, 0));
        let let_go: Vec<Arc<Notify>> = (0..KEPT + 2).map(|_| Arc::default()).collect();
        let take = |number: usize| slots.take(near, &let_go[number]).expect("there is one");
        let mut kept: VecDeque<Slot> = (0..KEPT).map(take).collect();
        assert!(kept.iter().all(Slot::is_kept));
        // One that ended makes room.
        kept.remove(1);
        kept.push_back(take(KEPT));
        kept.push_back(take(KEPT + 1));
        for (number, it) in let_go.iter().enumerate() {
            let is_told = timeout(Default::default(), it.notified()).await.is_ok();
            assert_eq!(is_told, number == 0, "{number}");
        }
        assert_eq!(slots.lock().kept.len(), KEPT);
        drop(kept);
        assert!(slots.lock().kept.is_empty());
    }
}
