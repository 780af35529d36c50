//! Runs to Markdown: a table of everybody for each data set, and one of what a second thread gains.

use std::fmt::Write;

use super::data::Table;
use super::entry::Entry;
use super::task::TASKS;

pub(super) fn render(tables: &[Table], entries: &[Entry<'_>]) -> String {
    let mut text = String::new();
    for table in tables {
        push(
            &mut text,
            format_args!(
                "\n**{}**\n\n| task | | time | bytes of CSV | peak RSS | Tamis is |\n|---|---|---|---|---|---|\n",
                table.name
            ),
        );
        for task in &TASKS {
            push_task(
                &mut text,
                task.title,
                &of_task(entries, table, task.name, 2),
            );
        }
    }
    text += "\n**One thread and two**\n\n| | task | 1 thread | 2 threads | ratio |\n|---|---|---|---|---|\n";
    for table in tables {
        for task in TASKS.iter().filter(|task| task.scales) {
            push_scaling(&mut text, entries, table, task.name, task.title);
        }
    }
    text
}

/// The entries of a task, in the order of contenders.
fn of_task<'a, 'b>(
    entries: &'b [Entry<'a>],
    table: &Table,
    task: &str,
    threads: usize,
) -> Vec<&'b Entry<'a>> {
    let wanted = (table.name, task, threads);
    entries
        .iter()
        .filter(|entry| (entry.table.name, entry.task.name, entry.threads) == wanted)
        .collect()
}

fn push_task(text: &mut String, title: &str, entries: &[&Entry<'_>]) {
    let tamis = entries.iter().find(|entry| entry.is_tamis());
    let mut title = title;
    for entry in entries {
        if let Some(reason) = &entry.failure {
            push(text, format_args!("| {title} | {reason} | | | | |\n"));
            title = "";
            continue;
        }
        let seconds = entry.seconds();
        let ratio = match tamis {
            Some(tamis) if !entry.is_tamis() => {
                format!("{:.1} x as fast", seconds / tamis.seconds())
            }
            _ => String::new(),
        };
        let peak = entry.runs.iter().map(|run| run.peak_rss_bytes).max();
        push(
            text,
            format_args!(
                "| {title} | {} | {seconds:.3} s | {:.2} GB/s | {:.0} MB | {ratio} |\n",
                entry.runs[0].tool,
                entry.table.bytes as f64 / seconds / 1e9,
                peak.unwrap_or_default() as f64 / 1e6,
            ),
        );
        title = "";
    }
}

fn push_scaling(text: &mut String, entries: &[Entry<'_>], table: &Table, task: &str, title: &str) {
    let seconds = |threads| {
        let entries = of_task(entries, table, task, threads);
        let tamis = entries.into_iter().find(|entry| entry.is_tamis())?;
        Some(tamis.seconds())
    };
    if let (Some(one), Some(two)) = (seconds(1), seconds(2)) {
        push(
            text,
            format_args!(
                "| {} | {title} | {one:.3} s | {two:.3} s | {:.2} |\n",
                table.name,
                one / two
            ),
        );
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}
