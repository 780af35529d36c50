//! What was measured, for people.

use std::fmt::Write;

use tamis_contract::report::text::{Cell, Role, Table};
use tamis_engine::human;
use tamis_scan::io_bench::report::{Results, Row, Section, Verdict};
use tamis_scan::io_bench::{Pattern, Temperature, Work};
use tamis_scan::names;

use crate::paint::Coloured;

const STRING: &str = "a string takes everything";

/// Pages that were in memory before a cold run, of which nothing need be said.
const RESIDENT_SHARE_MAX: f64 = 0.02;

/// A table for each kind of measurement, and what follows for `--io auto`.
pub(super) fn text(results: &Results) -> String {
    let mut page = heading(results);
    for section in &results.sections() {
        writeln!(page, "\n{}\n", title(section)).expect(STRING);
        table(section).write(&Coloured, &mut page).expect(STRING);
        for (way, reason) in &section.skipped {
            writeln!(page, "  not measured: {way} ({reason})").expect(STRING);
        }
        if section.resident > RESIDENT_SHARE_MAX {
            let percent = section.resident * 100.0;
            writeln!(
                page,
                "  notice: up to {percent:.0} % were in memory nevertheless"
            )
            .expect(STRING);
        }
    }
    page.push('\n');
    for verdict in results.verdicts() {
        writeln!(page, "{}", sentence(&verdict)).expect(STRING);
    }
    if let Some((one, other)) = results.disagreement() {
        writeln!(
            page,
            "error: {one} and {other} counted differently: did the file change?"
        )
        .expect(STRING);
    }
    page
}

fn heading(results: &Results) -> String {
    let options = &results.options;
    format!(
        "{}: {} are read, {} times in each process. Medians of rounds: {}; in an order that follows from `--seed {}`\n",
        names::show(&options.path),
        human::bytes(options.len_bytes),
        options.passes,
        results.rounds,
        options.seed,
    )
}

fn title(section: &Section) -> String {
    let pattern = match section.pattern {
        Pattern::Sequential => "from front to back".to_owned(),
        Pattern::Random { reads } => format!("{} blocks of 4 KiB anywhere", human::count(reads)),
        Pattern::SmallFiles { count } => format!("{} small files", human::count(count)),
    };
    let temperature = temperature(section.temperature);
    let work = match section.work {
        Work::Lines => "counting lines",
        Work::Search => "searching for a text",
    };
    format!("{pattern}, {temperature}, {work}")
}

fn temperature(temperature: Temperature) -> &'static str {
    match temperature {
        Temperature::Warm => "from memory",
        Temperature::Cold => "from the disk",
    }
}

fn table(section: &Section) -> Table {
    let mut table = Table::default();
    let names = [
        "threads",
        "rate",
        "slowest, fastest",
        "of one thread",
        "second pass",
        "minor faults",
        "major faults",
        "peak memory",
    ];
    let heading = names.map(|name| Cell::right(Role::Heading, name));
    table.row(std::iter::once(Cell::left(Role::Heading, "")).chain(heading));
    let best = section.rows.iter().map(|row| row.rate).fold(0.0, f64::max);
    for row in &section.rows {
        table.row(cells(section, row, best));
    }
    table
}

fn cells(section: &Section, row: &Row, best: f64) -> Vec<Cell> {
    let factor = |factor: Option<f64>| factor.map_or("-".to_owned(), |it| format!("{it:.2} x"));
    let count = |count: Option<u64>| count.map_or("-".to_owned(), human::count);
    let (slowest, fastest) = row.spread;
    // The first of all, and what comes within a hundredth of it.
    let role = if row.rate >= 0.99 * best {
        Role::Good
    } else {
        Role::Value
    };
    vec![
        Cell::left(Role::Plain, row.way.to_string()),
        Cell::right(Role::Plain, row.threads.to_string()),
        Cell::right(role, rate(section, row.rate)),
        Cell::right(
            Role::Faint,
            format!("{}, {}", rate(section, slowest), rate(section, fastest)),
        ),
        Cell::right(Role::Plain, factor(row.speedup)),
        Cell::right(Role::Plain, factor(row.again)),
        Cell::right(Role::Plain, count(row.faults.map(|(minor, _)| minor))),
        Cell::right(Role::Plain, count(row.faults.map(|(_, major)| major))),
        Cell::right(
            Role::Plain,
            row.peak_rss_bytes.map_or("-".to_owned(), human::bytes),
        ),
    ]
}

/// `1.24 GB/s`, `45.2 k/s`.
fn rate(section: &Section, rate: f64) -> String {
    let second = std::time::Duration::from_secs(1);
    match section.unit() {
        "bytes" => human::byte_rate(rate as u64, second),
        _ => format!("{}/s", human::rate(rate as u64, second)),
    }
}

fn sentence(verdict: &Verdict) -> String {
    let Verdict {
        backend,
        fastest: (way, threads),
        factor,
        ..
    } = verdict;
    let second = std::time::Duration::from_secs(1);
    let rate = human::byte_rate(verdict.rate as u64, second);
    let temperature = temperature(verdict.temperature);
    let which = match verdict.is_fastest() {
        true => "and nothing was noticeably faster".to_owned(),
        false => format!("and {way} was faster ({factor:.2} x, threads: {threads})"),
    };
    format!("`--io auto` takes {backend} for this file: {temperature} {rate}, {which}")
}
