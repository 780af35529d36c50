//! What librdkafka says while it works. It would write it to standard error, some lines a second while a broker is away.
//!
//! Nothing is asked of librdkafka from here once partitions were given up ([`ConsumerContext::post_rebalance`]): it waits for no answer of
//! ours then, and the member that is leaving its group may be gone a moment later. A question that arrives at that moment is thrown away
//! without an answer (`rd_kafka_cgrp_op_serve`, librdkafka 2.12.1), and whoever asked waits for ever. So it is noted here which partitions
//! a member has.

use std::collections::{BTreeSet, HashSet};
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
    /// Whether the group changes what its members have by what comes and goes, and not from nothing each time.
    is_cooperative: bool,
    /// What this member of a group has.
    held: BTreeSet<Partition>,
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

    /// What another client says, apart from this one.
    pub(crate) fn apart(&self) -> Heard {
        Heard::new(self.shows_lines)
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

impl State {
    fn give(&mut self, given: Vec<Partition>) {
        if !self.is_cooperative {
            self.held.clear();
        }
        self.fresh.extend(given.iter().cloned());
        self.held.extend(given);
        self.assigned = Some(self.held.iter().cloned().collect());
    }

    fn take_back(&mut self, taken: &[Partition]) {
        self.held.retain(|it| !taken.contains(it));
        // Elsewhere all is given up, and what is left is told when it is given again.
        if self.is_cooperative {
            self.fresh.retain(|it| !taken.contains(it));
            self.assigned = Some(self.held.iter().cloned().collect());
        }
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
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, _rebalance: &Rebalance<'_>) {
        use rdkafka::consumer::{Consumer, RebalanceProtocol};
        // Asked now, while librdkafka waits for what we make of it: afterwards it may have no answer any more.
        let protocol = consumer.rebalance_protocol();
        let is_cooperative = matches!(protocol, RebalanceProtocol::Cooperative);
        self.with(|state| state.is_cooperative = is_cooperative);
    }

    fn post_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(given) => {
                let given = partitions_of(given);
                self.with(|state| state.give(given));
            }
            Rebalance::Revoke(taken) => {
                let taken = partitions_of(taken);
                self.with(|state| state.take_back(&taken));
            }
            Rebalance::Error(_) => {}
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

    fn partitions(ids: &[i32]) -> Vec<Partition> {
        let of = |id: &i32| Partition {
            topic: "orders".to_owned(),
            id: *id,
        };
        ids.iter().map(of).collect()
    }

    /// What is told of a change, and what of it is fresh.
    fn told(
        heard: &Heard,
        change: impl FnOnce(&mut State),
    ) -> Option<(Vec<Partition>, Vec<Partition>)> {
        heard.with(change);
        heard.take_assigned().map(|it| {
            let mut fresh: Vec<_> = it.fresh.into_iter().collect();
            fresh.sort();
            (it.partitions, fresh)
        })
    }

    #[test]
    fn a_cooperative_group_tells_what_comes_and_goes() {
        let heard = Heard::default();
        heard.with(|it| it.is_cooperative = true);
        let both = partitions(&[0, 1]);
        let all = told(&heard, |it| it.give(both.clone()));
        assert_eq!(all, Some((both.clone(), both)));
        let left = told(&heard, |it| it.take_back(&partitions(&[0])));
        assert_eq!(left, Some((partitions(&[1]), Vec::new())));
        let back = told(&heard, |it| it.give(partitions(&[0])));
        assert_eq!(back, Some((partitions(&[0, 1]), partitions(&[0]))));
        let same = told(&heard, |it| it.give(Vec::new()));
        assert_eq!(same, Some((partitions(&[0, 1]), Vec::new())));
        let none = told(&heard, |it| it.take_back(&partitions(&[0, 1])));
        assert_eq!(none, Some((Vec::new(), Vec::new())));
        // What went again before anybody asked was never there.
        let gone = told(&heard, |it| {
            it.give(partitions(&[3]));
            it.take_back(&partitions(&[3]));
        });
        assert_eq!(gone, Some((Vec::new(), Vec::new())));
    }

    #[test]
    fn another_group_tells_all_anew() {
        let heard = Heard::default();
        let both = partitions(&[0, 1]);
        let all = told(&heard, |it| it.give(both.clone()));
        assert_eq!(all, Some((both.clone(), both.clone())));
        assert_eq!(told(&heard, |it| it.take_back(&both)), None);
        let one = told(&heard, |it| it.give(partitions(&[1])));
        assert_eq!(one, Some((partitions(&[1]), partitions(&[1]))));
    }

    #[test]
    fn an_error_is_told_without_threads_and_states() {
        let message = "[thrd:a:1/bootstrap]: a:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT)";
        assert_eq!(plain(message), "a:1/bootstrap: Connect failed: refused");
        assert_eq!(plain("a:1: refused"), "a:1: refused");
    }
}
