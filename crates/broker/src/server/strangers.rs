//! Places of those who are not known yet: of connections, and of passwords that are tried over HTTP or by SASL.
//!
//! Whoever knows no password can still connect, again and again. So strangers have half of all places for connections, and those of one
//! address half of that: users who are in stay, and others get in. An IPv6 network of 64 bits counts as one address, since whoever has one
//! of its addresses has all of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bits of an IPv6 address that say in which network it is.
const NETWORK: u128 = !(u64::MAX as u128);

/// Who is here and has not logged in.
#[derive(Debug)]
pub(crate) struct Strangers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all_max: usize,
    of_one_max: usize,
    here: Mutex<Here>,
}

#[derive(Debug, Default)]
struct Here {
    all: usize,
    of_networks: HashMap<IpAddr, usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    network: IpAddr,
}

impl Strangers {
    /// Of so many connections in all.
    pub(crate) fn of(connections_max: usize) -> Strangers {
        let all_max = (connections_max / 2).max(1);
        Strangers::bounded(all_max, (all_max / 2).max(1))
    }

    /// With so many places, and so many for one address.
    pub(crate) fn bounded(all_max: usize, of_one_max: usize) -> Strangers {
        Strangers(Arc::new(Shared {
            all_max,
            of_one_max,
            here: Mutex::default(),
        }))
    }

    /// A place for somebody from this address, if there is one.
    pub(crate) fn enter(&self, peer: IpAddr) -> Option<Place> {
        let network = network_of(peer);
        let mut here = self.0.lock();
        let of_network = here.of_networks.get(&network).copied().unwrap_or(0);
        if here.all >= self.0.all_max || of_network >= self.0.of_one_max {
            return None;
        }
        here.all += 1;
        here.of_networks.insert(network, of_network + 1);
        drop(here);
        let shared = self.0.clone();
        Some(Place { shared, network })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = self.shared.lock();
        here.all = here.all.saturating_sub(1);
        if let Some(count) = here.of_networks.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                here.of_networks.remove(&self.network);
            }
        }
    }
}

/// The address by which somebody is counted.
pub(crate) fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_leaves_places_to_others_and_all_leave_half() {
        let strangers = Strangers::of(16);
        let enter = |address: &str| strangers.enter(ip(address));
        let mut first: Vec<_> = (0..4).filter_map(|_| enter("192.0.2.1")).collect();
        assert_eq!(first.len(), 4);
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("::ffff:192.0.2.1").is_none(), "it is the same");
        let second = [enter("2001:db8::1"), enter("2001:db8::2")];
        let third = [enter("2001:db8::3"), enter("2001:db8:0:0:ff::1")];
        assert!(second.iter().chain(&third).all(Option::is_some));
        assert!(enter("2001:db8::4").is_none(), "of one network");
        assert!(enter("2001:db8:0:1::1").is_none(), "half are taken");
        drop(second);
        let fourth = [enter("2001:db8:0:1::1"), enter("192.0.2.2")];
        assert!(fourth.iter().all(Option::is_some));
        first.pop();
        assert!(enter("192.0.2.1").is_some());
        drop((first, third, fourth));
        let here = strangers.0.lock();
        assert_eq!((here.all, here.of_networks.len()), (0, 0));
    }

    #[test]
    fn there_is_a_place_for_one_always() {
        for connections_max in [1, 2, 3] {
            let strangers = Strangers::of(connections_max);
            let place = strangers.enter(ip("127.0.0.1"));
            assert!(place.is_some() && strangers.enter(ip("127.0.0.1")).is_none());
        }
    }
}
