//! What librdkafka would wait for without end, waited for in a bounded time.
//!
//! Most of its calls take a timeout; a commit that is waited for does not, nor does the end of a client. A member of a group says goodbye
//! and waits until all that it has asked for is answered: where the broker has stopped answering, for ever. Such calls are made in a
//! thread of their own ([`within`]). Whoever gets no answer in time goes on, and the thread is left to itself.

use std::ops::Deref;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// So long the end of a client is waited for at least: librdkafka itself waits five seconds for an answer to a goodbye
/// (`rd_kafka_LeaveGroupRequest`), and whoever goes without one keeps the others of the group waiting until its session ends.
const CLOSE_PATIENCE_MIN: Duration = Duration::from_secs(10);

/// What `call` returns, if it does so in time; else it goes on without us.
pub(crate) fn within<T: Send + 'static>(
    patience: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("tamis-kafka".to_owned());
    let begun = thread.spawn(move || {
        // Nobody may be waiting any more.
        let _ = answer.send(call());
    });
    begun.ok()?;
    answered.recv_timeout(patience).ok()
}

/// A client of librdkafka whose end is waited for, but not for ever.
pub(crate) struct Closing<C: Send + Sync + 'static> {
    /// `None` when it is let go of.
    client: Option<Arc<C>>,
    patience: Duration,
}

impl<C: Send + Sync + 'static> Closing<C> {
    /// The end of `client` is waited for so long, and for [`CLOSE_PATIENCE_MIN`] at least.
    pub(crate) fn new(client: C, patience: Duration) -> Closing<C> {
        Closing {
            client: Some(Arc::new(client)),
            patience: patience.max(CLOSE_PATIENCE_MIN),
        }
    }

    /// What `call` makes of the client, if it does so in time.
    pub(crate) fn within<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce(&C) -> T + Send + 'static,
    ) -> Option<T> {
        let client = self.client.clone()?;
        within(patience, move || call(&client))
    }
}

impl<C: Send + Sync + 'static> Deref for Closing<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.client
            .as_ref()
            .expect("it is there until it is dropped")
    }
}

impl<C: Send + Sync + 'static> Drop for Closing<C> {
    fn drop(&mut self) {
        let client = self.client.take();
        within(self.patience, move || drop(client));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A client whose end never comes.
    struct Stuck;

    impl Drop for Stuck {
        fn drop(&mut self) {
            stay();
        }
    }

    fn stay() {
        thread::sleep(Duration::from_secs(3600));
    }

    #[test]
    fn who_answers_in_time_is_heard() {
        assert_eq!(within(Duration::from_secs(60), || 1), Some(1));
        assert_eq!(within(Duration::from_millis(1), stay), None);
    }

    #[test]
    fn a_client_that_does_not_end_keeps_nobody() {
        let began = Instant::now();
        drop(Closing {
            client: Some(Arc::new(Stuck)),
            patience: Duration::from_millis(1),
        });
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_client_that_is_asked_for_too_long_keeps_nobody() {
        let began = Instant::now();
        let client = Closing::new(Stuck, Duration::ZERO);
        assert_eq!(client.within(Duration::from_millis(1), |_| stay()), None);
        drop(client);
        // Who asks has it still, so this was not its end.
        assert!(began.elapsed() < CLOSE_PATIENCE_MIN);
    }
}
