//! From the totals of a run to its report.

use std::time::Duration;

use tamis_engine::counters::peak_rss_bytes;

use super::merge::{InputTally, Tally};
use super::run::measure;
use super::{Check, CheckOptions};
use crate::model::{Severity, Unit};
use crate::report::text::counted;
use crate::report::{
    ContractReport, Expected, InputReport, Measured, MetricReport, Note, NoteKind, OutputReport,
    Performance, Report, Rows, RuleCount, RuleNotChecked, SCHEMA_VERSION, Sample, StageTimes,
    Violations, shorten,
};
use crate::unique::Duplicates;

/// What is shown of a rule's name in a note.
const RULE_NAME_CHARS: usize = 80;

/// Everything a report is made of.
pub(super) struct Ended<'a> {
    pub(super) check: &'a Check,
    pub(super) tally: &'a Tally,
    pub(super) duplicates: &'a [Duplicates],
    pub(super) options: &'a CheckOptions,
    pub(super) outputs: Vec<OutputReport>,
    pub(super) spilled_bytes: u64,
    pub(super) elapsed: Duration,
}

impl Ended<'_> {
    pub(super) fn report(self) -> Report {
        Report {
            metrics: self.metrics(),
            notes: self.notes(),
            performance: Performance {
                peak_rss_bytes: peak_rss_bytes(),
                ..self.performance()
            },
            ..self.batch_report()
        }
    }

    /// The report of a batch: without what is about the whole input alone, and quickly made.
    pub(super) fn batch_report(self) -> Report {
        let performance = self.performance();
        let Ended {
            check,
            tally,
            options,
            ..
        } = self;
        let violations = Violations::from_counts(self.counts());
        let rows = Rows {
            total: tally.totals.rows,
            valid: tally.totals.rows - tally.invalid,
            invalid: tally.invalid,
        };
        let fails = |count: &RuleCount| count.count > 0 && count.severity >= self.fails_from();
        Report {
            schema_version: SCHEMA_VERSION,
            inputs: tally.inputs.iter().map(input_report).collect(),
            contract: ContractReport {
                id: check.contract_id.clone(),
                version: check.contract_version.clone(),
                object: check.compiled.object_name.clone(),
                file: None,
            },
            rows,
            rules_checked: check.rules_checked() as u64,
            rules_not_checked: check
                .rules_not_checked()
                .iter()
                .map(RuleNotChecked::from)
                .collect(),
            passed: !violations.by_rule.iter().any(fails),
            violations,
            samples: self.samples(),
            metrics: Vec::new(),
            notes: Vec::new(),
            strict: options.strict,
            complete: tally.is_complete,
            performance,
            outputs: self.outputs,
        }
    }

    fn fails_from(&self) -> Severity {
        if self.options.strict {
            Severity::Warning
        } else {
            Severity::Error
        }
    }

    /// Every broken rule with its count, those of headers included.
    fn counts(&self) -> Vec<RuleCount> {
        let rules = &self.check.compiled.rules;
        let by_rule = rules
            .iter()
            .zip(&self.tally.by_rule)
            .map(|(rule, &count)| RuleCount {
                column: rule.column.clone(),
                rule: rule.word.to_string(),
                severity: rule.severity,
                count,
            });
        let by_header = self
            .tally
            .by_header
            .iter()
            .map(|((id, column), &count)| RuleCount {
                column: Some(column.clone()),
                rule: rules.get(*id).word.to_string(),
                severity: rules.get(*id).severity,
                count,
            });
        by_rule
            .chain(by_header)
            .filter(|count| count.count > 0)
            .collect()
    }

    fn samples(&self) -> Vec<Sample> {
        let rules = &self.check.compiled.rules;
        let sample = |located: &super::merge::Located| Sample {
            input: located.input.clone(),
            row: located.row,
            line: located.line,
            byte_offset: located.byte_offset,
            column: located.column.clone(),
            rule: rules.get(located.rule).word.to_string(),
            severity: rules.get(located.rule).severity,
            value: located.value.clone(),
            message: located.message.clone(),
        };
        self.tally.samples.iter().map(sample).collect()
    }

    fn metrics(&self) -> Vec<MetricReport> {
        let report = |threshold: &super::compile::Threshold| {
            let rule = self.check.compiled.rules.get(threshold.rule);
            let measured = measure(threshold, self.tally, self.duplicates);
            MetricReport {
                column: rule.column.clone(),
                name: threshold.name.clone(),
                metric: rule.word.to_string(),
                measured: match threshold.unit {
                    Unit::Rows => Measured::Rows(measured.count),
                    Unit::Percent => Measured::Percent(measured.percent()),
                },
                unit: threshold.unit,
                operator: threshold.operator.name().to_owned(),
                expected: Expected::from(&threshold.operator),
                passed: measured.meets(&threshold.operator),
                severity: rule.severity,
            }
        };
        self.check.compiled.metrics.iter().map(report).collect()
    }

    fn notes(&self) -> Vec<Note> {
        let expressions = self.check.compiled.expressions.iter();
        let counts = expressions.zip(&self.tally.not_computed);
        let mut notes: Vec<Note> = counts
            .filter(|&(_, &count)| count > 0)
            .map(|(rule, &count)| Note {
                input: None,
                kind: NoteKind::NotComputed,
                count: Some(count),
                message: not_computed(&rule.name, count),
            })
            .collect();
        for input in &self.tally.inputs {
            let mut add = |kind, count: Option<u64>, message: String| {
                notes.push(Note {
                    input: Some(input.name.clone()),
                    kind,
                    count,
                    message,
                });
            };
            for message in &input.notes {
                add(NoteKind::Dialect, None, message.clone());
            }
            if input.replaced > 0 {
                let times = if input.replaced == 1 { "time" } else { "times" };
                add(
                    NoteKind::Replaced,
                    Some(input.replaced),
                    format!(
                        "the file was replaced or cut short {} {times} while it was followed",
                        input.replaced
                    ),
                );
            }
            if input.totals.rows == 0 {
                add(NoteKind::Empty, None, "the input has no records".to_owned());
            }
            if input.totals.blank_lines > 0 {
                add(
                    NoteKind::BlankLines,
                    Some(input.totals.blank_lines),
                    skipped(input.totals.blank_lines, "blank line"),
                );
            }
            if input.totals.comments > 0 {
                add(
                    NoteKind::Comments,
                    Some(input.totals.comments),
                    skipped(input.totals.comments, "comment line"),
                );
            }
        }
        notes
    }

    fn performance(&self) -> Performance {
        let bytes = self.tally.inputs.iter().map(|input| input.bytes).sum();
        let mut backends = self.tally.inputs.iter().map(|input| input.backend);
        let first = backends.next().unwrap_or("none");
        Performance {
            threads: self.options.threads,
            simd: self.options.kernel.name().to_owned(),
            io: if backends.all(|backend| backend == first) {
                first
            } else {
                "mixed"
            }
            .to_owned(),
            peak_rss_bytes: None,
            spilled_bytes: self.spilled_bytes,
            stages: StageTimes::new(&self.tally.stages, self.elapsed),
            ..Performance::measured(bytes, self.tally.totals.rows, self.elapsed.as_secs_f64())
        }
    }
}

/// What became of rows that a rule could not be computed for.
fn not_computed(name: &str, count: u64) -> String {
    let name = shorten(name, RULE_NAME_CHARS);
    let rows = counted(count, "row");
    let verb = if count == 1 {
        "it counts"
    } else {
        "they count"
    };
    format!(
        "rule `{name}` could not be computed for {rows} (such as a division by zero or an overflow); {verb} as not violated"
    )
}

/// `2 blank lines were skipped`.
fn skipped(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what} was skipped"),
        _ => format!("{count} {what}s were skipped"),
    }
}

fn input_report(input: &InputTally) -> InputReport {
    let is_compressed = matches!(input.backend, "gzip" | "zstd" | "lz4");
    InputReport {
        name: input.name.clone(),
        format: input.format.to_owned(),
        compression: is_compressed.then(|| input.backend.to_owned()),
        bytes: input.raw_bytes,
        rows: input.totals.rows,
        rows_invalid: input.invalid,
    }
}
