//! What the store is meant to reach on two cores, beside what it did.

use super::super::goal::{Goal, Wanted};
use super::range::Ranges;
use super::strategy::Workload;
use super::tool::{Medium, Tool};
use super::versions::{Entry, Step, Subject};

/// The most memory that anything may take.
const PEAK_RSS_BYTES: u64 = 200_000_000;

/// The goals of all that was to be measured.
pub(super) fn goals(
    subjects: &[Subject<'_>],
    workloads: &[Workload<'_>],
    ranges: &[Ranges],
) -> Vec<Goal> {
    let mut goals = Vec::new();
    for subject in subjects {
        match subject.counts_files {
            true => push_trees(&mut goals, subject),
            false => push_large(&mut goals, subject),
        }
    }
    let worst = workloads.iter().map(|workload| {
        let [auto, others @ ..] = workload.medians();
        auto / others.into_iter().fold(auto, f64::min)
    });
    push(
        &mut goals,
        "strategy auto beside the best, the worst of all rows",
        Wanted::AtMost(1.1),
        worst.reduce(f64::max),
    );
    let inside = ranges.iter().filter_map(|range| range.inside_seconds);
    push(
        &mut goals,
        "1 MB out of a large file, ms inside",
        Wanted::AtMost(5.0),
        inside.reduce(f64::max).map(|seconds| seconds * 1e3),
    );
    push(
        &mut goals,
        "peak RSS of everything, MB",
        Wanted::AtMost(PEAK_RSS_BYTES as f64 / 1e6),
        peak_rss_bytes(subjects, workloads, ranges).map(|bytes| bytes as f64 / 1e6),
    );
    goals
}

fn push_trees(goals: &mut Vec<Goal>, subject: &Subject<'_>) {
    let tamis = |step| find(subject, "tamis", step);
    let stored = |name| Some(entry(subject, name)?.stored_bytes[1]).filter(|bytes| *bytes > 0);
    let (files, _) = subject.amount(Step::Add);
    let (_, bytes) = subject.amount(Step::Verify);
    push(
        goals,
        "small files: first add and commit, files/s",
        Wanted::AtLeast(25_000.0),
        tamis(Step::Add).map(|seconds| files as f64 / seconds),
    );
    push(
        goals,
        "the same, times restic's rate",
        Wanted::AtLeast(2.5),
        ratio(find(subject, "restic", Step::Add), tamis(Step::Add)),
    );
    push(
        goals,
        "small files: again, unchanged, s",
        Wanted::AtMost(0.3),
        tamis(Step::AddUnchanged),
    );
    push(
        goals,
        "small files: both versions stored, times restic's size",
        Wanted::AtMost(1.05),
        ratio(
            stored("tamis").map(|bytes| bytes as f64),
            stored("restic").map(|bytes| bytes as f64),
        ),
    );
    push(
        goals,
        "small files: checkout, s",
        Wanted::AtMost(5.0),
        tamis(Step::Restore),
    );
    push(
        goals,
        "small files: verify, GB/s of plain bytes",
        Wanted::AtLeast(2.0),
        tamis(Step::Verify).map(|seconds| bytes as f64 / seconds / 1e9),
    );
}

fn push_large(goals: &mut Vec<Goal>, subject: &Subject<'_>) {
    let rate = |step, seconds: f64| subject.amount(step).1 as f64 / seconds / 1e6;
    let medium = |is_tamis, medium| {
        let is_wanted = |tool: &Tool| {
            tool.stores_all_bytes && tool.is_tamis() == is_tamis && tool.medium == medium
        };
        let entry = subject.entries.iter().find(|entry| is_wanted(entry.tool));
        entry.and_then(|entry| entry.seconds(Step::Add))
    };
    let tamis = |step| find(subject, "tamis", step);
    push(
        goals,
        "large file: first add and commit, MB/s",
        Wanted::AtLeast(500.0),
        tamis(Step::Add).map(|seconds| rate(Step::Add, seconds)),
    );
    push(
        goals,
        "large file: uncompressed, beside writing alone",
        Wanted::AtLeast(0.9),
        ratio(medium(false, Medium::Disk), medium(true, Medium::Disk)),
    );
    push(
        goals,
        "large file: uncompressed, in memory, MB/s",
        Wanted::AtLeast(1000.0),
        medium(true, Medium::Memory).map(|seconds| rate(Step::Add, seconds)),
    );
    let growth = entry(subject, "tamis").filter(|entry| entry.stored_bytes[1] > 0);
    push(
        goals,
        "large file: growth for the edited copy, MB",
        Wanted::AtMost(5.0),
        growth.map(|entry| (entry.stored_bytes[1] - entry.stored_bytes[0]) as f64 / 1e6),
    );
    push(
        goals,
        "large file: verify, GB/s of plain bytes",
        Wanted::AtLeast(2.0),
        tamis(Step::Verify).map(|seconds| rate(Step::Verify, seconds) / 1e3),
    );
}

/// Of all that Tamis did.
fn peak_rss_bytes(
    subjects: &[Subject<'_>],
    workloads: &[Workload<'_>],
    ranges: &[Ranges],
) -> Option<u64> {
    let entries = subjects.iter().flat_map(|subject| &subject.entries);
    let ours = entries.filter(|entry| entry.tool.is_tamis());
    let runs = ours.flat_map(|entry| entry.runs.iter().flatten());
    let of_ranges = ranges
        .iter()
        .map(|range| range.peak_rss_bytes.max(range.add.peak_rss_bytes));
    let of_strategies = workloads.iter().map(|workload| workload.peak_rss_bytes);
    let of_runs = runs.map(|run| run.peak_rss_bytes);
    of_runs.chain(of_strategies).chain(of_ranges).max()
}

fn entry<'a>(subject: &'a Subject<'_>, name: &str) -> Option<&'a Entry> {
    subject.entries.iter().find(|entry| entry.tool.name == name)
}

fn find(subject: &Subject<'_>, name: &str, step: Step) -> Option<f64> {
    entry(subject, name)?.seconds(step)
}

fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other?)
}

fn push(goals: &mut Vec<Goal>, title: &'static str, wanted: Wanted, measured: Option<f64>) {
    goals.push(Goal {
        title: title.to_owned(),
        wanted,
        measured,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_from_its_own_side() {
        let goal = |wanted, measured| Goal {
            title: String::new(),
            wanted,
            measured: Some(measured),
        };
        assert_eq!(goal(Wanted::AtLeast(2.0), 2.0).is_reached(), Some(true));
        assert_eq!(goal(Wanted::AtLeast(2.0), 1.9).is_reached(), Some(false));
        assert_eq!(goal(Wanted::AtMost(2.0), 2.0).is_reached(), Some(true));
        assert_eq!(goal(Wanted::AtMost(2.0), 2.1).is_reached(), Some(false));
        assert_eq!(
            goal(Wanted::AtMost(2.0), f64::NAN).is_reached(),
            Some(false)
        );
    }
}
