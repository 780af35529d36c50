//! The tables of the report: events over time, groups, statuses, levels, the most frequent values.

use tamis_contract::report::text::{Cell, Role, Table, tamed};
use tamis_engine::human;
use tamis_scan::logs::Report;
use tamis_scan::logs::report::{Bucket, Groups, Share, TopValues};

use super::page::{percent, seconds};

/// Characters of the longest bar.
const BAR_CHARS: u64 = 30;

/// Characters that the figures beside a value take.
const FIGURES_CHARS: usize = 50;

/// All tables below the chart; some may be empty.
pub(super) fn tables(report: &Report, width: usize) -> Vec<Table> {
    let value_chars = width.saturating_sub(FIGURES_CHARS).clamp(20, 90);
    let grouped = report.by.as_ref().map(|groups| groups.field.as_str());
    let mut tables = Vec::new();
    tables.extend(report.by.as_ref().map(|it| groups(it, value_chars)));
    // What is grouped by is not shown twice.
    if grouped != Some("status") {
        tables.push(shares("status", &report.status, status_role));
    }
    if grouped != Some("level") {
        tables.push(shares("level", &report.levels, level_role));
    }
    for (name, values) in [
        ("path", &report.paths),
        ("client", &report.clients),
        ("host", &report.hosts),
        ("app", &report.apps),
    ] {
        if let Some(values) = values.as_ref().filter(|_| grouped != Some(name)) {
            tables.push(top(name, values, value_chars));
        }
    }
    tables.push(unparsed(report, width));
    tables
}

/// Events over time, as bars.
pub(super) fn timeline(report: &Report) -> Table {
    let mut table = Table::default();
    let buckets = &report.timeline.buckets;
    let most = buckets.iter().map(|it| it.events).max().unwrap_or(0);
    // One bar is no chart.
    if buckets.len() < 2 {
        return table;
    }
    let label = label(buckets, report.timeline.bucket_seconds);
    let mut headings = vec![
        heading(&width_name(report.timeline.bucket_seconds)),
        heading_of_number("events"),
    ];
    let has_errors = report.error_rate.is_some();
    if has_errors {
        headings.extend([heading(""), heading_of_number("errors")]);
    }
    table.row(headings);
    for bucket in buckets {
        let mut cells = vec![
            Cell::left(Role::Faint, label(bucket)),
            Cell::right(Role::Plain, human::count(bucket.events)),
            Cell::left(Role::Value, bar(bucket.events, most)),
        ];
        if has_errors && bucket.events > 0 {
            let errors = percent(bucket.errors as f64 / bucket.events as f64);
            cells.push(Cell::right(error_role(bucket.errors), errors));
        }
        table.row(cells);
    }
    table
}

/// How the beginning of a bucket is written: as much of it as tells them apart.
fn label(buckets: &[Bucket], width_seconds: i64) -> impl Fn(&Bucket) -> String {
    let date_of = |bucket: &Bucket| bucket.start.get(..10).unwrap_or_default().to_owned();
    let is_one_day = buckets
        .iter()
        .all(|bucket| date_of(bucket) == date_of(&buckets[0]));
    move |bucket| {
        let date = date_of(bucket);
        let time_chars = if width_seconds < 60 { 19 } else { 16 };
        let time = bucket.start.get(11..time_chars).unwrap_or_default();
        match (width_seconds >= 86_400, is_one_day) {
            (true, _) => date,
            (false, true) => time.to_owned(),
            (false, false) => format!("{} {time}", date.get(5..).unwrap_or_default()),
        }
    }
}

/// `10 minutes`.
fn width_name(seconds: i64) -> String {
    let units = [
        (604_800, "week"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| seconds % unit == 0)
        .unwrap_or((1, "second"));
    match seconds / unit {
        1 => name.to_owned(),
        count => format!("{count} {name}s"),
    }
}

/// A bar for `value` of `most`: blocks in eighths, at least one for something.
fn bar(value: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = match value {
        0 => 0,
        value => ((value as f64 / most as f64) * (BAR_CHARS * 8) as f64)
            .round()
            .max(1.0) as usize,
    };
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

fn shares(name: &str, shares: &[Share], role: fn(&str) -> Role) -> Table {
    const SHOWN_MAX: usize = 12;
    let mut table = Table::default();
    let most = shares.iter().map(|it| it.events).max().unwrap_or(0);
    if shares.is_empty() {
        return table;
    }
    table.row([
        heading(name),
        heading_of_number("events"),
        heading_of_number("share"),
    ]);
    for share in shares.iter().take(SHOWN_MAX) {
        table.row([
            Cell::left(role(&share.value), share.value.as_str()),
            Cell::right(Role::Plain, human::count(share.events)),
            Cell::right(Role::Plain, percent(share.share)),
            Cell::left(Role::Value, bar(share.events, most)),
        ]);
    }
    table
}

fn top(name: &str, values: &TopValues, value_chars: usize) -> Table {
    let mut table = Table::default();
    table.row([
        heading(&title(
            name,
            values.distinct,
            values.distinct_is_exact,
            values.values.len(),
        )),
        heading_of_number("events"),
        heading_of_number("share"),
        heading_of_number("errors"),
        heading_of_number("responses"),
    ]);
    let has_bytes = values.values.iter().any(|value| value.response_bytes > 0);
    let about = if values.approximate { "~" } else { "" };
    for value in &values.values {
        table.row([
            Cell::left(Role::Value, tamed(&value.value, value_chars)),
            Cell::right(
                Role::Plain,
                format!("{about}{}", human::count(value.events)),
            ),
            Cell::right(Role::Plain, percent(value.share)),
            Cell::right(
                error_role(value.errors),
                format!("{about}{}", human::count(value.errors)),
            ),
            Cell::right(
                Role::Plain,
                match has_bytes {
                    true => format!("{about}{}", human::bytes(value.response_bytes)),
                    false => String::new(),
                },
            ),
        ]);
    }
    bound(values.error_bound, &mut table);
    table
}

fn groups(groups: &Groups, value_chars: usize) -> Table {
    let mut table = Table::default();
    // Nothing happened: a head without rows says no more than the note does.
    if groups.distinct == 0 && groups.without == 0 {
        return table;
    }
    let has_bytes = groups.groups.iter().any(|group| group.response_bytes > 0);
    let has_latency = groups.groups.iter().any(|group| group.p50.is_some());
    let mut headings = vec![
        heading(&title(
            &groups.field,
            groups.distinct,
            groups.distinct_is_exact,
            groups.groups.len(),
        )),
        heading_of_number("events"),
        heading_of_number("share"),
        heading_of_number("errors"),
        heading_of_number(if has_bytes { "responses" } else { "log" }),
    ];
    if has_latency {
        headings.extend(["median", "95 %", "99 %"].map(heading_of_number));
    }
    table.row(headings);
    let about = if groups.approximate { "~" } else { "" };
    for group in &groups.groups {
        let bytes = if has_bytes {
            group.response_bytes
        } else {
            group.log_bytes
        };
        let mut cells = vec![
            Cell::left(Role::Value, tamed(&group.value, value_chars)),
            Cell::right(
                Role::Plain,
                format!("{about}{}", human::count(group.events)),
            ),
            Cell::right(Role::Plain, percent(group.share)),
            Cell::right(
                error_role(group.errors),
                format!("{about}{}", human::count(group.errors)),
            ),
            Cell::right(Role::Plain, format!("{about}{}", human::bytes(bytes))),
        ];
        let latencies = [group.p50, group.p95, group.p99].map(|it| it.map(seconds));
        cells.extend(
            latencies
                .into_iter()
                .flatten()
                .map(|it| Cell::right(Role::Plain, it)),
        );
        table.row(cells);
    }
    if groups.without > 0 {
        table.row([
            Cell::left(Role::Faint, "(none)"),
            Cell::right(Role::Faint, human::count(groups.without)),
        ]);
    }
    bound(groups.error_bound, &mut table);
    table
}

/// `path (10 of about 1,234,567)`.
fn title(name: &str, distinct: u64, is_exact: bool, shown: usize) -> String {
    let name = tamed(name, 60);
    let about = if is_exact { "" } else { "about " };
    match distinct {
        distinct if distinct == shown as u64 => name,
        distinct => format!("{name} ({shown} of {about}{})", human::count(distinct)),
    }
}

/// How far off estimates are.
fn bound(error: Option<u64>, table: &mut Table) {
    if let Some(error) = error {
        let text = format!("~ estimated: off by at most {} events", human::count(error));
        table.row([Cell::left(Role::Faint, text)]);
    }
}

fn unparsed(report: &Report, width: usize) -> Table {
    let mut table = Table::default();
    if report.unparsed.is_empty() {
        return table;
    }
    table.row([heading("not parsed")]);
    for line in &report.unparsed {
        let input = tamed(&line.input, 60);
        let place = match line.line {
            Some(number) => format!("{input}:{number}"),
            None => format!("{input} at byte {}", line.byte_offset),
        };
        let text_chars = width.saturating_sub(place.chars().count() + 6).max(20);
        table.row([
            Cell::left(Role::Faint, place),
            Cell::left(Role::Plain, tamed(&line.text, text_chars)),
        ]);
    }
    table
}

fn heading(text: &str) -> Cell {
    Cell::left(Role::Heading, text)
}

fn heading_of_number(text: &str) -> Cell {
    Cell::right(Role::Heading, text)
}

fn error_role(errors: u64) -> Role {
    if errors > 0 { Role::Bad } else { Role::Faint }
}

fn status_role(status: &str) -> Role {
    match status.as_bytes().first() {
        Some(b'5'..=b'9') => Role::Bad,
        Some(b'4') => Role::Warning,
        _ => Role::Plain,
    }
}

fn level_role(level: &str) -> Role {
    match level {
        "error" | "critical" => Role::Bad,
        "warn" => Role::Warning,
        _ => Role::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        assert_eq!(bar(0, 100), "");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(50, 100).chars().count(), 15);
        assert_eq!(bar(100, 100).chars().count(), BAR_CHARS as usize);
    }

    #[test]
    fn widths_have_names() {
        for (seconds, name) in [
            (1, "second"),
            (30, "30 seconds"),
            (600, "10 minutes"),
            (86_400, "day"),
            (2_419_200, "4 weeks"),
        ] {
            assert_eq!(width_name(seconds), name);
        }
    }
}
