//! Runs to Markdown.

use std::fmt::Write;

use super::case::{CASES, Case, Input};
use super::data::Data;
use super::entry::Entry;

pub(super) fn render(data: &Data, entries: &[Entry]) -> String {
    let mut text = String::from(
        "\n| | | time | rate | peak RSS | Tamis is | two threads for one |\n|---|---|---|---|---|---|---|\n",
    );
    for case in CASES {
        let of_case = |entry: &&Entry| entry.case.title == case.title;
        let entries: Vec<_> = entries.iter().filter(of_case).collect();
        push_case(&mut text, data, case, &entries);
    }
    text
}

fn push_case(text: &mut String, data: &Data, case: &Case, entries: &[&Entry]) {
    let seconds_of = |threads| {
        let tamis = entries.iter().find(|entry| entry.threads == Some(threads));
        tamis.map_or(f64::NAN, |entry| entry.seconds())
    };
    let tamis = seconds_of(2);
    let mut title = case.title.replace('|', "\\|");
    for entry in entries {
        let tool = entry.tool;
        if entry.threads == Some(1) {
            continue;
        }
        if let Some(reason) = &entry.failure {
            push(
                text,
                format_args!("| {title} | {tool} | {reason} | | | | |\n"),
            );
        } else {
            let seconds = entry.seconds();
            let compared = match entry.threads {
                Some(_) => format!("| {:.2}", seconds_of(1) / tamis),
                None => format!("{:.2} x as fast |", seconds / tamis),
            };
            let peak = entry.runs.iter().map(|run| run.peak_rss_bytes).max();
            push(
                text,
                format_args!(
                    "| {title} | {tool} | {seconds:.3} s | {} | {:.0} MB | {compared} |\n",
                    rate(data, case.input, seconds),
                    peak.unwrap_or_default() as f64 / 1e6,
                ),
            );
        }
        title.clear();
    }
}

fn rate(data: &Data, input: Input, seconds: f64) -> String {
    let bytes = |bytes: u64| format!("{:.2} GB/s", bytes as f64 / seconds / 1e9);
    let files = |files: u64| format!("{:.0} k files/s", files as f64 / seconds / 1e3);
    match input {
        Input::Text => bytes(data.text_bytes),
        Input::Log => bytes(data.log_bytes),
        Input::Long => bytes(data.long_bytes),
        Input::Start => String::new(),
        Input::Tree => files(data.tree_files),
        Input::Copies => files(data.tree_files * 2),
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}
