//! The merge half: partials to the report of the whole.
//!
//! Counts are sums already. What is left is what no range could know: which row of the run each of its rows is,
//! whether every range is there, which rows repeat a key ([`super::duplicates`]), and whether thresholds are met. The
//! report is then made by the same code that makes that of [`Check::run`](crate::check::Check::run).

use std::time::Duration;

use tamis_formats::Totals;

use super::PartialError;
use super::duplicates::{self, Found};
use super::keys::shared_folder;
use super::stretch::{Stretch, stretches};
use super::value::Partial;
use crate::check::merge::{InputTally, Located, Tally};
use crate::check::outcome::Ended;
use crate::check::rule::RuleId;
use crate::check::run::judge_thresholds;
use crate::check::{Check, CheckError, CheckOptions};
use crate::report::{Performance, Report};

/// A sample on its way into the order of the report.
struct Placed {
    /// The row of the run that it stands before (a fault of a header) or at, and its rule.
    order: (u64, bool, RuleId),
    located: Located,
    line: Option<u64>,
    byte_offset: Option<u64>,
}

/// The report of all records in `partial`.
pub(super) fn reduce(
    check: &Check,
    partial: &Partial,
    options: &CheckOptions,
) -> Result<Report, CheckError> {
    check.must_be_mine("partial", &partial.contract)?;
    must_fit(check, partial)?;
    must_be_complete(partial)?;
    let options = CheckOptions {
        samples_max: partial.samples_max,
        strict: partial.strict,
        ..options.clone()
    };
    let stretches = stretches(partial);
    let found = match shared_folder(&check.compiled, &options)? {
        Some(folder) => duplicates::find(check, &stretches, folder, &options)?,
        None => Found::none(check, &stretches),
    };
    let mut tally = Tally::new(&check.compiled, Vec::new());
    let mut samples = Vec::new();
    for (stretch, &more_invalid) in stretches.iter().zip(&found.invalid) {
        add_to_tally(check, stretch, more_invalid, &mut tally);
        take_samples(stretch, check, &mut samples);
    }
    for (sum, more) in tally.by_rule.iter_mut().zip(&found.by_rule) {
        *sum = sum.saturating_add(*more);
    }
    judge_thresholds(&check.compiled, &mut tally, &found.duplicates);
    for duplicate in found.samples {
        let stretch = &stretches[duplicate.stretch];
        let rule = check.compiled.rules.get(duplicate.rule);
        samples.push(Placed {
            order: (stretch.first_row + duplicate.row, true, duplicate.rule),
            line: duplicate.line.map(|line| stretch.line(line)),
            byte_offset: duplicate.byte_offset,
            located: Located {
                input: stretch.name().to_owned(),
                row: Some(duplicate.row + 1),
                line: None,
                byte_offset: None,
                column: rule.column.clone(),
                rule: duplicate.rule,
                value: Some(duplicate.value),
                message: rule.expected.clone(),
            },
        });
    }
    // Stable: the faults of one header stay in their order, and headers of inputs without rows in theirs.
    samples.sort_by_key(|sample| sample.order);
    samples.truncate(options.samples_max);
    tally.samples = samples
        .iter()
        .map(|sample| sample.located.clone())
        .collect();

    let mut report = Ended {
        check,
        tally: &tally,
        duplicates: &found.duplicates,
        options: &options,
        outputs: Vec::new(),
        spilled_bytes: 0,
        elapsed: Duration::ZERO,
    }
    .report();
    for (shown, sample) in report.samples.iter_mut().zip(&samples) {
        (shown.line, shown.byte_offset) = (sample.line, sample.byte_offset);
    }
    for (input, stretch) in report.inputs.iter_mut().zip(&stretches) {
        input.format = stretch.format().to_owned();
        input.compression = stretch.compression().map(str::to_owned);
    }
    // The work was done elsewhere, and how long it took is known there.
    report.performance = Performance {
        bytes: tally
            .inputs
            .iter()
            .fold(0, |sum, input| u64::saturating_add(sum, input.bytes)),
        ..Performance::default()
    };
    Ok(report)
}

fn add_to_tally(check: &Check, stretch: &Stretch<'_>, more_invalid: u64, tally: &mut Tally) {
    let body = stretch.body;
    let head = stretch.head();
    let totals = Totals {
        rows: body.rows,
        blank_lines: body.blank_lines.saturating_add(head.blank_lines),
        comments: body.comments.saturating_add(head.comments),
        newlines: body.newlines.saturating_add(head.newlines),
    };
    let invalid = body.invalid.saturating_add(more_invalid).min(body.rows);
    tally.totals.rows = tally.totals.rows.saturating_add(body.rows);
    tally.invalid = tally.invalid.saturating_add(invalid);
    let sums = [
        (&mut tally.by_rule, &body.by_rule),
        (&mut tally.metrics, &body.metrics),
        (&mut tally.not_computed, &body.not_computed),
    ];
    for (sums, more) in sums {
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum = sum.saturating_add(*more);
        }
    }
    for (rule, column, count) in stretch.header_counts() {
        tally.count_header_fault(&check.compiled, (RuleId(rule), column), count);
    }
    for &(rule, count) in stretch.more_header_faults() {
        let sum = &mut tally.by_rule[rule as usize];
        *sum = sum.saturating_add(count);
    }
    tally.inputs.push(InputTally {
        name: stretch.name().to_owned(),
        bytes: stretch.len_bytes(),
        raw_bytes: stretch.len_bytes(),
        totals,
        invalid,
        notes: stretch.notes().to_vec(),
        ..InputTally::default()
    });
}

/// The samples of a stretch, the faults of its header first.
fn take_samples(stretch: &Stretch<'_>, check: &Check, samples: &mut Vec<Placed>) {
    let located = |row: Option<u64>, rule, column, value, message| Located {
        input: stretch.name().to_owned(),
        row: row.map(|row| row.saturating_add(1)),
        line: None,
        byte_offset: None,
        column,
        rule,
        value,
        message,
    };
    let head = stretch.header_faults().iter().map(|fault| Placed {
        order: before(stretch.first_row),
        line: Some(1),
        byte_offset: Some(0),
        located: located(
            None,
            RuleId(fault.rule),
            Some(fault.column.clone()),
            None,
            fault.message.clone(),
        ),
    });
    let body = stretch.body.samples.iter().map(|sample| {
        let rule = RuleId(sample.rule);
        let row = stretch.first_row.saturating_add(sample.row);
        let column = sample.column.clone();
        Placed {
            order: match sample.is_header {
                true => before(row),
                false => (row, true, rule),
            },
            line: sample.line.map(|line| stretch.line(line)),
            byte_offset: sample.byte_offset,
            located: located(
                (!sample.is_header).then_some(sample.row),
                rule,
                column.or_else(|| check.compiled.rules.get(rule).column.clone()),
                sample.value.clone(),
                sample.message.clone(),
            ),
        }
    });
    samples.extend(head.chain(body));
}

/// The place of a header's faults: as they come, before this row of the run.
fn before(row: u64) -> (u64, bool, RuleId) {
    (row, false, RuleId(0))
}

/// Whether numbers of rules and thresholds are those of this check: nothing is indexed before.
fn must_fit(check: &Check, partial: &Partial) -> Result<(), PartialError> {
    let (rules, metrics) = (check.compiled.rules.len(), check.compiled.metrics.len());
    let is_rule = |rule: u32| (rule as usize) < rules;
    let fits = partial.bodies().all(|body| {
        body.by_rule.len() == rules
            && body.metrics.len() == metrics
            && body.not_computed.len() == check.compiled.expressions.len()
            && body.samples.iter().all(|sample| is_rule(sample.rule))
    });
    let mut inputs = partial.inputs.values();
    let headers_fit = inputs.all(|input| {
        let mut faults = input.header_faults.iter();
        let mut more = input.more_header_faults.iter();
        faults.all(|fault| is_rule(fault.rule)) && more.all(|&(rule, _)| is_rule(rule))
    });
    let mut counts = partial.chunks.iter().flat_map(|chunks| &chunks.by_header);
    if fits && headers_fit && counts.all(|count| is_rule(count.rule)) {
        Ok(())
    } else {
        Err(PartialError::Unreadable {
            what: "partial",
            reason: "its rules are not those of the contract".to_owned(),
        })
    }
}

/// Whether every range of the plan is there. (That none is there twice, merging has seen to.)
fn must_be_complete(partial: &Partial) -> Result<(), PartialError> {
    let Some(plan) = &partial.plan else {
        return match partial.chunks {
            Some(_) => Ok(()),
            None => Err(PartialError::Nothing { what: "partials" }),
        };
    };
    for index in 0..plan.inputs {
        let Some(input) = partial.inputs.get(&index) else {
            // How many ranges it has, nobody who is here knows.
            return Err(PartialError::missing(index.to_string(), 0..1));
        };
        let mut missing = Vec::new();
        let mut next = 0;
        for piece in partial.pieces.iter().filter(|piece| piece.input == index) {
            if piece.ordinals.start > next {
                missing.push(next..piece.ordinals.start);
            }
            next = piece.ordinals.end;
        }
        if next < input.ranges {
            missing.push(next..input.ranges);
        }
        if !missing.is_empty() {
            return Err(PartialError::Missing {
                input: format!("`{}`", input.name),
                ordinals: missing,
            });
        }
    }
    Ok(())
}
