//! A result as notebooks show it: a verdict, counts by rule, the first errors.
//!
//! The page is one piece without styles or scripts from elsewhere. Lines and text take the colour of the page around it, so
//! that it can be read on light and dark ones; only the verdict brings its own. All that comes from the data is
//! escaped.

use std::fmt::{Arguments, Write as _};

use tamis_contract::report::{Report, text};

/// Rows of the table of errors.
const ERRORS_MAX: usize = 10;
/// Characters of a value in it.
const VALUE_CHARS_MAX: usize = 80;

/// The page for `report`.
pub(crate) fn page(report: &Report) -> String {
    let mut page = Page(String::new());
    page.add(format_args!(
        "<div style=\"font-family:sans-serif;line-height:1.5\">"
    ));
    page.verdict(report);
    page.rules(report);
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
             <b>{}</b> rows, <b>{}</b> valid, <b>{}</b> invalid, {} errors; {} rules checked",
            rows.total, rows.valid, rows.invalid, report.violations.total, report.rules_checked
        ));
    }

    fn rules(&mut self, report: &Report) {
        let rows = report.violations.by_rule.iter().map(|count| {
            let column = count.column.as_deref().unwrap_or("(record)");
            [
                column.to_owned(),
                count.rule.clone(),
                count.count.to_string(),
            ]
        });
        self.table(["column", "rule", "count"], rows);
    }

    fn errors(&mut self, report: &Report) {
        let shown = report.samples.len().min(ERRORS_MAX);
        if shown == 0 {
            return;
        }
        let total = report.violations.total;
        self.add(format_args!(
            "<div style=\"margin-top:6px\">the first {shown} of {total} errors</div>"
        ));
        let number =
            |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
        let rows = report.samples[..shown].iter().map(|sample| {
            [
                number(sample.row),
                number(sample.line),
                sample.column.clone().unwrap_or_default(),
                text::tamed(sample.value.as_deref().unwrap_or_default(), VALUE_CHARS_MAX),
                sample.message.clone(),
            ]
        });
        self.table(["row", "line", "column", "value", "message"], rows);
    }

    /// A table, unless it has no rows; the cells are text.
    fn table<const COLUMNS: usize>(
        &mut self,
        headings: [&str; COLUMNS],
        rows: impl ExactSizeIterator<Item = [String; COLUMNS]>,
    ) {
        if rows.len() == 0 {
            return;
        }
        let style = "text-align:left;padding:2px 10px";
        self.add(format_args!(
            "<table style=\"border-collapse:collapse;margin-top:6px\"><tr>"
        ));
        for heading in headings {
            self.add(format_args!(
                "<th style=\"{style};border-bottom:1px solid currentColor\">{heading}</th>"
            ));
        }
        self.add(format_args!("</tr>"));
        for cells in rows {
            self.add(format_args!("<tr>"));
            for cell in cells {
                self.add(format_args!(
                    "<td style=\"{style}\">{}</td>",
                    escaped(&cell)
                ));
            }
            self.add(format_args!("</tr>"));
        }
        self.add(format_args!("</table>"));
    }
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
