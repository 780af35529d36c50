//! Bodies of files read back from any byte on.

use super::*;
use crate::entry::INLINE_RUNS_MAX;
use crate::testing::cases;

fn write_list(runs: &[Run], nodes: &mut Nodes) -> Body {
    let mut writer = ListWriter::new();
    for run in runs {
        writer.push(*run, nodes).expect("memory takes everything");
    }
    writer.finish(nodes).expect("memory takes everything")
}

/// As runs are kept: no two neighbours are the same chunk.
fn merged(runs: &[Run]) -> Vec<Run> {
    let mut merged: Vec<Run> = Vec::new();
    for run in runs {
        match merged.last_mut() {
            Some(last) if last.id == run.id && last.len_bytes == run.len_bytes => {
                last.count += run.count
            }
            _ => merged.push(*run),
        }
    }
    merged
}

fn random_runs(count: usize, seed: u64) -> Vec<Run> {
    let mut random = fastrand::Rng::with_seed(seed);
    let run = |_| Run {
        id: ObjectId(std::array::from_fn(|_| random.u8(..))),
        len_bytes: random.u32(1..100_000),
        count: if random.u8(..) == 0 {
            random.u32(1..1000)
        } else {
            1
        },
    };
    (0..count).map(run).collect()
}

fn few_runs() -> impl Strategy<Value = Vec<Run>> {
    let run = (0..3u8, 1..3u32, 1..4u32).prop_map(|(byte, len_bytes, count)| Run {
        id: ObjectId([byte; 32]),
        len_bytes,
        count,
    });
    vec(run, 0..80)
}

fn assert_reads_back(body: &Body, expected: &[Run], from: u64, nodes: &Nodes) {
    let len_bytes = expected.iter().map(Run::total_bytes).sum();
    let mut start = 0;
    let mut placed = Vec::new();
    for run in expected {
        placed.push((start, *run));
        start += run.total_bytes();
    }
    placed.retain(|(start, run)| start + run.total_bytes() > from);
    let found: Result<Vec<(u64, Run)>> = runs(body, len_bytes, from, nodes).collect();
    assert_eq!(found.expect("nothing is damaged"), placed);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn bodies_read_back_from_any_byte(pushed in few_runs(), from in 0..500u64) {
        let mut nodes = Nodes::default();
        let body = write_list(&pushed, &mut nodes);
        let expected = merged(&pushed);
        match &body {
            Body::Empty => prop_assert!(expected.is_empty()),
            Body::Runs(runs) => prop_assert!(!runs.is_empty() && runs.len() <= INLINE_RUNS_MAX),
            Body::List { .. } => prop_assert!(expected.len() > INLINE_RUNS_MAX),
        }
        assert_reads_back(&body, &expected, 0, &nodes);
        assert_reads_back(&body, &expected, from, &nodes);
    }
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn long_lists_read_back_from_any_byte(count in 0..30_000usize, seed: u64, places in vec(0.0..1.1f64, 5)) {
        let mut nodes = Nodes::default();
        let expected = random_runs(count, seed);
        let body = write_list(&expected, &mut nodes);
        let len_bytes: u64 = expected.iter().map(Run::total_bytes).sum();
        for place in places {
            assert_reads_back(&body, &expected, (len_bytes as f64 * place) as u64, &nodes);
        }
    }
}

#[test]
fn only_what_is_asked_for_is_read() {
    let mut nodes = Nodes::default();
    let expected = random_runs(50_000, 1);
    let Body::List { root, height } = write_list(&expected, &mut nodes) else {
        panic!("so many runs are a list");
    };
    let len_bytes: u64 = expected.iter().map(Run::total_bytes).sum();
    let first = runs(
        &Body::List { root, height },
        len_bytes,
        len_bytes - 1,
        &nodes,
    )
    .next();
    let (start, run) = first.expect("a byte is left").expect("nothing is damaged");
    assert_eq!(start + run.total_bytes(), len_bytes);
    assert!(height >= 2);
    assert_eq!(nodes.reads.load(Ordering::Relaxed), usize::from(height) + 1);
}

#[test]
fn one_chunk_more_rewrites_a_node_of_each_level() {
    let mut nodes = Nodes::default();
    let base = random_runs(100_000, 2);
    let Body::List { height, .. } = write_list(&base, &mut nodes) else {
        panic!("so many runs are a list");
    };
    for (seed, place) in [0, 1, 20_000, 50_000, 99_999, 100_000]
        .into_iter()
        .enumerate()
    {
        let mut edited = base.clone();
        edited.insert(place, random_runs(1, seed as u64 + 3)[0]);
        nodes.new = 0;
        write_list(&edited, &mut nodes);
        assert!(
            nodes.new <= 2 * usize::from(height) + 2,
            "{} at {place}",
            nodes.new
        );
    }
}

#[test]
fn a_hole_is_one_run_and_counts_do_not_overflow() {
    let mut nodes = Nodes::default();
    let hole = Run {
        id: ObjectId([0; 32]),
        len_bytes: 65_536,
        count: 1,
    };
    let body = write_list(&[hole; 1000], &mut nodes);
    assert_eq!(
        body,
        Body::Runs(vec![Run {
            count: 1000,
            ..hole
        }])
    );
    let most = Run {
        count: u32::MAX,
        ..hole
    };
    assert_eq!(
        write_list(&[most, hole], &mut nodes),
        Body::Runs(vec![most, hole])
    );
}

#[test]
fn runs_of_nothing_and_of_too_much_are_refused() {
    let mut nodes = Nodes::default();
    let run = |number: u32, len_bytes, count| Run {
        id: ObjectId::of_chunk(&number.to_le_bytes()),
        len_bytes,
        count,
    };
    for nothing in [run(1, 0, 1), run(1, 1, 0)] {
        assert!(ListWriter::new().push(nothing, &mut nodes).is_err());
    }
    let mut writer = ListWriter::new();
    let pushed =
        (0..100).try_for_each(|number| writer.push(run(number, u32::MAX, u32::MAX), &mut nodes));
    assert!(pushed.is_err());
}
