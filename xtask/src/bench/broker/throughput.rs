//! Large batches, as producers make them when there is much to send, and reading all of it again.

use super::performance::{Batching, Load, Value};
use super::server::Who;
use super::setting::{Extent, Setting, observe, throughput};

/// Producing.
pub(super) const PRODUCE: &str = "produce";
/// Reading everything that was produced.
pub(super) const CONSUME: &str = "consume";

/// The client with the broker inside it that throws everything away.
pub(super) const CEILING: &str = "client alone";

/// Partitions of a topic; the client's own broker has as many.
const PARTITIONS: usize = 4;

/// What is sent.
#[derive(Clone, Copy, Debug)]
struct Case {
    size: usize,
    codec: &'static str,
    acks: i32,
    producers: usize,
}

impl Case {
    fn title(self) -> String {
        case(self.size, self.codec, self.acks, self.producers)
    }

    /// About two seconds' worth.
    fn messages(self) -> u64 {
        match self.size {
            0..512 => 4_000_000,
            _ => 1_000_000,
        }
    }
}

/// The name of a case.
pub(super) fn case(size: usize, codec: &str, acks: i32, producers: usize) -> String {
    let size = match size {
        1024 => "1 KiB".to_owned(),
        size => format!("{size} B"),
    };
    let acks = match acks {
        -1 => "all".to_owned(),
        acks => acks.to_string(),
    };
    format!("{size}, {codec}, acks {acks}, producers {producers}")
}

/// Every combination, or a few to see that it works.
fn cases(extent: Extent) -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [100, 1024] {
        for codec in ["none", "lz4"] {
            for acks in [1, -1] {
                for producers in [1, 4, 8] {
                    cases.push(Case {
                        size,
                        codec,
                        acks,
                        producers,
                    });
                }
            }
        }
    }
    if extent == Extent::Quick {
        cases.retain(|it| it.acks == 1 && it.producers == 1);
        cases.push(Case {
            acks: -1,
            producers: 4,
            ..cases[0]
        });
    }
    cases
}

pub(super) fn run(setting: &mut Setting) {
    for round in 1..=setting.rounds {
        eprintln!("large batches, round {round} of {}", setting.rounds);
        for case in cases(setting.extent) {
            eprintln!("  {}", case.title());
            run_ceiling(setting, case);
            for who in [Who::Tamis, Who::Kafka, Who::Tansu] {
                run_case(setting, case, who, round);
            }
        }
    }
}

/// How fast the client is without a broker; how it waits for acknowledgements makes no difference then.
fn run_ceiling(setting: &mut Setting, case: Case) {
    if case.acks != 1 {
        return;
    }
    let Some(performance) = &setting.performance else {
        return;
    };
    let load = load(setting, case, None, "bench");
    let figures = performance
        .produce(load)
        .map(|outcome| throughput(outcome, case.size, None));
    setting
        .results
        .note(PRODUCE, &case.title(), CEILING, figures);
}

fn run_case(setting: &mut Setting, case: Case, who: Who, round: usize) {
    // It keeps no promise about storage that acks could ask for, and is slow: once is enough.
    if who == Who::Tansu && (case.acks != 1 || round > 1) {
        return;
    }
    if setting.performance.is_none() {
        return;
    }
    let reads = case.producers == 1 && case.acks == 1;
    let mut consumed = None;
    let title = case.title();
    setting.measure(
        (PRODUCE, &title, who),
        (PARTITIONS, &[]),
        |it, server, topic| {
            let performance = it.performance.as_ref().ok_or("there is no client")?;
            let load = load(it, case, Some(&server.address), topic);
            let (outcome, usage) = observe(&server.process, || performance.produce(load))?;
            if reads {
                let read =
                    || performance.consume(&server.address, topic, PARTITIONS, load.messages);
                let read = observe(&server.process, read);
                consumed = Some(read.map(|(read, usage)| throughput(read, case.size, Some(usage))));
            }
            Ok(throughput(outcome, case.size, Some(usage)))
        },
    );
    if let Some(figures) = consumed {
        let title = format!(
            "{}, {}",
            title.split(", ").next().unwrap_or_default(),
            case.codec
        );
        setting.results.note(CONSUME, &title, who.name(), figures);
    }
}

fn load<'a>(setting: &Setting, case: Case, address: Option<&'a str>, topic: &'a str) -> Load<'a> {
    Load {
        address,
        topic,
        messages: setting.scaled(case.messages()),
        value: Value::Bytes(case.size),
        codec: case.codec,
        acks: case.acks,
        producers: case.producers,
        batching: Batching::Large,
    }
}
