//! The report for people: what matters most comes first, figures below each other.

use std::fmt;

use tamis_contract::report::text::{Cell, Paint, Role, Table, counted, tamed};
use tamis_engine::human;
use tamis_scan::logs::Report;
use tamis_scan::logs::report::LatencyReport;

use super::sections;
use crate::output;
use crate::paint::Coloured;

/// The page, coloured, as wide as standard output.
pub(super) fn text(report: &Report) -> String {
    let mut page = String::new();
    write(report, output::width(), &Coloured, &mut page).expect("a string takes everything");
    page
}

fn write(
    report: &Report,
    width: usize,
    paint: &dyn Paint,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    title(report, paint, out)?;
    let mut tables = vec![summary(report), sections::timeline(report)];
    tables.extend(sections::tables(report, width));
    for table in tables.iter().filter(|table| !table.is_empty()) {
        out.write_str("\n")?;
        table.write(paint, out)?;
    }
    if !report.notes.is_empty() {
        out.write_str("\n")?;
    }
    for note in &report.notes {
        writeln!(out, "{}", tamed(note, 400))?;
    }
    Ok(())
}

/// What was read, and the time it is about.
fn title(report: &Report, paint: &dyn Paint, out: &mut dyn fmt::Write) -> fmt::Result {
    let name = match report.inputs.as_slice() {
        [input] => tamed(&input.name, 200),
        inputs => counted(inputs.len() as u64, "input"),
    };
    paint.paint(Role::Heading, &name, out)?;
    write!(out, ": {}", counted(report.events, "event"))?;
    let mut formats: Vec<&str> = report.inputs.iter().map(|it| it.format.as_str()).collect();
    formats.dedup();
    write!(out, ", {}", formats.join(", "))?;
    out.write_str("\n")?;
    if let (Some(first), Some(last)) = (&report.first, &report.last) {
        writeln!(out, "{first} to {last}")?;
    }
    Ok(())
}

/// The figures of all events together.
fn summary(report: &Report) -> Table {
    let mut table = Table::default();
    let mut line = |name: &str, role: Role, text: String| {
        table.row([Cell::left(Role::Heading, name), Cell::left(role, text)]);
    };
    if let Some(rate) = report.error_rate {
        let role = if report.errors > 0 {
            Role::Bad
        } else {
            Role::Good
        };
        let count = human::count(report.errors);
        line("errors", role, format!("{count} ({})", percent(rate)));
    }
    for (name, values) in [("clients", &report.clients), ("hosts", &report.hosts)] {
        if let Some(values) = values {
            let about = if values.distinct_is_exact {
                ""
            } else {
                "about "
            };
            line(
                name,
                Role::Plain,
                format!("{about}{}", human::count(values.distinct)),
            );
        }
    }
    if let Some(bytes) = report.response_bytes {
        line("responses", Role::Plain, human::bytes(bytes));
    }
    if let Some(latency) = &report.latency {
        line("latency", Role::Plain, quantiles(latency));
    }
    line("log", Role::Plain, human::bytes(report.log_bytes));
    let lines = &report.lines;
    if lines.continued > 0 {
        let of = counted(lines.continued_events, "event");
        line(
            "stack traces",
            Role::Plain,
            format!("{} of {of}", counted(lines.continued, "line")),
        );
    }
    if lines.unparsed > 0 {
        line("not parsed", Role::Warning, counted(lines.unparsed, "line"));
    }
    if report.events_without_time > 0 {
        line(
            "without a time",
            Role::Warning,
            counted(report.events_without_time, "event"),
        );
    }
    table
}

fn quantiles(latency: &LatencyReport) -> String {
    let named = [
        ("median", latency.p50),
        ("90 %", latency.p90),
        ("95 %", latency.p95),
        ("99 %", latency.p99),
        ("max", latency.max),
        ("mean", latency.mean),
    ];
    let texts = named.map(|(name, value)| format!("{name} {}", seconds(value)));
    texts.join(", ")
}

/// `0.25 %`, `12.3 %`, `100 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.01 => "< 0.01 %".to_owned(),
        percent if percent < 9.995 => format!("{percent:.2} %"),
        percent if percent < 99.95 => format!("{percent:.1} %"),
        _ => "100 %".to_owned(),
    }
}

/// `350 µs`, `12.3 ms`, `1.23 s`, `3 min 20 s`.
pub(super) fn seconds(value: f64) -> String {
    let scaled = |value: f64, unit: &str| match value {
        value if value < 9.995 => format!("{value:.2} {unit}"),
        value if value < 99.95 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    };
    match value {
        0.0 => "0 s".to_owned(),
        value if value < 0.000_999_5 => scaled(value * 1e6, "µs"),
        value if value < 0.999_5 => scaled(value * 1e3, "ms"),
        value if value < 60.0 => scaled(value, "s"),
        value => human::duration(std::time::Duration::from_secs_f64(value.min(1e15))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.00005), "< 0.01 %");
        assert_eq!(percent(0.0025), "0.25 %");
        assert_eq!(percent(0.1234), "12.3 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(seconds(0.00035), "350 µs");
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(seconds(1.234), "1.23 s");
        assert_eq!(seconds(200.0), "3 min 20 s");
    }
}
