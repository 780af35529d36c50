//! What the broker is meant to reach on two cores, beside what it did.

use super::super::goal::Goal;
use super::super::goal::Wanted::{self, AtLeast, AtMost};
use super::contracts::{self, CHECKED, CONTRACTS, UNCHECKED};
use super::floor::{self, BY_SYSTEM, FLOOR, SOON};
use super::latency::{self, LATENCY};
use super::limits::{IDLE, JOIN, KILLED, LIMITS, PARTITIONS, REPLAY, START};
use super::results::Results;
use super::small::{self, CACHED, DURABLE, PROBE, SMALL};
use super::storage::{self, ENGINE, FETCH, SEALED};
use super::throughput::{self, CEILING, PRODUCE};
use super::tls::{self, BY_TLS, PLAIN, TLS};
use super::topics::{self, BARE, CHECK, TOPICS};

/// One figure of one contender.
#[derive(Clone, Copy, Debug)]
struct Of<'a> {
    section: &'a str,
    case: &'a str,
    who: &'a str,
    figure: &'a str,
}

impl Of<'_> {
    fn median(self, results: &Results) -> Option<f64> {
        results.median(self.section, self.case, self.who, self.figure)
    }

    /// Ours beside another's.
    fn beside(self, results: &Results, who: &str) -> Option<f64> {
        Some(self.median(results)? / Of { who, ..self }.median(results)?)
    }
}

const TAMIS: &str = "Tamis";
const KAFKA: &str = "Kafka";

/// The goals, in the order in which they were set.
pub(super) fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    push_large(&mut goals, results);
    push_tls(&mut goals, results);
    push_small(&mut goals, results);
    push_latency(&mut goals, results);
    push_contracts(&mut goals, results);
    push_topics(&mut goals, results);
    push_storage(&mut goals, results);
    push_limits(&mut goals, results);
    goals
}

fn push_large(goals: &mut Vec<Goal>, results: &Results) {
    for codec in ["none", "lz4"] {
        let case = throughput::case(100, codec, 1, 1);
        let ours = of(PRODUCE, &case, "msg/s");
        let share = ours.beside(results, CEILING);
        push(
            goals,
            format!("{case}: msg/s beside the client alone"),
            AtLeast(0.95),
            share,
        );
    }
    let case = throughput::case(100, "none", 1, 1);
    let cpu = of(PRODUCE, &case, "CPU s/M msg");
    push(
        goals,
        format!("{case}: CPU s for a million messages"),
        AtMost(0.05),
        cpu.median(results),
    );
    for flushed in [BY_SYSTEM, SOON] {
        let case = floor::large(flushed);
        let cpu = of(FLOOR, &case, "CPU s/GB");
        push(
            goals,
            format!("1 KiB, {case}: CPU beside a bare loop from socket to file"),
            AtMost(1.3),
            cpu.beside(results, floor::BARE),
        );
        push(
            goals,
            format!("1 KiB, {case}: Kafka's CPU for a message beside ours"),
            AtLeast(3.0),
            cpu.beside(results, KAFKA).map(|it| 1.0 / it),
        );
    }
    for size in [100, 1024] {
        let case = throughput::case(size, "none", 1, 1);
        let cpu = of(PRODUCE, &case, "CPU s/M msg").beside(results, KAFKA);
        push(
            goals,
            format!("{case}: Kafka's CPU for a message beside ours"),
            AtLeast(3.0),
            cpu.map(|it| 1.0 / it),
        );
    }
}

fn push_tls(goals: &mut Vec<Goal>, results: &Results) {
    for case in tls::cases() {
        let median = |who| results.median(TLS, &case, who, "msg/s");
        let share = median(BY_TLS).and_then(|sealed| Some(sealed / median(PLAIN)?));
        let title = format!("{case}: msg/s by TLS beside those without");
        push(goals, title, AtLeast(0.7), share);
    }
}

fn push_small(goals: &mut Vec<Goal>, results: &Results) {
    for durability in [CACHED, DURABLE] {
        let case = small::case(durability, PROBE);
        let title = format!("one message a batch, {}", durability.name);
        let cpu = of(SMALL, &case, "CPU s/M msg").beside(results, KAFKA);
        push(
            goals,
            format!("{title}: Kafka's CPU for a message beside ours"),
            AtLeast(3.0),
            cpu.map(|it| 1.0 / it),
        );
        push(
            goals,
            format!("{title}: msg/s beside Kafka's"),
            AtLeast(2.0),
            of(SMALL, &case, "msg/s").beside(results, KAFKA),
        );
    }
}

fn push_latency(goals: &mut Vec<Goal>, results: &Results) {
    for durability in [CACHED, DURABLE] {
        for rate in latency::rates() {
            let case = latency::case(durability, rate);
            push(
                goals,
                format!("{case}: p99 beside Kafka's"),
                AtMost(1.0 / 3.0),
                of(LATENCY, &case, "p99 us").beside(results, KAFKA),
            );
        }
    }
}

fn push_contracts(goals: &mut Vec<Goal>, results: &Results) {
    for case in [contracts::LIBRDKAFKA, contracts::PROBE] {
        let rate = of_checked(case, "msg/s").median(results);
        push(
            goals,
            format!("a validating topic, {case}: M msg/s"),
            AtLeast(1.5),
            rate.map(|it| it / 1e6),
        );
    }
    // Not of the other, which is sent ready-made: a topic that looks at nothing takes that at the speed of memory.
    let case = contracts::LIBRDKAFKA;
    push(
        goals,
        format!("a validating topic, {case}: msg/s beside none"),
        AtLeast(0.5),
        of_checked(case, "msg/s").beside(results, UNCHECKED),
    );
    for durability in [CACHED, DURABLE] {
        let case = contracts::at_rate(durability);
        let p99 = of_checked(&case, "p99 us").beside(results, UNCHECKED);
        push(
            goals,
            format!("a validating topic, {case}: p99 beside none"),
            AtMost(2.0),
            p99,
        );
    }
}

/// A figure of the topic that checks its records.
fn of_checked<'a>(case: &'a str, figure: &'a str) -> Of<'a> {
    Of {
        section: CONTRACTS,
        case,
        who: CHECKED,
        figure,
    }
}

fn push_topics(goals: &mut Vec<Goal>, results: &Results) {
    let check = Of {
        who: CHECK,
        ..of(TOPICS, topics::CASE, "msg/s")
    };
    push(
        goals,
        "a topic by `tamis check`: msg/s beside a bare loop that fetches like it".to_owned(),
        AtLeast(0.8),
        check.beside(results, BARE),
    );
}

fn push_storage(goals: &mut Vec<Goal>, results: &Results) {
    for case in storage::cases() {
        let rate = of(ENGINE, case, "msg/s").median(results);
        push(
            goals,
            format!("the log alone, 100 messages of 100 B a batch, {case}: M msg/s"),
            AtLeast(10.0),
            rate.map(|it| it / 1e6),
        );
    }
    let rate = of(FETCH, SEALED, "MB/s").median(results);
    push(
        goals,
        format!("{SEALED} over one connection: GB/s"),
        AtLeast(2.0),
        rate.map(|it| it / 1e3),
    );
}

fn push_limits(goals: &mut Vec<Goal>, results: &Results) {
    let wanted = [
        (REPLAY, "peak RSS MB", 256.0),
        (JOIN, "s", 0.3),
        (START, "s", 0.1),
        (PARTITIONS, "s", 2.0),
        (PARTITIONS, "RSS MB", 256.0),
        (PARTITIONS, "descriptors", 1024.0),
        (KILLED, "s", 2.0),
        (IDLE, "RSS growth MB", 50.0),
    ];
    for (case, figure, most) in wanted {
        let measured = of(LIMITS, case, figure).median(results);
        push(goals, format!("{case}: {figure}"), AtMost(most), measured);
    }
}

fn of<'a>(section: &'a str, case: &'a str, figure: &'a str) -> Of<'a> {
    Of {
        section,
        case,
        who: TAMIS,
        figure,
    }
}

fn push(goals: &mut Vec<Goal>, title: String, wanted: Wanted, measured: Option<f64>) {
    goals.push(Goal {
        title,
        wanted,
        measured,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_beside_another_needs_both() {
        let mut results = Results::default();
        let case = latency::case(CACHED, "10 k msg/s");
        let title = format!("{case}: p99 beside Kafka's");
        let reached = |results: &Results| {
            let goals = goals(results);
            let goal = goals.iter().find(|it| it.title == title);
            goal.expect("it is a goal").is_reached()
        };
        results.note(LATENCY, &case, TAMIS, Ok(vec![("p99 us", 100.0)]));
        assert_eq!(reached(&results), None);
        results.note(LATENCY, &case, KAFKA, Ok(vec![("p99 us", 299.0)]));
        assert_eq!(reached(&results), Some(false));
        results.note(LATENCY, &case, TAMIS, Ok(vec![("p99 us", 50.0)]));
        results.note(LATENCY, &case, TAMIS, Ok(vec![("p99 us", 50.0)]));
        assert_eq!(reached(&results), Some(true));
    }

    #[test]
    fn a_check_is_held_against_the_faster_loop() {
        let mut results = Results::default();
        let rates = [
            ("bare loop, stock settings", 100.0),
            (BARE, 1000.0),
            (CHECK, 799.0),
        ];
        for (who, rate) in rates {
            results.note(TOPICS, topics::CASE, who, Ok(vec![("msg/s", rate)]));
        }
        let goals = goals(&results);
        let goal = goals.iter().find(|it| it.title.contains("`tamis check`"));
        let goal = goal.expect("it is a goal");
        assert_eq!(
            (goal.measured, goal.is_reached()),
            (Some(0.799), Some(false))
        );
    }
}
