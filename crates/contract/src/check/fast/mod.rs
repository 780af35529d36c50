//! Sparing most rows the full judgement: one loop over a whole column at a time.
//!
//! For each column of a block [`FastCheck::mark`] sets a bit for every row that *may* break a rule or count
//! towards a metric. It may mark a row that is fine; it never misses one that is not. Marked rows are
//! judged one by one by [`ValueCheck`], which is the specification. On clean data nothing is marked, and a
//! row costs a few nanoseconds per column.
//!
//! Which loops a column needs is settled once, from its rules (`choose`); what each does is in `loops`. Here is what
//! comes before and after them: nulls, absent keys, quotes, and the kinds of JSON values.

mod choose;
mod loops;
#[cfg(test)]
mod tests;

use tamis_engine::kernel::{Empty, Kernel, ShortSet, Spans};
use tamis_formats::{Block, Kind};

use super::value::{TypeCheck, ValueCheck};
use loops::{Loop, mark_where};

/// The loops that one column needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct FastCheck {
    loops: Vec<Loop>,
    /// Null leads to something, so rows with an empty field are marked.
    null_matters: bool,
    /// The absence of a JSON key leads to something.
    missing_matters: bool,
    /// An empty text leads to something, where it is not null.
    empty_matters: bool,
    /// Texts that lead to something although every loop would pass them.
    marked_texts: Vec<Box<[u8]>>,
    marked_short: Option<ShortSet>,
    /// In JSON, the kinds of value that need no judgement before the loops run.
    plain_kinds: PlainKinds,
}

/// JSON kinds that a column's type allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PlainKinds {
    /// No type is asked for.
    #[default]
    Any,
    /// Only this one.
    One(Kind),
}

impl PlainKinds {
    /// Whether only an object or an array will do, which no text is.
    fn are_nested(self) -> bool {
        matches!(self, PlainKinds::One(Kind::Object | Kind::Array))
    }
}

/// Scratch of [`FastCheck::mark`], kept from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    members: Vec<u64>,
}

/// One column of a block, for the loops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    pub(crate) block: &'a Block<'a>,
    /// Its place in the block.
    pub(crate) at: usize,
    /// Its fields, with simple quotes taken off.
    pub(crate) spans: Spans<'a>,
    /// Some fields may start with a quote and need decoding still.
    pub(crate) has_quotes: bool,
}

impl FastCheck {
    /// Chooses the loops for a column's rules.
    pub(crate) fn new(values: &ValueCheck) -> FastCheck {
        let mut check = FastCheck {
            null_matters: !values.on_null.is_empty(),
            missing_matters: !values.on_missing().is_empty(),
            plain_kinds: match &values.kind {
                None => PlainKinds::Any,
                Some((TypeCheck::String | TypeCheck::Temporal(_), _)) => {
                    PlainKinds::One(Kind::String)
                }
                Some((TypeCheck::Number | TypeCheck::Integer, _)) => PlainKinds::One(Kind::Number),
                Some((TypeCheck::Boolean, _)) => PlainKinds::One(Kind::Boolean),
                Some((TypeCheck::Object, _)) => PlainKinds::One(Kind::Object),
                Some((TypeCheck::Array, _)) => PlainKinds::One(Kind::Array),
            },
            ..FastCheck::default()
        };
        values.judge(Kind::String, b"", |_| check.empty_matters = true);
        let nulls = values.null_texts.iter().filter(|_| check.null_matters);
        let missing = values.missing.iter().flat_map(|(texts, _)| texts);
        check.marked_texts = nulls.chain(missing).cloned().collect();
        let texts: Vec<&[u8]> = check.marked_texts.iter().map(AsRef::as_ref).collect();
        check.marked_short = ShortSet::new(&texts);
        check.choose_loops(values);
        check
    }

    /// Marks every row: the specification, for tests.
    #[cfg(test)]
    pub(crate) fn judge_all() -> FastCheck {
        FastCheck {
            loops: vec![Loop::Every],
            null_matters: true,
            missing_matters: true,
            empty_matters: true,
            ..FastCheck::default()
        }
    }

    /// Whether no row of a column ever needs a look. `only_kind` is what all its values are, if they are all one.
    pub(crate) fn is_idle(&self, only_kind: Option<Kind>) -> bool {
        let type_matters = match (only_kind, self.plain_kinds) {
            (_, PlainKinds::Any) => false,
            // Text is read as any type but these.
            (Some(Kind::Text), plain) => plain.are_nested(),
            (Some(kind), PlainKinds::One(plain)) => kind != plain,
            (None, PlainKinds::One(_)) => true,
        };
        let type_matters = type_matters || only_kind.is_none() && self.missing_matters;
        self.loops.is_empty() && !self.null_matters && self.marked_texts.is_empty() && !type_matters
    }

    /// Whether the loops mark every quoted field by themselves, so that they can run over raw fields.
    pub(crate) fn marks_quoted(&self, quote: u8) -> bool {
        self.loops.iter().any(|one| one.marks_quoted(quote))
    }

    /// Sets the bit of every row that needs a judgement.
    pub(crate) fn mark(
        &self,
        column: &Column<'_>,
        kernel: Kernel,
        scratch: &mut Scratch,
        suspects: &mut [u64],
    ) {
        let Column {
            block, spans, at, ..
        } = column;
        match (block.only_kind(*at), self.plain_kinds) {
            (Some(Kind::Text), plain) if !plain.are_nested() => {}
            (Some(_), PlainKinds::Any) => {}
            (Some(kind), PlainKinds::One(plain)) if kind == plain => {}
            // Another kind than the type's: every value is wrong.
            (Some(_), _) => mark_where(spans, suspects, |field| !field.is_empty()),
            (None, _) => self.mark_kinds(column, suspects),
        }
        // Where values say themselves that they are null, an empty one need not be.
        let empty = match self.null_matters && block.only_kind(*at).is_some() {
            true => Empty::Suspect,
            false => Empty::Pass,
        };
        if self.loops.is_empty() && empty == Empty::Suspect {
            kernel.mark_empty(spans, suspects);
        }
        for one in &self.loops {
            one.mark(block, *at, spans, kernel, empty, suspects);
        }
        if !self.marked_texts.is_empty() {
            self.mark_texts(block, spans, kernel, scratch, suspects);
        }
        if let (Some(quote), true) = (block.quote, column.has_quotes) {
            mark_where(spans, suspects, |field| field.first() == Some(&quote));
        }
    }

    /// Where every value is of its own kind: marks those of another kind than the type's, and those whose text is not
    /// their value.
    fn mark_kinds(&self, column: &Column<'_>, suspects: &mut [u64]) {
        let Column {
            block, at, spans, ..
        } = column;
        let Some((kinds, stride)) = block.each_kind(*at) else {
            return;
        };
        for row in 0..block.rows {
            let kind = kinds[row * stride];
            let is_plain = match kind {
                Kind::Null => !self.null_matters,
                Kind::Missing => !self.missing_matters,
                Kind::EscapedString => {
                    self.loops.is_empty()
                        && self.marked_texts.is_empty()
                        && matches!(
                            self.plain_kinds,
                            PlainKinds::Any | PlainKinds::One(Kind::String)
                        )
                }
                Kind::Text if spans.field(row).is_empty() => !self.null_matters,
                Kind::Text => !self.plain_kinds.are_nested(),
                // The loops pass over what is empty.
                Kind::String if spans.field(row).is_empty() => !self.empty_matters,
                kind => {
                    self.plain_kinds == PlainKinds::Any || self.plain_kinds == PlainKinds::One(kind)
                }
            };
            suspects[row / 64] |= u64::from(!is_plain) << (row % 64);
        }
    }

    /// Marks fields that are one of `marked_texts`.
    fn mark_texts(
        &self,
        block: &Block<'_>,
        spans: &Spans<'_>,
        kernel: Kernel,
        scratch: &mut Scratch,
        suspects: &mut [u64],
    ) {
        match &self.marked_short {
            Some(texts) => {
                // The kernel marks what is *not* in the set; empty fields have been dealt with.
                scratch.members.clear();
                scratch.members.resize(block.rows.div_ceil(64), 0);
                kernel.mark_set(spans, texts, Empty::Suspect, &mut scratch.members);
                for (word, others) in scratch.members.iter().enumerate() {
                    let rows = (block.rows - word * 64).min(64);
                    suspects[word] |= !others & (u64::MAX >> (64 - rows));
                }
            }
            None => mark_where(spans, suspects, |field| {
                self.marked_texts.iter().any(|text| **text == *field)
            }),
        }
    }
}
