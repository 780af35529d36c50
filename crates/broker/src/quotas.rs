//! So many bytes a second each client may send or read.
//!
//! Each client has a *bucket* for each kind of request. It fills with the rate that is allowed, up to what is allowed in a second, and every request takes
//! from it what it has, also more than is in it: what a client asked for is done, and then it is not listened to until the bucket
//! would be empty and no less. That is how Kafka has done it since KIP-219: the answer goes out at once and says for how long
//! (`throttle_time_ms`), and the connection is not read from meanwhile. Kafka looks at the mean of eleven seconds instead, which lets a
//! client that was idle send for eleven seconds as fast as it can; here it is one, so others feel less of it.
//!
//! A user who owes is not served on another connection either: there a request waits, before it is read, until all is paid. Kafka does not do
//! that; who connects anew for each request would never pay. Whoever has not logged in can call himself otherwise each time, so it would be no use
//! with him.
//!
//! A client is the user who has logged in, or else what it calls itself (`client.id`); one on many connections has one bucket. A
//! bucket that is full is as good as none, so those of clients that are idle are forgotten, and only who is busy takes memory.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Nobody is left unheard for longer; what a client took beyond it is still owed.
const THROTTLE_MAX: Duration = Duration::from_secs(30);

/// A bucket that is full has as much as comes in this time.
const BURST: Duration = Duration::from_secs(1);

/// Clients of which something is known at a time; those beyond share a bucket.
const CLIENTS_MAX: usize = 10_000;

/// What clients may send and read in a second, each for itself; `None`: as much as they can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaOptions {
    /// Bytes of requests that produce.
    pub produce: Option<NonZeroU64>,
    /// Bytes of batches that are fetched.
    pub fetch: Option<NonZeroU64>,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Produce,
    Fetch,
}

impl Direction {
    /// All there are, and what each is called where it is counted.
    pub(crate) const ALL: [(Direction, &str); 2] =
        [(Direction::Produce, "produce"), (Direction::Fetch, "fetch")];
}

/// By what a client is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    /// The user who has logged in.
    User,
    /// What it calls itself.
    ClientId,
}

impl Entity {
    /// All there are.
    pub(crate) const ALL: [Entity; 2] = [Entity::User, Entity::ClientId];

    /// What Kafka calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Entity::User => "user",
            Entity::ClientId => "client-id",
        }
    }
}

/// Who is limited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer<'a> {
    pub(crate) entity: Entity,
    pub(crate) name: &'a str,
}

/// Whom a bucket belongs to: as long for a long name as for a short one, since clients choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key(Direction, [u8; 16]);

/// What all clients have left.
#[derive(Debug)]
pub(crate) struct Quotas {
    options: QuotaOptions,
    buckets: Mutex<Buckets>,
    throttled: [Throttled; Direction::ALL.len()],
}

/// How often clients were not listened to, and for how long.
#[derive(Debug, Default)]
struct Throttled {
    requests: AtomicU64,
    ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Buckets {
    of_clients: HashMap<Key, Bucket>,
    /// Of those for whom there is no place, one for each kind.
    of_others: [Option<Bucket>; Direction::ALL.len()],
    /// When it was last looked which can be forgotten.
    swept: Option<Instant>,
}

/// Bytes that may still be taken at a moment; fewer than none, if more were.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    bytes: f64,
    at: Instant,
    /// Bytes that come in a second.
    rate: f64,
}

impl Quotas {
    pub(crate) fn new(options: QuotaOptions) -> Quotas {
        Quotas {
            options,
            buckets: Mutex::default(),
            throttled: Default::default(),
        }
    }

    /// What a client may take in a second: nobody has a rate of his own. This is the one place that says it.
    fn rate(&self, direction: Direction, _payer: Payer<'_>) -> Option<NonZeroU64> {
        self.default_rate(direction)
    }

    /// The same of those who have no rate of their own.
    pub(crate) fn default_rate(&self, direction: Direction) -> Option<NonZeroU64> {
        match direction {
            Direction::Produce => self.options.produce,
            Direction::Fetch => self.options.fetch,
        }
    }

    /// Takes so many bytes for a client; returns for how long it is not to be listened to.
    pub(crate) fn take(&self, direction: Direction, payer: Payer<'_>, bytes: u64) -> Duration {
        let Some(rate) = self.rate(direction, payer) else {
            return Duration::ZERO;
        };
        let rate = rate.get() as f64;
        let now = Instant::now();
        let mut buckets = self.lock();
        let bucket = buckets.of(Key::of(direction, payer), rate, now);
        bucket.rate = rate;
        let throttle = bucket.take(bytes as f64, now);
        drop(buckets);
        if throttle > Duration::ZERO {
            let throttled = &self.throttled[direction as usize];
            throttled.requests.fetch_add(1, Ordering::Relaxed);
            let ns = u64::try_from(throttle.as_nanos()).unwrap_or(u64::MAX);
            throttled.ns.fetch_add(ns, Ordering::Relaxed);
        }
        throttle
    }

    /// Waits until a client owes nothing.
    pub(crate) async fn until_paid(&self, direction: Direction, payer: Payer<'_>) {
        loop {
            let owed = self.owed(direction, payer);
            if owed == Duration::ZERO {
                return;
            }
            tokio::time::sleep(owed).await;
        }
    }

    /// For how long it still owes something, or [`THROTTLE_MAX`], if that is longer.
    fn owed(&self, direction: Direction, payer: Payer<'_>) -> Duration {
        if self.rate(direction, payer).is_none() {
            return Duration::ZERO;
        }
        let key = Key::of(direction, payer);
        let now = Instant::now();
        let buckets = self.lock();
        let bucket = buckets.found(&key);
        bucket.map_or(Duration::ZERO, |it| it.owed(it.filled(now)))
    }

    /// Whether there are any.
    pub(crate) fn are_set(&self) -> bool {
        self.options != QuotaOptions::default()
    }

    /// After how many requests clients were not listened to, and for how many seconds in all.
    pub(crate) fn throttled(&self, direction: Direction) -> (u64, f64) {
        let throttled = &self.throttled[direction as usize];
        let ns = throttled.ns.load(Ordering::Relaxed);
        (throttled.requests.load(Ordering::Relaxed), ns as f64 / 1e9)
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn of(direction: Direction, payer: Payer<'_>) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[payer.entity as u8]);
        hasher.update(payer.name.as_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Key(direction, bytes)
    }
}

impl Buckets {
    /// The bucket of a client, or that of all for whom there is no place.
    fn of(&mut self, key: Key, rate: f64, now: Instant) -> &mut Bucket {
        let full = Bucket {
            bytes: burst_bytes(rate),
            at: now,
            rate,
        };
        if self.of_clients.len() >= CLIENTS_MAX && !self.of_clients.contains_key(&key) {
            self.sweep(now);
            if self.of_clients.len() >= CLIENTS_MAX {
                return self.of_others[key.0 as usize].get_or_insert(full);
            }
        }
        self.of_clients.entry(key).or_insert(full)
    }

    /// The same, if there is one already.
    fn found(&self, key: &Key) -> Option<&Bucket> {
        let own = self.of_clients.get(key);
        let is_full = self.of_clients.len() >= CLIENTS_MAX;
        let shared = self.of_others[key.0 as usize].as_ref();
        own.or(shared.filter(|_| is_full))
    }

    /// Forgets those who took nothing for so long that their buckets are full again; not more often than that can change.
    fn sweep(&mut self, now: Instant) {
        let is_early = self.swept.is_some_and(|it| now.duration_since(it) < BURST);
        if !is_early {
            self.swept = Some(now);
            self.of_clients.retain(|_, it| !it.is_full(now));
        }
    }
}

impl Bucket {
    fn take(&mut self, bytes: f64, now: Instant) -> Duration {
        self.bytes = self.filled(now).min(burst_bytes(self.rate)) - bytes;
        self.at = now;
        self.owed(self.bytes)
    }

    /// For how long there is not to be taken from it if it has so many bytes.
    fn owed(&self, bytes: f64) -> Duration {
        match bytes < 0.0 {
            // In whole milliseconds, as clients are told, and no fewer.
            true => {
                let ms = (-bytes / self.rate * 1000.0).ceil();
                THROTTLE_MAX.min(Duration::from_millis(ms as u64))
            }
            false => Duration::ZERO,
        }
    }

    /// What would be in it by now, if it had no rim.
    fn filled(&self, now: Instant) -> f64 {
        self.bytes + now.duration_since(self.at).as_secs_f64() * self.rate
    }

    fn is_full(&self, now: Instant) -> bool {
        self.filled(now) >= burst_bytes(self.rate)
    }
}

fn burst_bytes(rate: f64) -> f64 {
    rate * BURST.as_secs_f64()
}

/// Until when a connection is not read from.
#[derive(Debug, Default)]
pub(crate) struct Mute(Mutex<Option<Instant>>);

impl Mute {
    /// It is not read from for so long, from now on.
    pub(crate) fn extend(&self, throttle: Duration) {
        if throttle > Duration::ZERO {
            let until = Instant::now() + throttle;
            let mut muted = self.lock();
            *muted = Some(muted.map_or(until, |it| it.max(until)));
        }
    }

    /// Until when it is not to be read from, if that was not asked before.
    pub(crate) fn take(&self) -> Option<Instant> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn quotas(bytes: u64) -> Quotas {
        Quotas::new(QuotaOptions {
            produce: NonZeroU64::new(bytes),
            fetch: None,
        })
    }

    fn payer(name: &str) -> Payer<'_> {
        let entity = Entity::ClientId;
        Payer { entity, name }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_on_and_on_gets_the_rate() {
        let quotas = quotas(MB);
        for request_bytes in [1_000, 100_000, 3 * MB] {
            let name = request_bytes.to_string();
            let began = Instant::now();
            let mut sent = 0;
            while sent < 100 * MB {
                sent += request_bytes;
                let throttle = quotas.take(Direction::Produce, payer(&name), request_bytes);
                tokio::time::sleep(throttle).await;
            }
            // All but what a full bucket had took as long as it should.
            let seconds = began.elapsed().as_secs_f64();
            let expected = (sent - MB) as f64 / MB as f64;
            // Whoever sends little at a time sleeps for a millisecond where a part of one would do, and is given it back.
            assert!(
                (seconds - expected).abs() < 0.01,
                "{seconds} for {expected}, {request_bytes} bytes at a time"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_stays_below_the_rate_is_never_held_up() {
        let quotas = quotas(MB);
        for _ in 0..1000 {
            let throttle = quotas.take(Direction::Produce, payer("a"), 90_000);
            assert_eq!(throttle, Duration::ZERO);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(quotas.throttled(Direction::Produce), (0, 0.0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_pays_for_others() {
        let quotas = quotas(MB);
        let throttle = quotas.take(Direction::Produce, payer("a"), 5 * MB);
        assert_eq!(throttle, Duration::from_secs(4));
        assert_eq!(
            quotas.take(Direction::Produce, payer("b"), MB),
            Duration::ZERO
        );
        // A user is not a client that calls itself so.
        let user = Payer {
            entity: Entity::User,
            name: "a",
        };
        assert_eq!(quotas.take(Direction::Produce, user, MB), Duration::ZERO);
        // What has no limit takes from nothing.
        assert_eq!(
            quotas.take(Direction::Fetch, payer("a"), u64::MAX),
            Duration::ZERO
        );
        assert_eq!(quotas.throttled(Direction::Produce), (1, 4.0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_unheard_for_long_and_what_is_owed_stays() {
        let quotas = quotas(MB);
        for _ in 0..2 {
            let throttle = quotas.take(Direction::Produce, payer("a"), 100 * MB);
            assert_eq!(throttle, THROTTLE_MAX);
            tokio::time::sleep(throttle).await;
        }
        // 200 MB, of which one was free and 60 are paid.
        tokio::time::sleep(Duration::from_secs(110)).await;
        let throttle = quotas.take(Direction::Produce, payer("a"), 0);
        assert_eq!(throttle, Duration::from_secs(29));
    }

    #[tokio::test(start_paused = true)]
    async fn who_owes_pays_before_more_is_taken() {
        let quotas = quotas(MB);
        let wait = async |direction, name| {
            let began = Instant::now();
            quotas.until_paid(direction, payer(name)).await;
            began.elapsed()
        };
        assert_eq!(wait(Direction::Produce, "a").await, Duration::ZERO);
        quotas.take(Direction::Produce, payer("a"), 101 * MB);
        for (direction, name) in [(Direction::Fetch, "a"), (Direction::Produce, "b")] {
            assert_eq!(wait(direction, name).await, Duration::ZERO);
        }
        // All of it, also what is more than clients are told at a time.
        let waited = wait(Direction::Produce, "a").await;
        assert_eq!(waited, Duration::from_secs(100));
        assert_eq!(wait(Direction::Produce, "a").await, Duration::ZERO);
        // Those who share a bucket wait for each other.
        for number in 1..CLIENTS_MAX {
            quotas.take(Direction::Produce, payer(&number.to_string()), MB);
        }
        quotas.take(Direction::Produce, payer("beyond"), 3 * MB);
        let waited = wait(Direction::Produce, "yet another").await;
        assert_eq!(waited, Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_are_idle_are_forgotten_and_those_that_owe_are_not() {
        let quotas = quotas(MB);
        let owing = quotas.take(Direction::Produce, payer("owing"), 11 * MB);
        assert_eq!(owing, Duration::from_secs(10));
        let name = |number: usize| format!("client {number}");
        for number in 1..CLIENTS_MAX {
            quotas.take(Direction::Produce, payer(&name(number)), MB);
        }
        // There is no place: two who come now have one bucket between them.
        let beyond = [name(CLIENTS_MAX), name(CLIENTS_MAX + 1)];
        let throttles = beyond
            .each_ref()
            .map(|it| quotas.take(Direction::Produce, payer(it), MB));
        assert_eq!(throttles, [Duration::ZERO, Duration::from_secs(1)]);
        tokio::time::sleep(Duration::from_secs(2)).await;
        quotas.take(Direction::Produce, payer("new"), 1);
        assert_eq!(
            quotas.lock().of_clients.len(),
            2,
            "who owes, and who is new"
        );
        let still = quotas.take(Direction::Produce, payer("owing"), 0);
        assert_eq!(still, Duration::from_secs(8));
        // Once that is paid it is forgotten as well.
        tokio::time::sleep(Duration::from_secs(9)).await;
        quotas.lock().sweep(Instant::now());
        assert_eq!(quotas.lock().of_clients.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_mute_for_the_longest_that_was_said() {
        let mute = Mute::default();
        mute.extend(Duration::ZERO);
        assert_eq!(mute.take(), None);
        mute.extend(Duration::from_secs(5));
        mute.extend(Duration::from_secs(3));
        assert_eq!(mute.take(), Some(Instant::now() + Duration::from_secs(5)));
        assert_eq!(mute.take(), None);
    }
}
