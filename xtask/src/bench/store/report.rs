//! Runs to Markdown.

use std::fmt::Write;

use super::super::goal::{Goal, Wanted};
use super::range::Ranges;
use super::strategy::{STRATEGIES, Workload};
use super::versions::{Entry, STEPS, Step, Subject};

pub(super) fn render(
    subjects: &[Subject<'_>],
    workloads: &[Workload<'_>],
    ranges: &[Ranges],
) -> String {
    let mut text = String::new();
    for subject in subjects {
        push_subject(&mut text, subject);
    }
    if !workloads.is_empty() {
        push_strategies(&mut text, workloads);
    }
    if !ranges.is_empty() {
        push_ranges(&mut text, ranges);
    }
    text
}

fn push_subject(text: &mut String, subject: &Subject<'_>) {
    let title = subject.title;
    push(
        text,
        format_args!(
            "\n**Two versions of {title}**\n\n| | | time | rate | peak RSS | Tamis is |\n|---|---|---|---|---|---|\n"
        ),
    );
    for step in STEPS {
        push_step(text, subject, step);
    }
    push(
        text,
        format_args!(
            "\n| stored | the first version | both | growth | both beside Tamis |\n|---|---|---|---|---|\n"
        ),
    );
    let tamis = ours(subject).map_or(f64::NAN, |entry| entry.stored_bytes[1] as f64);
    for entry in subject
        .entries
        .iter()
        .filter(|entry| !entry.tool.restore.is_empty())
    {
        let [one, both] = entry.stored_bytes.map(|bytes| bytes as f64);
        if both > 0.0 {
            push(
                text,
                format_args!(
                    "| {} | {:.1} MB | {:.1} MB | {:.1} MB | {:.2} x |\n",
                    entry.tool.name,
                    one / 1e6,
                    both / 1e6,
                    (both - one) / 1e6,
                    both / tamis,
                ),
            );
        }
    }
}

fn push_step(text: &mut String, subject: &Subject<'_>, step: Step) {
    let tamis = ours(subject).and_then(|entry| entry.seconds(step));
    let mut title = step.title();
    for entry in &subject.entries {
        let name = entry.tool.name;
        if let Some(reason) = &entry.failure {
            push(
                text,
                format_args!("| {title} | {name} | {reason} | | | |\n"),
            );
        } else if let Some(seconds) = entry.seconds(step) {
            let (files, bytes) = subject.amount(step);
            // What is not read has no rate.
            let rate = match (step, subject.counts_files) {
                (Step::AddUnchanged, _) => String::new(),
                (Step::Verify, _) | (_, false) => rate_of_bytes(bytes, seconds),
                (_, true) => format!("{:.0} files/s", files as f64 / seconds),
            };
            let ratio = match (tamis, uncompressed(subject, entry, step)) {
                (_, Some(tamis)) => format!("{:.0} % of it uncompressed", 100.0 * seconds / tamis),
                (Some(tamis), None) if !entry.tool.is_tamis() => {
                    format!("{:.2} x as fast", seconds / tamis)
                }
                _ => String::new(),
            };
            push(
                text,
                format_args!(
                    "| {title} | {name} | {seconds:.3} s | {rate} | {:.0} MB | {ratio} |\n",
                    entry.peak_rss_bytes(step) as f64 / 1e6,
                ),
            );
        } else {
            continue;
        }
        title = "";
    }
}

/// Tamis as it is by default.
fn ours<'a>(subject: &'a Subject<'_>) -> Option<&'a Entry> {
    subject.entries.iter().find(|entry| entry.tool.is_tamis())
}

/// Seconds of Tamis where it writes as much to the same medium as `entry`, if that does nothing but write.
fn uncompressed(subject: &Subject<'_>, entry: &Entry, step: Step) -> Option<f64> {
    let is_like = |other: &&Entry| {
        other.tool.stores_all_bytes
            && other.tool.is_tamis()
            && other.tool.medium == entry.tool.medium
    };
    let is_write = entry.tool.stores_all_bytes && !entry.tool.is_tamis();
    let other = subject.entries.iter().filter(|_| is_write).find(is_like)?;
    other.seconds(step)
}

fn rate_of_bytes(bytes: u64, seconds: f64) -> String {
    format!("{:.2} GB/s", bytes as f64 / seconds / 1e9)
}

/// Times beside the best of each row.
fn push_strategies(text: &mut String, workloads: &[Workload<'_>]) {
    push(
        text,
        format_args!(
            "\n**Strategies of `add`**, time beside the best of the row\n\n| | files | bytes | {} | peak RSS |\n|---|---|---|{}---|\n",
            STRATEGIES.join(" | "),
            "---|".repeat(STRATEGIES.len()),
        ),
    );
    for workload in workloads {
        let medians = workload.medians();
        let best = medians.into_iter().fold(f64::INFINITY, f64::min);
        let cells = medians.map(|seconds| format!("{seconds:.3} s, {:.2}", seconds / best));
        push(
            text,
            format_args!(
                "| {} | {} | {:.0} MB | {} | {:.0} MB |\n",
                workload.title,
                workload.folder.files,
                workload.folder.bytes as f64 / 1e6,
                cells.join(" | "),
                workload.peak_rss_bytes as f64 / 1e6,
            ),
        );
    }
}

fn push_ranges(text: &mut String, ranges: &[Ranges]) {
    text.push_str(
        "\n**A megabyte out of a file**, at random places, by `get --range`\n\n\
         | file | stored | add and commit | its peak RSS | a range, whole process | inside | its peak RSS |\n|---|---|---|---|---|---|---|\n",
    );
    for range in ranges {
        let inside = range.inside_seconds;
        let inside = inside.map_or_else(
            || "-".to_owned(),
            |seconds| format!("{:.2} ms", seconds * 1e3),
        );
        push(
            text,
            format_args!(
                "| {:.0} MB | {:.0} MB | {:.2} s | {:.0} MB | {:.2} ms | {inside} | {:.0} MB |\n",
                range.file_bytes as f64 / 1e6,
                range.stored_bytes as f64 / 1e6,
                range.add.seconds,
                range.add.peak_rss_bytes as f64 / 1e6,
                range.process_seconds * 1e3,
                range.peak_rss_bytes as f64 / 1e6,
            ),
        );
    }
}

/// What was to be reached, beside what was measured for it.
pub(super) fn render_goals(goals: &[Goal]) -> String {
    let mut text = String::from("\n**Goals**\n\n| | goal | measured | |\n|---|---|---|---|\n");
    for goal in goals {
        let wanted = match goal.wanted {
            Wanted::AtLeast(least) => format!("at least {least}"),
            Wanted::AtMost(most) => format!("at most {most}"),
        };
        let judgement = match goal.is_reached() {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "not measured",
        };
        let measured = goal.measured;
        let measured = measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.2}"));
        push(
            &mut text,
            format_args!("| {} | {wanted} | {measured} | {judgement} |\n", goal.title),
        );
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}
