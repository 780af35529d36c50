//! A result as notebooks show it: the verdict, counts by rule, thresholds that were missed, the first errors.
//!
//! The page is one piece without styles or scripts from elsewhere. Lines and text take the colour of the page around it, so
//! that it can be read on light and dark ones; only the verdict brings its own. All text is escaped and cut to a sane
//! length, and no table is longer than [`ROWS_MAX`], whatever the data and the contract say.

use std::fmt::{Arguments, Write as _};

use tamis_contract::report::{Report, text};
use tamis_engine::human;

/// Rows of each table; what is left out is counted.
const ROWS_MAX: usize = 12;
/// Characters of a text in a table: a name, and anything else.
const NAME_CHARS_MAX: usize = 60;
const TEXT_CHARS_MAX: usize = 200;
/// Values are data: their blanks count, and what has no blanks is broken anywhere.
const CELL: &str = "text-align:left;vertical-align:top;padding:2px 10px;white-space:pre-wrap;overflow-wrap:anywhere";
const LINE: &str = "border-bottom:1px solid currentColor";
const FAINT: &str = "opacity:0.7";

/// The page for `report`.
pub(crate) fn page(report: &Report) -> String {
    let mut page = Page(String::new());
    page.add(format_args!(
        "<div style=\"font-family:sans-serif;line-height:1.5\">"
    ));
    page.verdict(report);
    page.rules(report);
    page.thresholds(report);
    page.errors(report);
    page.add(format_args!("</div>"));
    page.0
}

/// Markup being written.
struct Page(String);

impl Page {
    fn add(&mut self, markup: Arguments<'_>) {
        self.0.write_fmt(markup).expect("a string takes everything");
    }

    fn verdict(&mut self, report: &Report) {
        let (colour, verdict) = match report.passed {
            true => ("#1a7f37", "valid"),
            false => ("#cf222e", "invalid"),
        };
        let rows = &report.rows;
        self.add(format_args!(
            "<span style=\"background:{colour};color:#fff;border-radius:3px;padding:1px 8px\">{verdict}</span> \
             <b>{}</b>, <b>{}</b> valid, <b>{}</b> invalid",
            text::counted(rows.total, "row"),
            human::count(rows.valid),
            human::count(rows.invalid),
        ));
        let mut checked = format!("{} checked", text::counted(report.rules_checked, "rule"));
        if !report.rules_not_checked.is_empty() {
            write!(checked, ", {} not checked", report.rules_not_checked.len())
                .expect("a string takes everything");
        }
        self.add(format_args!(
            " <span style=\"{FAINT}\">{}; {checked}</span>",
            text::counted(report.violations.total, "error")
        ));
    }

    fn rules(&mut self, report: &Report) {
        let rules = &report.violations.by_rule;
        let rows = rules.iter().map(|rule| {
            [
                column(rule.column.as_deref()),
                rule.rule.clone(),
                human::count(rule.count),
                rule.severity.name().to_owned(),
            ]
        });
        self.table("", ["column", "rule", "count", "severity"], rows);
    }

    fn thresholds(&mut self, report: &Report) {
        let missed: Vec<_> = report
            .metrics
            .iter()
            .filter(|metric| !metric.passed)
            .collect();
        let rows = missed.iter().map(|metric| {
            [
                column(metric.column.as_deref()),
                metric.metric.clone(),
                text::measured(metric),
                text::demand(metric),
            ]
        });
        let headings = ["column", "metric", "measured", "expected"];
        self.table("thresholds missed", headings, rows);
    }

    fn errors(&mut self, report: &Report) {
        let title = format!(
            "the first {} of {}",
            human::count(report.samples.len().min(ROWS_MAX) as u64),
            text::counted(report.violations.total, "error")
        );
        let number = |number: Option<u64>| number.map_or(String::new(), human::count);
        let rows = report.samples.iter().take(ROWS_MAX).map(|sample| {
            [
                number(sample.row),
                number(sample.line),
                sample.column.clone().unwrap_or_default(),
                sample.value.clone().unwrap_or_default(),
                sample.message.clone(),
            ]
        });
        let headings = ["row", "line", "column", "value", "message"];
        self.table(&title, headings, rows);
    }

    /// A table with its title, unless it has no rows; the cells are text.
    fn table<const COLUMNS: usize>(
        &mut self,
        title: &str,
        headings: [&str; COLUMNS],
        rows: impl ExactSizeIterator<Item = [String; COLUMNS]>,
    ) {
        let hidden = rows.len().saturating_sub(ROWS_MAX);
        if rows.len() == 0 {
            return;
        }
        if !title.is_empty() {
            self.add(format_args!("<div style=\"margin-top:6px\">{title}</div>"));
        }
        self.add(format_args!(
            "<table style=\"border-collapse:collapse;margin-top:6px\"><tr>"
        ));
        for heading in headings {
            self.add(format_args!("<th style=\"{CELL};{LINE}\">{heading}</th>"));
        }
        self.add(format_args!("</tr>"));
        for cells in rows.take(ROWS_MAX) {
            self.add(format_args!("<tr>"));
            for (cell, heading) in cells.iter().zip(headings) {
                let chars_max = match heading {
                    "column" | "rule" => NAME_CHARS_MAX,
                    _ => TEXT_CHARS_MAX,
                };
                let cell = escaped(&text::tamed(cell, chars_max));
                self.add(format_args!("<td style=\"{CELL}\">{cell}</td>"));
            }
            self.add(format_args!("</tr>"));
        }
        if hidden > 0 {
            let more = human::count(hidden as u64);
            self.add(format_args!(
                "<tr><td colspan=\"{COLUMNS}\" style=\"{CELL};{FAINT}\">… {more} more</td></tr>"
            ));
        }
        self.add(format_args!("</table>"));
    }
}

/// The column, or what a rule is about that has none.
fn column(name: Option<&str>) -> String {
    name.unwrap_or("(record)").to_owned()
}

/// Text from the data, which must not be taken for markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
