//! Statistics as a person wants to read them: tables that fit the terminal.
//!
//! One line for each column in each of three tables: what it is, what its numbers come to, what is in it most often. Long
//! values are cut until a table is no wider than asked, but never below a few characters, so that lines of a very narrow
//! terminal wrap.

use std::fmt;

use tamis_contract::report::text::{Cell, Paint, Role, Table, Uncoloured, counted, tamed};
use tamis_engine::human;
use tamis_engine::kernel::{DateTimeShape, parse_date_time};
use unicode_width::UnicodeWidthStr;

use super::report::{ColumnStats, Frequencies, Scalar, Statistics};

/// Characters of a name or a value, as far as there is space.
const CUTS: [usize; 7] = [40, 30, 24, 20, 16, 12, 8];

/// A table of columns with texts of so many characters at most, for lines of so many; `None` if it would be empty.
type Make = fn(&[ColumnStats], usize, usize) -> Option<Table>;

/// Writes `statistics` for people, in lines of about `width` characters.
///
/// # Errors
/// What `out` answers.
pub fn write(
    statistics: &Statistics,
    width: usize,
    paint: &dyn Paint,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let rows = statistics.rows;
    let title = match statistics.inputs.as_slice() {
        [input] => tamed(&input.name, 200),
        inputs => counted(inputs.len() as u64, "input"),
    };
    paint.paint(Role::Heading, &title, out)?;
    write!(
        out,
        ": {}, {}",
        counted(rows.total, "row"),
        counted(statistics.columns.len() as u64, "column")
    )?;
    if rows.malformed > 0 {
        out.write_str(", ")?;
        let malformed = format!("{} of them malformed", human::count(rows.malformed));
        paint.paint(Role::Bad, &malformed, out)?;
    }
    out.write_str("\n")?;
    let tables: [Make; 3] = [overview, numbers, frequent];
    for table in tables {
        if let Some(table) = fitting(&statistics.columns, width, table)? {
            out.write_str("\n")?;
            table.write(paint, out)?;
        }
    }
    legend(statistics, paint, out)
}

/// The table with the longest texts that fit.
fn fitting(
    columns: &[ColumnStats],
    width: usize,
    table: Make,
) -> Result<Option<Table>, fmt::Error> {
    let mut last = None;
    for cut in CUTS {
        let Some(made) = table(columns, cut, width) else {
            return Ok(None);
        };
        let mut text = String::new();
        made.write(&Uncoloured, &mut text)?;
        let fits = text.lines().all(|line| line.width() <= width);
        last = Some(made);
        if fits {
            break;
        }
    }
    Ok(last)
}

fn heading(text: &str) -> Cell {
    Cell::left(Role::Heading, text)
}

fn heading_of_number(text: &str) -> Cell {
    Cell::right(Role::Heading, text)
}

fn name(column: &ColumnStats, cut: usize) -> Cell {
    Cell::left(Role::Plain, tamed(&column.name, cut))
}

/// What each column is.
fn overview(columns: &[ColumnStats], cut: usize, _width: usize) -> Option<Table> {
    let has_distinct = columns.iter().any(|column| column.distinct.is_some());
    let has_range = columns.iter().any(|column| column.min.is_some());
    let has_lengths = columns.iter().any(shows_length);
    let mut table = Table::default();
    let mut headings = vec![
        heading("column"),
        heading("type"),
        heading_of_number("nulls"),
    ];
    headings.extend(has_distinct.then(|| heading_of_number("distinct")));
    if has_range {
        headings.extend([heading("min"), heading("max")]);
    }
    headings.extend(has_lengths.then(|| heading("length")));
    table.row(headings);
    for column in columns {
        let mut cells = vec![
            name(column, cut),
            Cell::left(Role::Faint, column.logical_type),
            nulls(column),
        ];
        if has_distinct {
            let distinct = column.distinct.map_or(String::new(), |distinct| {
                let about = if distinct.exact { "" } else { "~" };
                format!("{about}{}", human::count(distinct.count))
            });
            cells.push(Cell::right(Role::Plain, distinct));
        }
        if has_range {
            for end in [&column.min, &column.max] {
                let text = end.as_ref().map_or(String::new(), |end| value(end, cut));
                cells.push(Cell::left(Role::Value, text));
            }
        }
        if has_lengths {
            let length = match (column.min_length, column.max_length) {
                (Some(min), Some(max)) if shows_length(column) && min == max => human::count(min),
                (Some(min), Some(max)) if shows_length(column) => {
                    format!("{}..{}", human::count(min), human::count(max))
                }
                _ => String::new(),
            };
            cells.push(Cell::left(Role::Plain, length));
        }
        table.row(cells);
    }
    Some(table)
}

/// The length of a number or a date says nothing.
fn shows_length(column: &ColumnStats) -> bool {
    column.max_length.is_some() && matches!(column.logical_type, "string" | "mixed")
}

fn nulls(column: &ColumnStats) -> Cell {
    let nulls = column.nulls;
    let text = match nulls.count {
        0 => return Cell::right(Role::Faint, "0"),
        _ if nulls.percent < 0.005 => "<0.01 %".to_owned(),
        _ if nulls.percent < 10.0 => format!("{:.2} %", nulls.percent),
        _ => format!("{:.1} %", nulls.percent),
    };
    Cell::right(Role::Plain, text)
}

/// What the numbers of columns come to, and the quantiles of what lies on a line.
fn numbers(columns: &[ColumnStats], cut: usize, width: usize) -> Option<Table> {
    /// In lines shorter than this there is space for the quartiles only.
    const WIDE: usize = 100;
    let has_sum = columns.iter().any(|column| column.sum.is_some());
    let has_deviation = columns
        .iter()
        .any(|column| column.standard_deviation.is_some());
    let quantiles = columns.iter().find_map(|column| column.quantiles.as_ref());
    if !has_sum && !has_deviation && quantiles.is_none() {
        return None;
    }
    let mut headings = vec![heading("column")];
    if has_sum {
        headings.extend([heading_of_number("sum"), heading_of_number("mean")]);
    }
    headings.extend(has_deviation.then(|| heading_of_number("deviation")));
    // The outermost two say little that minimum and maximum do not.
    let outer = if width < WIDE { 2 } else { 1 };
    let inner = quantiles.map_or(0..0, |quantiles| outer..quantiles.values.len() - outer);
    if let Some(quantiles) = quantiles {
        for quantile in &quantiles.values[inner.clone()] {
            let title = match quantile.quantile {
                0.5 => "median".to_owned(),
                quantile => format!("{:.0} %", 100.0 * quantile),
            };
            headings.push(heading_of_number(&title));
        }
    }
    let mut table = Table::default();
    table.row(headings);
    for column in columns {
        if column.sum.is_none() && column.quantiles.is_none() && column.standard_deviation.is_none()
        {
            continue;
        }
        let mut cells = vec![name(column, cut)];
        let number =
            |number: Option<f64>| Cell::right(Role::Plain, number.map_or(String::new(), figure));
        if has_sum {
            let sum = column
                .sum
                .as_ref()
                .map_or(String::new(), |sum| value(sum, cut.max(12)));
            cells.extend([Cell::right(Role::Plain, sum), number(column.mean)]);
        }
        if has_deviation {
            cells.push(number(column.standard_deviation));
        }
        for quantile in column
            .quantiles
            .iter()
            .flat_map(|quantiles| &quantiles.values[inner.clone()])
        {
            cells.push(Cell::right(Role::Value, value(&quantile.value, cut)));
        }
        table.row(cells);
    }
    Some(table)
}

/// What is in columns most often.
fn frequent(columns: &[ColumnStats], cut: usize, width: usize) -> Option<Table> {
    let mut table = Table::default();
    table.row([
        heading("column"),
        heading("most frequent"),
        heading("shapes"),
    ]);
    let mut is_empty = true;
    for column in columns {
        let top = column
            .top
            .as_ref()
            .map_or(String::new(), |top| frequencies(top, cut, width / 2));
        let shapes = column.shapes.as_ref();
        let shapes = shapes.map_or(String::new(), |shapes| frequencies(shapes, cut, width / 4));
        if top.is_empty() && shapes.is_empty() {
            continue;
        }
        is_empty = false;
        table.row([
            name(column, cut),
            Cell::left(Role::Value, top),
            Cell::left(Role::Faint, shapes),
        ]);
    }
    (!is_empty).then_some(table)
}

/// `DE 42 %, FR 20 %`, as many as fit.
fn frequencies(frequencies: &Frequencies, cut: usize, width: usize) -> String {
    let mut text = String::new();
    for frequency in &frequencies.values {
        let about = if frequencies.basis.exact { "" } else { "~" };
        let percent = match frequency.percent {
            percent if percent < 1.0 => format!("{percent:.2}"),
            percent => format!("{percent:.0}"),
        };
        let comma = if text.is_empty() { "" } else { ", " };
        let value = tamed(&frequency.value, cut);
        let more = format!("{comma}{value} {about}{percent} %");
        if !text.is_empty() && text.width() + more.width() > width {
            break;
        }
        text.push_str(&more);
    }
    text
}

/// What the signs mean, and what was decided.
fn legend(statistics: &Statistics, paint: &dyn Paint, out: &mut dyn fmt::Write) -> fmt::Result {
    let mut lines = Vec::new();
    let estimated = |column: &&ColumnStats| column.distinct.is_some_and(|distinct| !distinct.exact);
    if let Some(column) = statistics.columns.iter().find(estimated) {
        let error = column.distinct.and_then(|distinct| distinct.standard_error);
        lines.push(format!(
            "~ distinct values are estimated, with a standard error of {:.1} %",
            100.0 * error.unwrap_or(0.0)
        ));
    }
    let quantiles = statistics
        .columns
        .iter()
        .filter_map(|column| column.quantiles.as_ref());
    let mut bases = quantiles.map(|quantiles| quantiles.basis);
    if let Some(error) = bases.clone().find_map(|basis| basis.relative_error) {
        lines.push(format!(
            "quantiles of numbers with many values are off by {:.1} % at most",
            100.0 * error
        ));
    }
    if let Some(sample) = bases.find_map(|basis| basis.sample) {
        lines.push(format!(
            "quantiles of dates with many values are those of a sample of {}",
            human::count(sample)
        ));
    }
    let tops = statistics
        .columns
        .iter()
        .filter_map(|column| column.top.as_ref());
    if let Some(sample) = tops.filter_map(|top| top.basis.sample).max() {
        lines.push(format!(
            "~ percentages are those of a sample of {} values",
            human::count(sample)
        ));
    }
    for column in statistics
        .columns
        .iter()
        .filter(|column| column.not_finite > 0)
    {
        lines.push(format!(
            "`{}` has {} that are NaN or infinite, and part of no sum, quantile or extreme",
            tamed(&column.name, CUTS[0]),
            counted(column.not_finite, "value"),
        ));
    }
    lines.extend(statistics.notes.iter().map(|note| tamed(note, 500)));
    if !lines.is_empty() {
        out.write_str("\n")?;
    }
    for line in lines {
        paint.paint(Role::Faint, &line, out)?;
        out.write_str("\n")?;
    }
    Ok(())
}

fn value(value: &Scalar, cut: usize) -> String {
    match value {
        Scalar::Number(text) if text.len() <= cut => text.clone(),
        // Digits that are cut off would make it another number.
        Scalar::Number(text) => text.parse().map_or_else(|_| text.clone(), figure),
        // Where a timestamp must be cut, its day is what is left.
        Scalar::Text(text) if text.len() > cut && is_timestamp(text) && cut >= DAY_CHARS => {
            text[..DAY_CHARS].to_owned()
        }
        Scalar::Text(text) => tamed(text, cut),
    }
}

/// Characters of `2024-02-29`.
const DAY_CHARS: usize = 10;

fn is_timestamp(text: &str) -> bool {
    let moment = parse_date_time(text.as_bytes(), DateTimeShape::DateTime);
    moment.is_some()
}

/// Six significant digits.
pub(super) fn figure(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e15).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    // Whole digits are never rounded away.
    if magnitude >= 1e5 {
        return format!("{:.0}", value);
    }
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use tamis_engine::source::MemorySource;

    use super::super::{StatsOptions, stats};
    use super::*;

    /// Goal: long names, long values and many figures fit the terminal.
    #[test]
    fn tables_fit() {
        let mut table =
            "a_rather_long_name_for_a_column_of_numbers,when,another column with a long name\n"
                .to_owned();
        for row in 0..50 {
            let price = f64::from(row) * 1234.567;
            table.push_str(&format!(
                "{price:.4},2024-01-{:02}T10:{row:02}:00Z,some text that goes on and on number {row}\n",
                row % 28 + 1
            ));
        }
        let source = MemorySource::new("t.csv", table.into_bytes());
        let statistics = stats(&[&source], &StatsOptions::default()).expect("it can be read");
        for width in [80, 100, 140] {
            let mut text = String::new();
            write(&statistics, width, &Uncoloured, &mut text).expect("a string takes everything");
            for line in text.lines() {
                assert!(
                    line.width() <= width,
                    "{width}: {} in\n{text}",
                    line.width()
                );
            }
        }
    }
}
