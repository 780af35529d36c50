//! What librdkafka says while it works. It would write it to standard error, some lines a second while a broker is away.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::Partition;
use crate::offsets::partitions_of;

/// Keeps the last error. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    state: Arc<Mutex<State>>,
    /// Whether every line is shown: who sets librdkafka's `debug` wants to see it.
    shows_lines: bool,
}

#[derive(Debug, Default)]
struct State {
    error: Option<String>,
    are_all_down: bool,
    /// What a group gave to this member, if that changed since it was last asked.
    assigned: Option<Vec<Partition>>,
    /// Those that it was given since then.
    fresh: HashSet<Partition>,
    commit_error: Option<RDKafkaErrorCode>,
}

/// The partitions that a member of a group has.
#[derive(Debug)]
pub struct Assigned {
    /// All of them.
    pub partitions: Vec<Partition>,
    /// Those of them that it did not have before, or gave up in between: they are fetched from what the group has committed.
    pub fresh: HashSet<Partition>,
}

impl Heard {
    pub(crate) fn new(shows_lines: bool) -> Heard {
        Heard {
            shows_lines,
            ..Heard::default()
        }
    }

    /// The last error, in librdkafka's words.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.with(|state| state.error.clone())
    }

    /// Whether no broker can be reached, since this was last asked.
    pub(crate) fn take_all_down(&self) -> bool {
        self.with(|state| std::mem::take(&mut state.are_all_down))
    }

    /// The partitions that this member of a group has from now on, if that changed.
    pub(crate) fn take_assigned(&self) -> Option<Assigned> {
        self.with(|state| {
            state.assigned.take().map(|partitions| Assigned {
                partitions,
                fresh: std::mem::take(&mut state.fresh),
            })
        })
    }

    /// Why offsets could not be committed in the background, if so.
    pub(crate) fn take_commit_error(&self) -> Option<RDKafkaErrorCode> {
        self.with(|state| state.commit_error.take())
    }

    fn with<T>(&self, of: impl FnOnce(&mut State) -> T) -> T {
        of(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if self.shows_lines {
            // If nobody can hear us there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{facility}: {message}");
        }
        if (level as i32) <= RDKafkaLogLevel::Error as i32 {
            self.with(|state| state.error = Some(plain(message)));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let is_all_down = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        self.with(|state| match is_all_down {
            true => state.are_all_down = true,
            false => state.error = Some(plain(reason)),
        });
    }
}

impl ConsumerContext for Heard {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        use rdkafka::consumer::{Consumer, RebalanceProtocol};
        // Of a cooperative group only what changed is told here.
        match rebalance {
            Rebalance::Assign(given) => {
                let given = partitions_of(given);
                self.with(|state| state.fresh.extend(given));
            }
            Rebalance::Revoke(_)
                if !matches!(
                    consumer.rebalance_protocol(),
                    RebalanceProtocol::Cooperative
                ) =>
            {
                // Here all is given up, and what is left is told when it is given again.
                return;
            }
            Rebalance::Revoke(taken) => {
                let taken = partitions_of(taken);
                self.with(|state| state.fresh.retain(|it| !taken.contains(it)));
            }
            Rebalance::Error(_) => return,
        }
        if let Ok(all) = consumer.assignment() {
            self.with(|state| state.assigned = Some(partitions_of(&all)));
        }
    }

    fn commit_callback(
        &self,
        result: rdkafka::error::KafkaResult<()>,
        _offsets: &TopicPartitionList,
    ) {
        let code = result.err().and_then(|error| error.rdkafka_error_code());
        // Whatever else it is, such as a group that is just sharing out its partitions, the next commit makes up for it.
        let code = code.filter(|code| {
            matches!(
                code,
                RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::TopicAuthorizationFailed
            )
        });
        self.with(|state| state.commit_error = code);
    }
}

/// Without what is librdkafka's own business: which of its threads it was, and for how long in which state.
fn plain(message: &str) -> String {
    let behind_thread = message
        .strip_prefix("[thrd:")
        .and_then(|it| it.split_once("]: "));
    let message = behind_thread.map_or(message, |(_, behind)| behind);
    message
        .split(" (after ")
        .next()
        .unwrap_or(message)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_without_threads_and_states() {
        let message = "[thrd:a:1/bootstrap]: a:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT)";
        assert_eq!(plain(message), "a:1/bootstrap: Connect failed: refused");
        assert_eq!(plain("a:1: refused"), "a:1: refused");
    }
}
