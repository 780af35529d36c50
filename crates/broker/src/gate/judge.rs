//! Judging a batch: which of its records break the contract, and what it becomes for that.

use std::collections::BTreeMap;

use tamis_contract::check::{BadMessage, REASON_BYTES_MAX, Verdicts, Violation};
use tamis_contract::model::Severity;

use super::letters::Letters;
use super::unpacked::{records, unpack};
use super::{Gate, OnInvalid, Rules, cut};
use crate::batch::{Added, BadKeys, HEADER_BYTES, Header, Rebuilt, Record, TooLong, sift};
use crate::log::Checked;
use crate::metrics::{Refusal, Refusals, RuleKey};
use crate::{Error, Result};

/// So many records are judged at a time.
const SLICE_RECORDS: usize = 4096;

/// Records that are named to the producer of a batch that is refused.
const NAMED_MAX: usize = 100;

/// Headers may make a batch so much longer than its topic takes: consumers are given whole batches, and have bounds of their own (librdkafka
/// takes answers of 100 MB).
const TAGS_BYTES_MAX: usize = 8 << 20;

/// Of a value, so many bytes are shown.
const SHOWN_BYTES_MAX: usize = 200;

/// What becomes of a batch.
#[derive(Debug)]
pub(super) enum Fit {
    /// It is appended as it came.
    AsItCame,
    /// This is appended in its place.
    Rebuilt(Checked),
    /// This is appended in its place, and these to the dead letters.
    Parted(Checked, Vec<Checked>),
    /// It is refused for these records, and maybe others.
    Rejected(Vec<(i32, String)>),
}

/// What was found in a batch.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) fit: Fit,
    pub(super) good: u64,
    pub(super) bad: u64,
    pub(super) by_rule: BTreeMap<RuleKey, u64>,
    /// The first bad ones, to be noted.
    pub(super) refusals: Vec<Refusal>,
}

/// A batch that is to be judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'c> {
    pub(super) topic: &'c str,
    pub(super) partition: i32,
    pub(super) checked: &'c Checked,
    /// Whether records without a value mean something, and pass.
    pub(super) is_compacted: bool,
    pub(super) bounds: Bounds,
    pub(super) now_ms: i64,
}

/// How much may become of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Its records may have so many bytes, and what is made of them too.
    pub(super) bytes_max: u64,
    /// The largest batch that its topic takes.
    pub(super) batch_bytes_max: usize,
    /// What its producer is told of bad records may have so many.
    pub(super) named_bytes_max: usize,
}

/// Why a record is bad.
pub(super) struct Bad<'v> {
    column: Option<&'v str>,
    rule: &'v str,
    reason: String,
}

impl Gate {
    /// Judges a batch by these rules of the gate.
    ///
    /// # Errors
    /// [`BadKeys`] if its records are not what its header says, or unpack to more than they may.
    pub(super) fn judge(&self, rules: &Rules, case: Case<'_>) -> Result<Judged> {
        let (header, bytes) = (case.checked.header(), case.checked.bytes());
        let unpacked = unpack(header, bytes, case.bounds.bytes_max)?;
        let mut judging = Judging::new(self, rules, case, &unpacked);
        let mut slice = Vec::with_capacity(SLICE_RECORDS.min(header.record_count.max(0) as usize));
        for record in records(header, &unpacked) {
            slice.push(record?);
            if slice.len() == SLICE_RECORDS {
                judging.judge_slice(&slice)?;
                slice.clear();
            }
        }
        judging.judge_slice(&slice)?;
        judging.finish()
    }
}

/// A batch that is being judged.
struct Judging<'j> {
    gate: &'j Gate,
    rules: &'j Rules,
    case: Case<'j>,
    unpacked: &'j [u8],
    /// Records judged.
    total: usize,
    found: Judged,
    /// What becomes of the bad ones.
    parting: Parting<'j>,
}

/// What is made of a batch, once there is a bad record in it.
enum Parting<'j> {
    Nothing,
    Named(Named),
    Letters {
        is_kept: Vec<bool>,
        letters: Letters<'j>,
    },
    Tagged(Option<Rebuilt>),
}

/// Bad records, as their producer is told.
struct Named {
    records: Vec<(i32, String)>,
    /// What is left for texts. None once one did not fit, so that those that are named are the first.
    room_bytes: usize,
}

impl Named {
    fn push(&mut self, index: i32, said: impl FnOnce() -> String) {
        if self.records.len() == NAMED_MAX || self.room_bytes == 0 {
            return;
        }
        let said = said();
        let room_bytes = self.room_bytes.checked_sub(said.len());
        self.room_bytes = room_bytes.unwrap_or(0);
        if room_bytes.is_some() {
            self.records.push((index, said));
        }
    }
}

impl<'j> Judging<'j> {
    fn new(gate: &'j Gate, rules: &'j Rules, case: Case<'j>, unpacked: &'j [u8]) -> Judging<'j> {
        let header = case.checked.header();
        let parting = match gate.on_invalid {
            _ if gate.is_dry_run => Parting::Nothing,
            OnInvalid::Reject => Parting::Named(Named {
                records: Vec::new(),
                room_bytes: case.bounds.named_bytes_max,
            }),
            OnInvalid::Tag => Parting::Tagged(None),
            OnInvalid::DeadLetter => {
                let from = (case.topic, case.partition);
                let like = &case.checked.bytes()[HEADER_BYTES..];
                Parting::Letters {
                    is_kept: Vec::new(),
                    letters: Letters::new(rules, from, header, like, case.bounds.bytes_max),
                }
            }
        };
        Judging {
            gate,
            rules,
            case,
            unpacked,
            total: 0,
            found: Judged {
                fit: Fit::AsItCame,
                good: 0,
                bad: 0,
                by_rule: BTreeMap::new(),
                refusals: Vec::new(),
            },
            parting,
        }
    }

    fn judge_slice(&mut self, slice: &[Record<'_>]) -> Result<()> {
        let is_compacted = self.case.is_compacted;
        let is_judged = |it: &&Record<'_>| it.value.is_some() || !is_compacted;
        let judged = slice.iter().filter(is_judged);
        let verdicts = self.rules.check.judge(judged.clone().map(|it| it.value));
        self.count(&verdicts, slice.len());
        let mut bad = verdicts.bad().iter().peekable();
        // With nothing to part there is nothing to do record by record.
        if bad.peek().is_none() && self.found.bad == 0 {
            self.total += slice.len();
            return Ok(());
        }
        let mut place = 0;
        for record in slice {
            let is_judged = is_judged(&record);
            let is_bad = is_judged && bad.peek().is_some_and(|it| it.index == place);
            place += usize::from(is_judged);
            match bad.next_if(|_| is_bad) {
                Some(message) => self.take_bad(record, message)?,
                None => self.take_good(record)?,
            }
            self.total += 1;
        }
        Ok(())
    }

    fn count(&mut self, verdicts: &Verdicts, total: usize) {
        let bad = verdicts.bad().len();
        self.found.bad += bad as u64;
        self.found.good += (total - bad) as u64;
        for (column, rule, count) in verdicts.by_rule() {
            let key = (column.map(str::to_owned), rule.to_owned());
            *self.found.by_rule.entry(key).or_default() += count;
        }
    }

    fn take_good(&mut self, record: &Record<'_>) -> Result<()> {
        if let Parting::Tagged(Some(tagged)) = &mut self.parting {
            let timestamp = self.case.checked.header().time_of(record);
            tagged.push(record, timestamp, record.offset_delta, &[]);
            return self.check_size();
        }
        Ok(())
    }

    fn take_bad(&mut self, record: &Record<'_>, message: &BadMessage) -> Result<()> {
        let reason = message.reason();
        let bad = Bad::of(message, &reason);
        self.note(record, &bad);
        let index = record.offset_delta;
        match &mut self.parting {
            Parting::Nothing => {}
            Parting::Named(named) => named.push(index, || bad.said(message)),
            Parting::Letters { is_kept, letters } => {
                is_kept.resize(self.total, true);
                is_kept.push(false);
                letters.push(record, &bad)?;
            }
            Parting::Tagged(tagged) => {
                let header = self.case.checked.header();
                let before = (self.unpacked, self.total);
                let tagged = tagged.get_or_insert_with(|| begin(header, before));
                let added: Vec<Added<'_>> = bad.headers(self.rules).collect();
                tagged.push(record, header.time_of(record), index, &added);
                self.check_size()?;
            }
        }
        Ok(())
    }

    /// Headers of many records are more than the records, which may be packed well.
    fn check_size(&self) -> Result<()> {
        let bytes_max = self.case.bounds.bytes_max;
        match &self.parting {
            Parting::Tagged(Some(it)) if it.len_bytes() as u64 > bytes_max => {
                Err(BadKeys::from(TooLong { bytes_max }).into())
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, record: &Record<'_>, bad: &Bad<'_>) {
        if self.found.refusals.len() == Refusals::NOTED_MAX {
            return;
        }
        let value = record.value.unwrap_or_default();
        let value = &value[..value.len().min(SHOWN_BYTES_MAX)];
        self.found.refusals.push(Refusal {
            at_ms: self.case.now_ms,
            topic: self.case.topic.to_owned(),
            partition: self.case.partition,
            index: record.offset_delta,
            fate: self.gate.fate(),
            reason: bad.reason.clone(),
            value: String::from_utf8_lossy(value).into_owned(),
        });
    }

    fn finish(self) -> Result<Judged> {
        let mut found = self.found;
        let (header, bytes) = (self.case.checked.header(), self.case.checked.bytes());
        let pack = |source| Error::Pack { source };
        found.fit = match self.parting {
            _ if found.bad == 0 => Fit::AsItCame,
            Parting::Nothing | Parting::Tagged(None) => Fit::AsItCame,
            Parting::Named(named) => Fit::Rejected(named.records),
            Parting::Tagged(Some(tagged)) => {
                let tagged = tagged.replace(header, bytes, None).map_err(pack)?;
                let limit = self.case.bounds.batch_bytes_max + TAGS_BYTES_MAX;
                if tagged.len() > limit {
                    let found = tagged.len();
                    return Err(Error::TooLarge { found, limit });
                }
                Fit::Rebuilt(Checked::own(tagged.into())?)
            }
            Parting::Letters {
                mut is_kept,
                letters,
            } => {
                is_kept.resize(self.total, true);
                let good = sift(header, bytes, self.unpacked, &is_kept, None).map_err(pack)?;
                Fit::Parted(Checked::own(good.into())?, letters.finish()?)
            }
        };
        Ok(found)
    }
}

/// The records of a batch that come before the first bad one.
fn begin(header: &Header, (unpacked, count): (&[u8], usize)) -> Rebuilt {
    let mut rebuilt = Rebuilt::new(header.base_timestamp);
    for record in records(header, unpacked).take(count).map_while(Result::ok) {
        let timestamp = header.time_of(&record);
        rebuilt.push(&record, timestamp, record.offset_delta, &[]);
    }
    rebuilt
}

impl<'v> Bad<'v> {
    /// `reason` is what the message says of all rules.
    fn of(message: &'v BadMessage, reason: &'v str) -> Bad<'v> {
        let is_error = |it: &&Violation| it.severity == Severity::Error;
        let first = message.violations.iter().find(is_error);
        let (column, rule) = match first {
            Some(it) => (it.column.as_deref(), it.rule.as_str()),
            // Of a batch that is full of violations not all are listed.
            None => of_reason(reason),
        };
        Bad {
            column,
            rule,
            reason: reason.to_owned(),
        }
    }

    /// Headers that say it.
    pub(super) fn headers<'b>(&'b self, rules: &'b Rules) -> impl Iterator<Item = Added<'b>> {
        let column = self.column.map(|it| ("tamis.column", it));
        let others = [
            ("tamis.rule", self.rule),
            ("tamis.reason", &*self.reason),
            ("tamis.contract", &*rules.contract),
            ("tamis.contract.revision", &*rules.revision),
        ];
        column.into_iter().chain(others)
    }

    /// What its producer is told: `amount: minimum: must be at least 0.01 (-5)`.
    fn said(&self, message: &BadMessage) -> String {
        let mut said = String::new();
        for violation in &message.violations {
            if said.len() > REASON_BYTES_MAX {
                break;
            }
            let is_first = said.is_empty();
            let column = violation.column.as_deref();
            let value = violation.value.as_deref();
            said.extend((!is_first).then_some("; "));
            said.extend(column.into_iter().flat_map(|it| [it, ": "]));
            said.extend([violation.rule.as_str(), ": ", &violation.message]);
            said.extend(value.into_iter().flat_map(|it| [" (", it, ")"]));
        }
        match said.is_empty() {
            true => self.reason.clone(),
            false => cut(said, REASON_BYTES_MAX),
        }
    }
}

/// The first rule of `amount: minimum; country: invalidValues`, behind its column.
fn of_reason(reason: &str) -> (Option<&str>, &str) {
    let first = reason.split("; ").next().unwrap_or(reason);
    match first.rsplit_once(": ") {
        Some((column, rule)) => (Some(column), rule),
        None => (None, first),
    }
}
