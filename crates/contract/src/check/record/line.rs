//! One record as text: a JSON object, or the fields of a CSV record in the contract's order.
//!
//! The parsers of files read it, so a record alone is taken and refused as it is in a file. They keep buffers, which
//! makes them dear to make; a few are kept and lent out.

use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::RECORD_BYTES_MAX_DEFAULT;
use tamis_formats::{Block, Kind, Malformed, Totals, Visitor, csv, jsonl};

use super::super::CheckError;
use super::super::layout::Layout;
use super::super::worker::{Expressions, structural_rule};
use super::{BrokenRule, RecordCheck, judge};
use crate::report::{Sample, shown_value};

/// Parsers of both formats, and what they need.
#[derive(Debug)]
pub(super) struct LineParsers {
    json: jsonl::Parser,
    csv: csv::Parser,
    dialect: csv::Dialect,
    /// For each column of the contract, its field of a CSV record.
    places: Vec<Option<usize>>,
    decoded: Vec<u8>,
    /// Expressions over the fields of CSV, and over the members of JSON.
    expressions: [Option<Expressions>; 2],
}

impl LineParsers {
    fn new(check: &RecordCheck) -> Result<LineParsers, CheckError> {
        let compiled = &check.compiled;
        let kernel = Kernel::detect();
        let dialect = compiled.csv.dialect().over(csv::Dialect::csv());
        let dialect = dialect.checked().map_err(|source| CheckError::Format {
            input: "a record".to_owned(),
            source,
        })?;
        let Layout::Csv { width, places, .. } = Layout::csv_by_position(compiled, dialect) else {
            unreachable!("columns by position are those of a CSV");
        };
        let paths: Vec<_> = check.columns().map(jsonl::Path::new).collect();
        let json = jsonl::Parser::new(&paths, kernel);
        Ok(LineParsers {
            json: json.noting_extra_keys(check.refuses_extra_keys()),
            csv: csv::Parser::new(dialect, width.max(1), kernel),
            dialect,
            places,
            decoded: Vec::new(),
            expressions: [Some(dialect), None]
                .map(|dialect| Expressions::new(compiled, dialect, kernel)),
        })
    }
}

impl RecordCheck {
    /// What is wrong with a record that comes as text, in the order of rules; empty if nothing is.
    ///
    /// It is a JSON object if its first character that is no white space is `{`, else one CSV record, with the
    /// contract's columns in their order. A line end may follow.
    ///
    /// # Errors
    /// [`CheckError::Format`] if the contract's CSV dialect makes no sense, and
    /// [`tamis_engine::Error::RecordTooLong`].
    pub fn judge_line(&self, record: &[u8]) -> Result<Vec<Sample>, CheckError> {
        if record.len() > RECORD_BYTES_MAX_DEFAULT {
            return Err(CheckError::Engine(tamis_engine::Error::RecordTooLong {
                input: "a record".to_owned(),
                byte_offset: 0,
                quote_byte_offset: None,
                limit_bytes: RECORD_BYTES_MAX_DEFAULT,
            }));
        }
        let kept = self.kept_parsers().pop();
        let mut parsers = match kept {
            Some(parsers) => parsers,
            None => LineParsers::new(self)?,
        };
        let LineParsers {
            json,
            csv,
            dialect,
            places,
            decoded,
            expressions: [of_csv, of_json],
        } = &mut parsers;
        let is_json = record.trim_ascii_start().first() == Some(&b'{');
        let mut judge = LineJudge {
            check: self,
            csv: (!is_json).then_some((dialect, places)),
            decoded,
            expressions: if is_json { of_json } else { of_csv }.as_mut(),
            found: Vec::new(),
            has_record: false,
        };
        let totals = match is_json {
            true => json.parse(record, true, &mut judge),
            false => csv.parse(record, true, &mut judge),
        };
        let found = judge.finish(&totals, record);
        self.kept_parsers().push(parsers);
        Ok(found)
    }

    fn kept_parsers(&self) -> std::sync::MutexGuard<'_, Vec<LineParsers>> {
        // Nothing is left half done by whoever panics while it holds the list.
        self.parsers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Judges the record that a parser finds.
struct LineJudge<'a> {
    check: &'a RecordCheck,
    /// For CSV: the dialect, and the places of the columns.
    csv: Option<(&'a csv::Dialect, &'a Vec<Option<usize>>)>,
    decoded: &'a mut Vec<u8>,
    expressions: Option<&'a mut Expressions>,
    found: Vec<(BrokenRule, Sample)>,
    has_record: bool,
}

impl LineJudge<'_> {
    /// Everything found, unless there is not exactly one record: that is all that can be said then.
    fn finish(mut self, totals: &Totals, record: &[u8]) -> Vec<Sample> {
        let compiled = &self.check.compiled;
        if totals.rows != 1 {
            let rule = match self.csv {
                None => compiled.structural.json,
                Some(_) => compiled.structural.field_count,
            };
            let value = Some(shown_value(record.trim_ascii_end()));
            let message = not_one_record(totals.rows);
            return vec![self.check.sample_of(rule, None, value, message)];
        }
        self.found.sort_by_key(|(rule, _)| *rule);
        self.found.into_iter().map(|(_, sample)| sample).collect()
    }
}

impl Visitor for LineJudge<'_> {
    fn block(&mut self, block: &Block<'_>) {
        if std::mem::replace(&mut self.has_record, true) {
            return;
        }
        let check = self.check;
        for key in block.extra_keys.iter().filter(|key| key.row == 0) {
            let key = jsonl::key_at(block.bytes, key.offset as usize, self.decoded);
            let key = String::from_utf8_lossy(key);
            self.found.push(check.extra_key(&key));
        }
        let csv = self.csv;
        let place = |column: usize| match csv {
            Some((_, places)) => places[column],
            None => Some(column),
        };
        for (column, rules) in check.compiled.columns.iter().enumerate() {
            let Some(at) = place(column) else { continue };
            let kind = block.kind(0, at);
            let text = text_of(block, at, csv.map(|(dialect, _)| dialect), self.decoded);
            let found = &mut self.found;
            judge(&rules.values, kind, text, &mut |broken| {
                let rule = check.compiled.rules.get(broken.0);
                let is_there = !matches!(kind, Kind::Missing | Kind::Null);
                let value = is_there.then(|| shown_value(text));
                let sample =
                    check.sample_of(broken.0, rule.column.clone(), value, rule.expected.clone());
                found.push((broken, sample));
            });
        }
        if let Some(expressions) = &mut self.expressions {
            let decoded = &mut *self.decoded;
            let dialect = csv.map(|(dialect, _)| dialect);
            let text = |at| text_of(block, at, dialect, decoded).to_vec();
            check.judge_together(expressions, block, place, text, &mut self.found);
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        let rule = structural_rule(&self.check.compiled.structural, &record.fault);
        let value = Some(shown_value(
            record.bytes[record.range.clone()].trim_ascii_end(),
        ));
        let sample = self
            .check
            .sample_of(rule, None, value, record.fault.describe(0));
        self.found.push((BrokenRule(rule), sample));
    }
}

/// What is said of a text that is not one record.
pub(in crate::check) fn not_one_record(rows: u64) -> String {
    format!("must be one record, these are {rows}")
}

/// What the first record of a block says in a column.
fn text_of<'t>(
    block: &Block<'t>,
    at: usize,
    dialect: Option<&csv::Dialect>,
    decoded: &'t mut Vec<u8>,
) -> &'t [u8] {
    let raw = block.column(at).field(0);
    match (dialect, block.kind(0, at)) {
        (Some(dialect), _) => csv::decode(raw, dialect, decoded),
        (None, Kind::EscapedString) => jsonl::decode_string(raw, decoded),
        (None, _) => raw,
    }
}
