//! A report as a person wants to read it: the verdict first, then why, then how fast.
//!
//! Nothing here knows of terminals or colours; [`Paint`] gets every piece with its [`Role`]. What
//! comes from the data (values, names of columns and inputs) is cut to a sane length and stripped
//! of control characters on its way.
//!
//! ```text
//! FAILED  tx.csv: 1,000 of 100,000 rows are bad (1.00 %)
//!         1,012 errors; 9 rules of `transactions` 1.0.0 checked
//!
//!   column  rule     count
//!   amount  minimum    812  ████████████████████
//!   id      pattern    200  █████
//! ```

mod paint;
mod sections;
mod table;
mod verdict;

use std::fmt::{self, Write};

use tamis_engine::human;

use super::shown::{on_one_line, shorten};
use super::{Performance, Report, Sample};

pub use paint::{Paint, Role, Uncoloured};
pub use sections::{demand, measured};
pub use table::{Cell, Table};

/// Writes `report` for people.
///
/// # Errors
/// What `out` answers.
pub fn write(report: &Report, paint: &dyn Paint, out: &mut dyn fmt::Write) -> fmt::Result {
    let mut page = Page { paint, out };
    verdict::write(report, &mut page)?;
    sections::inputs(report, &mut page)?;
    sections::rules(report, &mut page)?;
    sections::thresholds(report, &mut page)?;
    sections::samples(report, &mut page)?;
    sections::not_checked(report, &mut page)?;
    sections::notes(report, &mut page)?;
    sections::outputs(report, &mut page)?;
    sections::speed(report, &mut page)
}

/// Writes the performance block of `--perf`: what was done, how fast, and where the time went.
///
/// # Errors
/// What `out` answers.
pub fn write_performance(
    performance: &Performance,
    records: u64,
    paint: &dyn Paint,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    sections::performance(performance, records, &mut Page { paint, out })
}

/// Writes one violation on a line of its own: where, which column, the value, what was expected.
///
/// # Errors
/// What `out` answers.
pub fn write_violation(
    sample: &Sample,
    paint: &dyn Paint,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    sections::violation(sample, &mut Page { paint, out })
}

/// The text without colours.
pub fn to_string(report: &Report) -> String {
    let mut text = String::new();
    write(report, &Uncoloured, &mut text).expect("a string takes everything");
    text
}

/// Where the text goes, and who colours it.
struct Page<'a> {
    paint: &'a dyn Paint,
    out: &'a mut dyn fmt::Write,
}

impl Page<'_> {
    fn paint(&mut self, role: Role, text: &str) -> fmt::Result {
        self.paint.paint(role, text, self.out)
    }

    /// An empty line and the name of the section that follows.
    fn heading(&mut self, text: &str) -> fmt::Result {
        self.out.write_str("\n  ")?;
        self.paint(Role::Heading, text)?;
        self.out.write_str("\n")
    }

    fn table(&mut self, table: &Table) -> fmt::Result {
        table.write(self.paint, self.out)
    }
}

impl Write for Page<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }
}

/// Text from outside, fit for a table: one line of at most `chars_max` characters, control
/// characters escaped.
pub fn tamed(text: &str, chars_max: usize) -> String {
    shorten(&on_one_line(text), chars_max)
}

/// `1 row`, `2,000 rows`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", human::count(count))
}
