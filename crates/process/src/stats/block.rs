//! One column of a block: its values are listed, then visited by one tight loop for each thing that is found out.
//!
//! 1. *Gathering* leaves out what is null, and lists where the plain values lie. Values that may be null or quoted, by their
//!    first byte, come last, and those that must be put together first (doubled quotes, escapes) are taken one by one.
//! 2. Their words and hashes are computed, all of them in a row.
//! 3. A column with a dictionary looks up each hash. A spread runs a loop for each of its parts ([`Values::spread`]): registers,
//!    lengths, extremes, numbers.

use std::ops::Range;

use memchr::{memchr, memchr2};
use tamis_engine::kernel::{Kernel, Spans};
use tamis_formats::csv::{self, Dialect};
use tamis_formats::jsonl;
use tamis_formats::{Block, Kind};

use super::column::{Column, Setting, State};
use super::dictionary::Family;
use super::hash::{hash, word_at, word_of};
use super::values::Values;
use crate::infer::nulls::{Tokens, capped};

/// The buffers of one worker.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    unquoted: Vec<u32>,
    /// Rows whose values must be looked at one by one.
    special: Vec<usize>,
    index: Vec<u32>,
    words: Vec<u128>,
    hashes: Vec<u64>,
    decoded: Vec<u8>,
    suspects: Vec<u64>,
    mantissas: Vec<i64>,
    /// Of the rows of the block; empty if nobody wants samples.
    pub(super) priorities: Vec<u64>,
}

impl Scratch {
    /// Makes room for the values of a column.
    fn clear(&mut self) {
        self.index.clear();
        self.words.clear();
    }

    /// Lists the values of all rows but the [special](is_special) ones. No branch depends on the values unless one is special.
    fn push_plain(
        &mut self,
        spans: &Spans<'_>,
        special_lens: &[u8; 256],
        special: &mut Vec<usize>,
    ) {
        self.index.resize(2 * spans.rows, 0);
        self.words.resize(spans.rows, 0);
        let mut count = 0;
        for row in 0..spans.rows {
            let range = spans.range(row);
            let word = word_at(spans.bytes, range.start, range.len());
            self.index[2 * count] = (range.start as u32).wrapping_sub(1);
            self.index[2 * count + 1] = range.end as u32;
            self.words[count] = word;
            if capped(range.len()) <= special_lens[usize::from(word as u8)] {
                special.push(row);
            } else {
                count += 1;
            }
        }
        self.index.truncate(2 * count);
        self.words.truncate(count);
    }

    /// Lists a plain value.
    #[inline(always)]
    fn push(&mut self, bytes: &[u8], range: Range<usize>) {
        self.index.push((range.start as u32).wrapping_sub(1));
        self.index.push(range.end as u32);
        self.words.push(word_at(bytes, range.start, range.len()));
    }
}

/// What a column's values are taken with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker<'a> {
    pub(super) setting: &'a Setting,
    pub(super) tokens: &'a Tokens,
    pub(super) kernel: Kernel,
}

impl Taker<'_> {
    /// Takes a column of CSV.
    pub(super) fn csv(
        self,
        block: &Block<'_>,
        at: usize,
        dialect: &Dialect,
        column: &mut Column,
        scratch: &mut Scratch,
    ) {
        column.is_untyped = true;
        let raw = block.column(at);
        let mut pairs = std::mem::take(&mut scratch.unquoted);
        // Quotes are dealt with below, field by field; where values are trimmed as well there is a pass for both.
        let unquoted = match dialect.trim {
            true => csv::unquote_column(block, at, dialect, &mut pairs),
            false => None,
        };
        let spans = unquoted.unwrap_or(raw);
        let quote = match dialect.trim {
            true => unquoted.and(dialect.quote),
            false => block.quote,
        };
        scratch.clear();
        // What begins like a quoted field or, no longer than it, like a null token may be one. What is empty has a zero for its
        // first byte.
        let mut special_lens = *self.tokens.lens_bytes();
        special_lens[0] = u8::MAX;
        if let Some(quote) = quote {
            special_lens[usize::from(quote)] = u8::MAX;
        }
        let mut special = std::mem::take(&mut scratch.special);
        special.clear();
        scratch.push_plain(&spans, &special_lens, &mut special);
        for (row, &priority) in scratch.priorities.iter().enumerate() {
            if column.sample.wants(priority) && !is_special(spans.field(row), &special_lens) {
                sample(column, Family::Untyped, spans.field(row), priority);
            }
        }
        for &row in &special {
            let mut range = spans.range(row);
            let Some(&first) = spans.bytes[range.clone()].first() else {
                continue;
            };
            let priority = priority(&scratch.priorities, row);
            if Some(first) == quote {
                let simple = match dialect.trim {
                    true => None,
                    false => simply_quoted(&spans.bytes[range.clone()], first, dialect.escape),
                };
                let Some(inner) = simple else {
                    // The value is no part of the field and must be put together.
                    let text = csv::decode(raw.field(row), dialect, &mut scratch.decoded);
                    self.one(Family::Untyped, text, priority, column);
                    continue;
                };
                if inner.is_empty() {
                    continue;
                }
                range = range.start + inner.start..range.start + inner.end;
            }
            let text = &spans.bytes[range.clone()];
            if let Some(token) = self.tokens.position(text) {
                column.tokens[token] += 1;
                continue;
            }
            scratch.push(spans.bytes, range);
            sample(column, Family::Untyped, text, priority);
        }
        scratch.special = special;
        self.gathered(Family::Untyped, block, at, column, scratch);
        scratch.unquoted = pairs;
    }

    /// Takes a column of JSON or of a file that says what its columns are: values have kinds of their own. `declared` is
    /// what they are taken for where the format has no word for it.
    pub(super) fn typed(
        self,
        block: &Block<'_>,
        at: usize,
        declared: Option<Family>,
        column: &mut Column,
        scratch: &mut Scratch,
    ) {
        let spans = block.column(at);
        // Values of the same kind as the first are gathered, others taken one by one.
        let mut gathered = None;
        scratch.clear();
        for row in 0..block.rows {
            let raw = spans.field(row);
            let family = match block.kind(row, at) {
                Kind::Missing | Kind::Null => continue,
                // Null, in an array of texts.
                Kind::Text if raw.is_empty() => continue,
                Kind::EscapedString => {
                    let text = jsonl::decode_string(raw, &mut scratch.decoded);
                    let family = declared.unwrap_or(Family::String);
                    self.one(family, text, priority(&scratch.priorities, row), column);
                    continue;
                }
                Kind::String => declared.unwrap_or(Family::String),
                Kind::Text => declared.unwrap_or(Family::Untyped),
                Kind::Number => Family::Number,
                Kind::Boolean => Family::Boolean,
                // What is in it is in its members.
                Kind::Object => {
                    column.take(self.setting, Family::Object, b"", 1);
                    continue;
                }
                Kind::Array => Family::Array,
            };
            if *gathered.get_or_insert(family) != family {
                self.one(family, raw, priority(&scratch.priorities, row), column);
                continue;
            }
            scratch.push(spans.bytes, spans.range(row));
            sample(column, family, raw, priority(&scratch.priorities, row));
        }
        if let Some(family) = gathered {
            self.gathered(family, block, at, column, scratch);
        }
    }

    /// Takes a value by itself.
    fn one(self, family: Family, text: &[u8], priority: u64, column: &mut Column) {
        if family == Family::Untyped {
            if text.is_empty() {
                return;
            }
            if let Some(token) = self.tokens.position(text) {
                column.tokens[token] += 1;
                return;
            }
        }
        sample(column, family, text, priority);
        column.take(self.setting, family, text, 1);
    }

    /// Takes the values that `scratch.index` lists.
    fn gathered(
        self,
        family: Family,
        block: &Block<'_>,
        at: usize,
        column: &mut Column,
        scratch: &mut Scratch,
    ) {
        let bytes = block.column(at).bytes;
        let Scratch {
            index,
            words,
            hashes,
            suspects,
            mantissas,
            ..
        } = scratch;
        hashes.clear();
        let needs_hashes = match &column.state {
            State::Few(_) => true,
            State::Many(spread) => spread.distinct.is_some(),
        };
        if needs_hashes {
            let texts = index.chunks_exact(2).map(|pair| {
                let start = pair[0].wrapping_add(1) as usize;
                &bytes[start..pair[1] as usize]
            });
            hashes.extend(texts.zip(&*words).map(|(text, &word)| hash(text, word)));
        }
        let values = Values {
            family,
            bytes,
            index,
            words,
            hashes,
            ascii: block.is_ascii(at),
        };
        let mut from = 0;
        if let State::Few(dictionary) = &mut column.state {
            from = dictionary.add_all(family, values.words, values.hashes, |at| values.text(at));
            if from < values.len() {
                column.spread_out(self.setting);
            }
        }
        if let State::Many(spread) = &mut column.state {
            values.from(from).spread(self, spread, suspects, mantissas);
        }
    }
}

/// Where the value of a quoted field is, if it is all between its first byte and its last.
fn simply_quoted(field: &[u8], quote: u8, escape: Option<u8>) -> Option<Range<usize>> {
    let inner = 1..field.len().checked_sub(1)?;
    let is_closed = field.len() > 1 && field[inner.end] == quote;
    let value = field.get(inner.clone())?;
    let is_plain = match escape {
        None => memchr(quote, value).is_none(),
        Some(escape) => memchr2(quote, escape, value).is_none(),
    };
    (is_closed && is_plain).then_some(inner)
}

/// Whether a value is no longer than those that must be looked at and begin with the same byte; an empty one is.
fn is_special(text: &[u8], special_lens: &[u8; 256]) -> bool {
    let first = text.first().copied().unwrap_or(0);
    capped(text.len()) <= special_lens[usize::from(first)]
}

/// The priority of a row, if there are samples.
#[inline(always)]
fn priority(priorities: &[u64], row: usize) -> u64 {
    priorities.get(row).copied().unwrap_or(u64::MAX)
}

#[inline(always)]
fn sample(column: &mut Column, family: Family, text: &[u8], priority: u64) {
    if column.sample.wants(priority) {
        let hash = hash(text, word_of(text));
        column.sample.take(priority, family, text, hash);
    }
}
