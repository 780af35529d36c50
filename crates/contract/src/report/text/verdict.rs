//! The verdict in one line, and below it what was found and what it rests on.

use std::fmt::{self, Write};

use tamis_engine::human;

use super::{Page, Role, counted, tamed};
use crate::model::Severity;
use crate::report::Report;

pub(super) fn write(report: &Report, page: &mut Page<'_>) -> fmt::Result {
    match report.passed {
        true => page.paint(Role::Good, "PASSED")?,
        false => page.paint(Role::Bad, "FAILED")?,
    }
    writeln!(page, "  {}: {}", subject(report), verdict(report))?;
    if let Some(findings) = findings(report) {
        writeln!(page, "        {findings}")?;
    }
    writeln!(page, "        {}", basis(report))?;
    if !report.complete {
        let text = "stopped at the first error: the counts are those up to there";
        page.write_str("        ")?;
        page.paint(Role::Warning, text)?;
        page.write_str("\n")?;
    }
    Ok(())
}

/// What was checked: the input by name, or how many there are.
fn subject(report: &Report) -> String {
    match report.inputs.as_slice() {
        [only] => tamed(&only.name, 200),
        several => counted(several.len() as u64, "input"),
    }
}

fn verdict(report: &Report) -> String {
    let rows = report.rows;
    if rows.invalid > 0 {
        let verb = if rows.invalid == 1 { "is" } else { "are" };
        return format!(
            "{} of {} {verb} bad ({})",
            human::count(rows.invalid),
            counted(rows.total, "row"),
            share(rows.invalid, rows.total),
        );
    }
    let good = match rows.total {
        0 => "no rows".to_owned(),
        1 => "the only row is good".to_owned(),
        total => format!("all {} rows are good", human::count(total)),
    };
    if report.passed {
        return good;
    }
    format!("{good}, but {}", reason(report))
}

/// Why a run fails although no row is bad.
fn reason(report: &Report) -> String {
    let failed = report
        .metrics
        .iter()
        .filter(|metric| metric.is_error())
        .count() as u64;
    let outside_rows = |sample: &&crate::report::Sample| {
        sample.row.is_none() && sample.severity == Severity::Error
    };
    if let Some(fault) = report.samples.iter().find(outside_rows) {
        return tamed(&fault.message, 200);
    }
    match (report.violations.errors, failed) {
        (0, 0) => format!(
            "{} count in a strict run",
            counted(report.violations.warnings, "warning")
        ),
        (errors, 0) => format!("there {}", are(errors, "error")),
        (_, 1) => "a threshold is missed".to_owned(),
        (_, failed) => format!("{} are missed", counted(failed, "threshold")),
    }
}

/// What was found, if anything; never a word about nothing.
fn findings(report: &Report) -> Option<String> {
    let violations = &report.violations;
    let counts: Vec<_> = [
        (violations.errors, "error"),
        (violations.warnings, "warning"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| counted(count, noun))
    .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

/// What the verdict rests on: a check of nothing must not look like a pass.
fn basis(report: &Report) -> String {
    let mut text = format!(
        "{} of `{}` {} checked",
        counted(report.rules_checked, "rule"),
        tamed(&report.contract.object, 60),
        tamed(&report.contract.version, 30),
    );
    if !report.rules_not_checked.is_empty() {
        let count = report.rules_not_checked.len() as u64;
        text.push_str(&format!(", {} not checked", human::count(count)));
    }
    if !report.metrics.is_empty() {
        let met = report.metrics.iter().filter(|metric| metric.passed).count();
        let all = counted(report.metrics.len() as u64, "threshold");
        text.push_str(&format!("; {met} of {all} met"));
    }
    text
}

fn are(count: u64, noun: &str) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{verb} {}", counted(count, noun))
}

/// `0.23 %`; what is not nothing never looks like nothing, what is not all never like all.
fn share(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    match percent {
        _ if part == whole => "100 %".to_owned(),
        percent if percent < 0.01 => "< 0.01 %".to_owned(),
        percent if percent > 99.99 => "> 99.99 %".to_owned(),
        percent => format!("{percent:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_neither_nothing_nor_all_by_rounding() {
        assert_eq!(share(12_345, 5_388_416), "0.23 %");
        assert_eq!(share(1, 1_000_000), "< 0.01 %");
        assert_eq!(share(999_999, 1_000_000), "> 99.99 %");
        assert_eq!(share(7, 7), "100 %");
    }
}
