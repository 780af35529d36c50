//! What follows the verdict, section by section; an empty one leaves no trace.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::time::Duration;

use tamis_engine::human;

use super::{Cell, Page, Role, Table, counted, tamed};
use crate::check::is_of_nulls;
use crate::describe::operator_words;
use crate::model::{Severity, Unit};
use crate::report::{
    Expected, Measured, MetricReport, OutputKind, Performance, Report, RuleCount, Sample,
};

/// Rules listed for each severity.
const RULES_MAX: usize = 12;
/// Inputs listed.
const INPUTS_MAX: usize = 6;
/// Offending values listed, and how many of them may break the same rule.
const SAMPLES_MAX: usize = 10;
const SAMPLES_PER_RULE_MAX: usize = 3;
/// Longest bar of a chart.
const BAR_CHARS: u64 = 20;
/// Longest column name, value and message in a table.
const NAME_CHARS: usize = 32;
const VALUE_CHARS: usize = 40;
const MESSAGE_CHARS: usize = 120;

/// The inputs with the most bad rows, if there are several inputs.
pub(super) fn inputs(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let mut bad: Vec<_> = report
        .inputs
        .iter()
        .filter(|input| input.rows_invalid > 0)
        .collect();
    if report.inputs.len() < 2 || bad.is_empty() {
        return Ok(());
    }
    // Stable: among equals the order of the run.
    bad.sort_by_key(|input| std::cmp::Reverse(input.rows_invalid));
    page.write_str("\n")?;
    let mut table = Table::default();
    table.row([
        Cell::left(Role::Heading, "input"),
        Cell::right(Role::Heading, "bad rows"),
        Cell::right(Role::Heading, "rows"),
    ]);
    for input in bad.iter().take(INPUTS_MAX) {
        table.row([
            Cell::left(Role::Plain, tamed(&input.name, 80)),
            Cell::right(Role::Bad, human::count(input.rows_invalid)),
            Cell::right(Role::Plain, human::count(input.rows)),
        ]);
    }
    let hidden = bad.iter().skip(INPUTS_MAX);
    if hidden.len() > 0 {
        table.row([
            Cell::left(Role::Faint, format!("… {} more", hidden.len())),
            Cell::right(
                Role::Faint,
                human::count(hidden.map(|input| input.rows_invalid).sum()),
            ),
        ]);
    }
    page.table(&table)
}

/// The worst rules: errors first, warnings apart.
pub(super) fn rules(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    for (severity, role) in [
        (Severity::Error, Role::Bad),
        (Severity::Warning, Role::Warning),
        (Severity::Info, Role::Faint),
    ] {
        let rules: Vec<_> = report.violations.of_severity(severity).collect();
        if let Some(worst) = rules.first() {
            page.write_str("\n")?;
            page.table(&rule_table(&rules, worst.count, severity, role))?;
        }
    }
    Ok(())
}

fn rule_table(rules: &[&RuleCount], most: u64, severity: Severity, role: Role) -> Table {
    let heading = |text: &str| Cell::left(Role::Heading, text);
    let mut table = Table::default();
    let counts = format!("{}s", severity.name());
    table.row([
        heading("column"),
        heading("rule"),
        Cell::right(Role::Heading, counts),
    ]);
    for rule in rules.iter().take(RULES_MAX) {
        // Rounded up: what occurred at all can be seen.
        let bar = u128::from(rule.count) * u128::from(BAR_CHARS);
        let bar = bar.div_ceil(u128::from(most.max(1))) as usize;
        table.row([
            column_cell(rule.column.as_deref()),
            Cell::left(Role::Plain, tamed(&rule.rule, NAME_CHARS)),
            Cell::right(Role::Plain, human::count(rule.count)),
            Cell::left(role, "█".repeat(bar)),
        ]);
    }
    let hidden = rules.iter().skip(RULES_MAX);
    if hidden.len() > 0 {
        table.row([
            Cell::left(Role::Faint, format!("… {} more", hidden.len())),
            Cell::left(Role::Faint, ""),
            Cell::right(
                Role::Faint,
                human::count(hidden.map(|rule| rule.count).sum()),
            ),
        ]);
    }
    table
}

/// Thresholds that were missed.
pub(super) fn thresholds(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let mut table = Table::default();
    for metric in report.metrics.iter().filter(|metric| !metric.passed) {
        let role = if metric.is_error() {
            Role::Bad
        } else {
            Role::Warning
        };
        table.row([
            column_cell(metric.column.as_deref()),
            Cell::left(Role::Plain, &metric.metric),
            Cell::right(role, measured(metric)),
            Cell::left(Role::Plain, demand(metric)),
            Cell::left(
                Role::Faint,
                tamed(metric.name.as_deref().unwrap_or(""), NAME_CHARS),
            ),
            Cell::left(
                role,
                if metric.is_error() {
                    ""
                } else {
                    metric.severity.name()
                },
            ),
        ]);
    }
    section("thresholds missed", &table, page)
}

/// The first offending values: errors, or warnings if there is nothing worse.
pub(super) fn samples(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let worst = report.samples.iter().map(|sample| sample.severity).max();
    let mut shown_by_rule = HashMap::new();
    let mut table = Table::default();
    let chosen = report
        .samples
        .iter()
        .filter(|sample| Some(sample.severity) == worst)
        .filter(|sample| {
            // Three of a kind say it all; the rest of the list is for other kinds.
            let shown = shown_by_rule
                .entry((&sample.column, &sample.rule))
                .or_insert(0);
            *shown += 1;
            *shown <= SAMPLES_PER_RULE_MAX
        })
        .take(SAMPLES_MAX);
    for sample in chosen {
        table.row([
            Cell::left(Role::Faint, place(sample)),
            Cell::right(
                Role::Plain,
                sample
                    .row
                    .map(|row| format!("row {}", human::count(row)))
                    .unwrap_or_default(),
            ),
            column_cell(sample.column.as_deref()),
            Cell::left(Role::Value, value(sample).unwrap_or_default()),
            Cell::left(Role::Plain, tamed(&sample.message, MESSAGE_CHARS)),
        ]);
    }
    section(
        if worst == Some(Severity::Error) {
            "first errors"
        } else {
            "first warnings"
        },
        &table,
        page,
    )
}

/// One violation on a line.
pub(super) fn violation(sample: &Sample, page: &mut Page<'_>) -> fmt::Result {
    page.paint(Role::Faint, &place(sample))?;
    if let Some(row) = sample.row {
        page.paint(Role::Plain, &format!("  row {}", human::count(row)))?;
    }
    if sample.severity != Severity::Error {
        page.paint(Role::Warning, &format!("  {}", sample.severity.name()))?;
    }
    let column = sample.column.as_deref().unwrap_or("(record)");
    page.paint(Role::Plain, &format!("  {}", tamed(column, NAME_CHARS)))?;
    if let Some(value) = value(sample) {
        page.paint(Role::Value, &format!("  {value}"))?;
    }
    page.paint(
        Role::Plain,
        &format!("  {}\n", tamed(&sample.message, MESSAGE_CHARS)),
    )
}

/// Rules of the contract that nobody has checked.
pub(super) fn not_checked(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let mut table = Table::default();
    for rule in &report.rules_not_checked {
        let location = if rule.location.is_empty() {
            "(contract)"
        } else {
            &rule.location
        };
        table.row([
            Cell::left(Role::Plain, tamed(location, 2 * NAME_CHARS)),
            Cell::left(Role::Plain, tamed(&rule.rule, NAME_CHARS)),
            Cell::left(Role::Faint, tamed(&rule.reason, MESSAGE_CHARS)),
        ]);
    }
    section("not checked", &table, page)
}

/// What is good to know.
pub(super) fn notes(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let mut table = Table::default();
    for note in &report.notes {
        let message = tamed(&note.message, 2 * MESSAGE_CHARS);
        table.row([Cell::left(
            Role::Faint,
            match &note.input {
                // With one input everybody knows which one.
                Some(input) if report.inputs.len() > 1 => {
                    format!("{}: {message}", tamed(input, 80))
                }
                _ => message,
            },
        )]);
    }
    section("notes", &table, page)
}

/// Where the good and the bad rows went.
pub(super) fn outputs(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let mut table = Table::default();
    for output in &report.outputs {
        let (kind, role) = match output.kind {
            OutputKind::Good => ("good rows", Role::Good),
            OutputKind::Bad => ("bad rows", Role::Bad),
        };
        table.row([
            Cell::left(role, kind),
            Cell::left(Role::Plain, tamed(&output.name, 80)),
            Cell::right(Role::Plain, counted(output.rows, "row")),
            Cell::right(Role::Plain, human::bytes(output.bytes)),
        ]);
    }
    section("written", &table, page)
}

/// How fast it went, on one line.
pub(super) fn speed(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    let performance = &report.performance;
    let seconds = Duration::try_from_secs_f64(performance.seconds).unwrap_or_default();
    let mut text = format!(
        "{} in {}, {}, {} rows/s, {}, {}, {}",
        human::bytes(performance.bytes),
        human::duration(seconds),
        human::byte_rate(performance.bytes, seconds),
        human::rate(report.rows.total, seconds),
        counted(performance.threads as u64, "thread"),
        performance.simd,
        performance.io,
    );
    if let Some(bytes) = performance.peak_rss_bytes {
        text.push_str(&format!(", {} of memory", human::bytes(bytes)));
    }
    if performance.spilled_bytes > 0 {
        text.push_str(&format!(
            ", {} spilled",
            human::bytes(performance.spilled_bytes)
        ));
    }
    page.write_str("\n")?;
    page.paint(Role::Faint, &text)?;
    page.write_str("\n")
}

pub(super) fn performance(
    performance: &Performance,
    records: u64,
    page: &mut Page<'_>,
) -> fmt::Result {
    let stages = &performance.stages;
    let seconds = Duration::try_from_secs_f64(performance.seconds).unwrap_or_default();
    let stage_time =
        |seconds: f64| human::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let peak = performance
        .peak_rss_bytes
        .map_or("unknown".to_owned(), human::bytes);
    let lines = [
        ("bytes", human::bytes(performance.bytes)),
        ("records", human::count(records)),
        ("seconds", format!("{:.3}", performance.seconds)),
        ("bytes/s", human::byte_rate(performance.bytes, seconds)),
        ("records/s", human::rate(records, seconds)),
        ("peak memory", peak),
        ("spilled", human::bytes(performance.spilled_bytes)),
        ("threads", performance.threads.to_string()),
        ("simd", performance.simd.clone()),
        ("io", performance.io.clone()),
        ("read", stage_time(stages.read_seconds)),
        ("map", stage_time(stages.map_seconds)),
        ("merge wait", stage_time(stages.merge_wait_seconds)),
        ("merge", stage_time(stages.merge_seconds)),
        ("limiting stage", stages.limiting.clone()),
    ];
    let mut table = Table::default();
    for (name, value) in lines {
        table.row([
            Cell::left(Role::Faint, name),
            Cell::left(Role::Plain, value),
        ]);
    }
    section("performance", &table, page)
}

fn section(heading: &str, table: &Table, page: &mut Page<'_>) -> fmt::Result {
    if table.is_empty() {
        return Ok(());
    }
    page.heading(heading)?;
    page.table(table)
}

fn column_cell(column: Option<&str>) -> Cell {
    match column {
        Some(column) => Cell::left(Role::Plain, tamed(column, NAME_CHARS)),
        None => Cell::left(Role::Faint, "(record)"),
    }
}

/// `tx.csv:1234`, which editors and terminals understand.
fn place(sample: &Sample) -> String {
    let input = tamed(&sample.input, 80);
    match sample.line {
        Some(line) => format!("{input}:{line}"),
        None => input,
    }
}

/// The value that breaks the rule, on one line; `None` if the rule is about no value.
fn value(sample: &Sample) -> Option<String> {
    let shown = sample.value.as_deref().map(quoted);
    shown.or_else(|| is_of_nulls(&sample.rule).then(|| "null".to_owned()))
}

/// A value on one line; quoted where its ends would not be seen, and where it would be taken for null.
fn quoted(value: &str) -> String {
    let text = tamed(value, VALUE_CHARS);
    if text.is_empty() || text.trim() != text || text == "null" {
        format!("\"{text}\"")
    } else {
        text
    }
}

/// What was measured, with its unit: `1,000`, `1.25 %`.
pub fn measured(metric: &MetricReport) -> String {
    match metric.measured {
        Measured::Rows(rows) => human::count(rows),
        // Enough digits to tell 1.0004 from a limit of 1.
        Measured::Percent(percent) => format!("{} %", (percent * 1e4).round() / 1e4),
    }
}

/// What it had to be: `must be less than 1 %`.
pub fn demand(metric: &MetricReport) -> String {
    let mut text = operator_words(&metric.operator);
    match &metric.expected {
        Expected::One(value) => text.push_str(&format!(" {value}")),
        Expected::Range([low, high]) => text.push_str(&format!(" {low} and {high}")),
    }
    if metric.unit == Unit::Percent {
        text.push_str(" %");
    }
    text
}
