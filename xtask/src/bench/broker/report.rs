//! Figures to Markdown.

use std::fmt::Write;

use super::super::goal::{Goal, Wanted};
use super::clients::CLIENTS;
use super::contracts::CONTRACTS;
use super::floor::FLOOR;
use super::latency::{GROUP, LATENCY};
use super::limits::LIMITS;
use super::results::{Entry, Results};
use super::small::SMALL;
use super::storage::{ENGINE, FETCH, FLUSH};
use super::throughput::{CONSUME, PRODUCE};
use super::tls::TLS;
use super::topics::TOPICS;

/// Sections, and what stands above their tables.
const SECTIONS: [(&str, &str); 14] = [
    (
        PRODUCE,
        "**Producing with rdkafka_performance**, batches of up to a megabyte, 4 partitions, the producers a process each. \
         *Client alone* is librdkafka with its own broker inside, which throws everything away",
    ),
    (
        CONSUME,
        "**Reading all of it again**, with rdkafka_performance",
    ),
    (
        FLOOR,
        "**Beside the least that must be done**: the same requests of 1 KiB messages, acks 1, 5 on their way, to a loop that writes what comes into a file",
    ),
    (
        CLIENTS,
        "**Other clients**, 4 partitions, linger 5 ms, else at their defaults",
    ),
    (
        TLS,
        "**TLS beside no TLS**: one broker, confluent-kafka 1 KiB of transactions at a time, 4 partitions, batches of up to a megabyte. Both ends encrypt on the same \
         processors: *client CPU* is what confluent-kafka took of them meanwhile, *client cores* how many it kept busy. What that grows by with TLS is not the broker's",
    ),
    (
        SMALL,
        "**One message of 100 B a batch**, acks all. *cached*: ours with `write.caching=true`, Kafka at its default; *durable*: ours at its \
         default, Kafka with `flush.messages=1`",
    ),
    (
        LATENCY,
        "**At a fixed rate**, a batch each millisecond, acks all, measured by the same client",
    ),
    (
        GROUP,
        "**Producers that wait for each message**, acks all and durable, one partition",
    ),
    (
        CONTRACTS,
        "**A validating topic**: payments as JSON in batches of 1,000 packed by lz4, to a topic of 4 partitions that checks them by their contract, and to one without",
    ),
    (
        TOPICS,
        "**Topics as inputs**: transactions as JSON in batches of 1,000 packed by lz4, read from the beginning to the end. The loop is confluent-kafka's in Python, which counts \
         what `consume(10000)` hands it, from the first message to the last; the verbs are timed as whole processes",
    ),
    (
        ENGINE,
        "**The log alone**, in process, 100 messages of 100 B a batch, a partition for each thread",
    ),
    (
        FLUSH,
        "**Making partitions durable**, in process, each with a producer that waits for its batch of 1,100 bytes: `--flush threads` and `--flush io_uring`",
    ),
    (
        FETCH,
        "**Reading over one connection**, the client throws it away",
    ),
    (LIMITS, "**Limits**"),
];

/// A table for each section, and what went wrong.
pub(super) fn render(results: &Results) -> String {
    let mut text = String::new();
    for (section, heading) in SECTIONS {
        let entries: Vec<_> = results.section(section).collect();
        if !entries.is_empty() {
            push_section(&mut text, heading, &entries);
        }
    }
    text
}

fn push_section(text: &mut String, heading: &str, entries: &[&Entry]) {
    let mut figures: Vec<&str> = Vec::new();
    for figure in entries.iter().flat_map(|entry| entry.figures()) {
        if !figures.contains(&figure) {
            figures.push(figure);
        }
    }
    let head = figures.join(" | ");
    let lines = "---|".repeat(figures.len() + 2);
    push(
        text,
        format_args!("\n{heading}\n\n| | | {head} |\n|{lines}\n"),
    );
    // Contenders took turns: here a case is together.
    let mut cases: Vec<&str> = Vec::new();
    for entry in entries {
        if !cases.contains(&entry.case.as_str()) {
            cases.push(&entry.case);
        }
    }
    let mut failures = String::new();
    for case in cases {
        let mut title = case;
        for entry in entries.iter().filter(|it| it.case == case) {
            push(text, format_args!("| {title} | {} |", entry.who));
            title = "";
            for figure in &figures {
                let value = entry.median(figure).map_or_else(|| "-".to_owned(), number);
                push(text, format_args!(" {value} |"));
            }
            text.push('\n');
            if let Some(reason) = &entry.failure {
                let reason = reason.lines().last().unwrap_or_default();
                let who = entry.who;
                push(&mut failures, format_args!("\n{case}, {who}: {reason}\n"));
            }
        }
    }
    text.push_str(&failures);
}

/// What was to be reached, beside what was measured for it.
pub(super) fn render_goals(goals: &[Goal]) -> String {
    let mut text = String::from("\n**Goals**\n\n| | goal | measured | |\n|---|---|---|---|\n");
    for goal in goals {
        let wanted = match goal.wanted {
            Wanted::AtLeast(least) => format!("at least {}", number(least)),
            Wanted::AtMost(most) => format!("at most {}", number(most)),
        };
        let judgement = match goal.is_reached() {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "not measured",
        };
        let measured = goal.measured.map_or_else(|| "-".to_owned(), number);
        push(
            &mut text,
            format_args!("| {} | {wanted} | {measured} | {judgement} |\n", goal.title),
        );
    }
    text
}

/// With three digits that say something, or all before the point.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        it if it >= 100.0 => 0,
        it if it >= 10.0 => 1,
        it if it >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_has_and_another_has_not_is_a_dash() {
        let mut results = Results::default();
        results.note(ENGINE, "one", "Tamis", Ok(vec![("msg/s", 1234.5)]));
        results.note(ENGINE, "two", "Kafka", Err("it broke".to_owned()));
        results.note(ENGINE, "one", "Kafka", Ok(vec![("MB/s", 0.0123)]));
        let text = render(&results);
        let expected = "\
| | | msg/s | MB/s |
|---|---|---|---|
| one | Tamis | 1234 | - |
|  | Kafka | - | 0.012 |
| two | Kafka | - | - |

two, Kafka: it broke
";
        assert!(text.ends_with(expected), "{text}");
    }
}
