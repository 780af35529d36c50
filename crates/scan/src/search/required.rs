//! What every match of an expression contains.
//!
//! A *sequence* is a class of bytes for each of some consecutive bytes. Sequences are *required* if
//! every match contains a stretch of bytes that one of them describes: `_[0-9][0-9][0-9]` of
//! `[A-Z][a-z]+_[0-9]{3,}`. From the leaves of the expression up, three sets of them are kept: those
//! every match starts with, those it ends with, and the best of those anywhere in it. Where two
//! expressions stand next to each other, the ends of the first and the starts of the second make
//! another one.
//!
//! Classes may grow on the way and sequences may be cut: what is found is a candidate, and the
//! expression itself has the last word. But a match that has none of the sequences would be lost, so
//! in doubt there are none. Looks (`^`, `\b`) are taken for nothing at all.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};
use regex_syntax::utf8::Utf8Sequences;
use tamis_engine::kernel::ByteSet;

use super::text::Text;
use super::window::Plan;

/// The classes of consecutive bytes.
pub(super) type Sequence = Vec<ByteSet>;

/// Longest sequence that is kept; a longer one is cut.
const BYTES_MAX: usize = 32;
/// Most sequences of a set; more are joined to one.
const SEQUENCES_MAX: usize = 64;
/// Most sequences of a set that is not joined with its neighbours any more: the texts of a long list.
const INNER_MAX: usize = 20_000;
/// Branches beyond which each had better be a text.
const CLASSES_BRANCHES_MAX: usize = 3;
/// A class with more sequences of several bytes is not spelled out. Letters of either case have one or two.
const SPELLED_OUT_MAX: usize = 4;

/// The best way to find what every match of `hir` contains.
pub(super) fn required(hir: &Hir) -> Option<Plan> {
    Plan::best(&Facts::of(hir).best()?)
}

/// The same with texts alone.
pub(super) fn required_texts(hir: &Hir) -> Option<Plan> {
    Plan::literals(&Facts::of(hir).best_texts()?)
}

/// The texts of which each is a match, and of which each match is one; `None` if there are too many, or
/// something else matches as well.
pub(super) fn texts(hir: &Hir) -> Option<Vec<Text>> {
    if !hir.properties().look_set().is_empty() {
        return None;
    }
    let branches = match hir.kind() {
        HirKind::Alternation(branches) => &branches[..],
        _ => std::slice::from_ref(hir),
    };
    let mut texts = Vec::new();
    for branch in branches {
        // No facts are needed about what is a text already.
        if let HirKind::Literal(literal) = branch.kind() {
            texts.push(Text::plain(&literal.0));
            continue;
        }
        let sequences = Facts::of(branch).whole?;
        if texts.len() + sequences.len() > INNER_MAX {
            return None;
        }
        for sequence in sequences {
            texts.push(Text::of(&sequence)?);
        }
    }
    Some(texts)
}

/// What is known about all matches of an expression.
#[derive(Clone, Debug)]
struct Facts {
    /// Every match is one of these, byte by byte, from its start to its end.
    whole: Option<Vec<Sequence>>,
    starts: Vec<Sequence>,
    ends: Vec<Sequence>,
    /// Every match contains one of these.
    inner: Option<Vec<Sequence>>,
    /// The bytes that matches consist of.
    bytes: ByteSet,
    /// The length of the shortest match.
    bytes_min: usize,
}

impl Facts {
    fn of(hir: &Hir) -> Facts {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Facts::empty(),
            HirKind::Literal(literal) => {
                let classes = literal.0.iter().map(|&byte| ByteSet::of([byte]));
                Facts::exactly(vec![classes.collect()])
            }
            HirKind::Class(class) => Facts::of_class(class),
            HirKind::Repetition(repetition) => Facts::of_repetition(repetition),
            HirKind::Capture(capture) => Facts::of(&capture.sub),
            HirKind::Concat(parts) => {
                let parts = parts.iter().map(Facts::of);
                parts.reduce(Facts::then).unwrap_or_else(Facts::empty)
            }
            HirKind::Alternation(branches) => Facts::any(branches.iter().map(Facts::of).collect()),
        }
    }

    fn empty() -> Facts {
        Facts::exactly(vec![vec![]])
    }

    /// Every match is one of `sequences`.
    fn exactly(sequences: Vec<Sequence>) -> Facts {
        Facts {
            bytes: sequences
                .iter()
                .flatten()
                .fold(ByteSet::EMPTY, |all, class| all.union(*class)),
            bytes_min: sequences.iter().map(Vec::len).min().unwrap_or(0),
            starts: sequences.clone(),
            ends: sequences.clone(),
            inner: None,
            whole: Some(sequences),
        }
        .within_limits()
    }

    fn of_class(class: &Class) -> Facts {
        match class {
            Class::Bytes(class) => {
                let ranges = class.iter().map(|range| range.start()..=range.end());
                Facts::of_bytes(ByteSet::of(ranges.flatten()))
            }
            Class::Unicode(class) => Facts::of_characters(class),
        }
    }

    fn of_bytes(class: ByteSet) -> Facts {
        // Nothing matches an empty class.
        let sequences = (!class.is_empty()).then(|| vec![class]);
        Facts::exactly(sequences.into_iter().collect())
    }

    fn of_characters(characters: &ClassUnicode) -> Facts {
        let [mut first, mut last, mut bytes, mut ascii] = [ByteSet::EMPTY; 4];
        let mut spelled_out = Vec::new();
        for range in characters.iter() {
            for encoded in Utf8Sequences::new(range.start(), range.end()) {
                let classes = encoded.as_slice().iter();
                let sequence: Sequence = classes
                    .map(|range| ByteSet::of(range.start..=range.end))
                    .collect();
                first = first.union(sequence[0]);
                last = last.union(sequence[sequence.len() - 1]);
                bytes = sequence.iter().fold(bytes, |all, class| all.union(*class));
                if let [class] = sequence[..] {
                    ascii = ascii.union(class);
                } else if spelled_out.len() <= SPELLED_OUT_MAX {
                    spelled_out.push(sequence);
                }
            }
        }
        if spelled_out.is_empty() {
            return Facts::of_bytes(ascii);
        }
        if spelled_out.len() <= SPELLED_OUT_MAX {
            if !ascii.is_empty() {
                spelled_out.push(vec![ascii]);
            }
            return Facts::exactly(spelled_out);
        }
        Facts {
            whole: None,
            starts: vec![vec![first]],
            ends: vec![vec![last]],
            inner: None,
            bytes,
            bytes_min: characters.minimum_len().unwrap_or(0),
        }
        .within_limits()
    }

    fn of_repetition(repetition: &Repetition) -> Facts {
        let one = Facts::of(&repetition.sub);
        let (least, most) = (repetition.min, repetition.max);
        match (least, most) {
            (0, Some(0)) => Facts::empty(),
            (0, Some(1)) => Facts::any(vec![Facts::empty(), one]),
            (0, _) => Facts {
                whole: None,
                starts: vec![vec![]],
                ends: vec![vec![]],
                inner: None,
                bytes: one.bytes,
                bytes_min: 0,
            },
            _ => {
                // More of them than are kept add nothing.
                let count = least.min(BYTES_MAX as u32);
                let mut all = one.clone();
                for _ in 1..count {
                    all = all.then(one.clone());
                }
                if most != Some(count) {
                    all.whole = None;
                }
                all
            }
        }
    }

    /// A match of `self` and right after it one of `next`.
    fn then(self, next: Facts) -> Facts {
        let whole = match (&self.whole, &next.whole) {
            (Some(here), Some(there)) => joined(here, there),
            _ => None,
        };
        let starts = match &self.whole {
            Some(here) => joined(here, &next.starts).unwrap_or_else(|| here.clone()),
            None => self.starts.clone(),
        };
        let ends = match &next.whole {
            Some(there) => joined(&self.ends, there).unwrap_or_else(|| there.clone()),
            None => next.ends.clone(),
        };
        let inner = if whole.is_some() {
            None
        } else {
            let border = joined(&self.ends, &next.starts);
            let apart = border.is_none().then_some([self.ends, next.starts]);
            let sets = [self.inner, next.inner, border].into_iter().flatten();
            let sets = sets.chain(apart.into_iter().flatten());
            cheapest(sets.collect(), Plan::best)
        };
        Facts {
            whole,
            starts,
            ends,
            inner,
            bytes: self.bytes.union(next.bytes),
            bytes_min: self.bytes_min.saturating_add(next.bytes_min),
        }
        .within_limits()
    }

    /// A match of one of `branches`.
    fn any(mut branches: Vec<Facts>) -> Facts {
        branches.retain(|branch| !branch.never_matches());
        let whole: Option<Vec<_>> = branches.iter().map(|branch| branch.whole.clone()).collect();
        let whole = whole
            .map(|sequences| sequences.concat())
            .filter(|sequences| fits(sequences));
        let inner = if whole.is_some() {
            None
        } else {
            let many = branches.len() > CLASSES_BRANCHES_MAX;
            let best = branches.iter().map(|branch| {
                let text = many.then(|| branch.clone().best_texts()).flatten();
                text.or_else(|| branch.clone().best())
            });
            let best = best.collect::<Option<Vec<_>>>().map(|sets| sets.concat());
            best.filter(|sequences| sequences.len() <= INNER_MAX)
        };
        let bytes = branches.iter().map(|branch| branch.bytes);
        let (bytes, bytes_min) = (
            bytes.fold(ByteSet::EMPTY, ByteSet::union),
            branches.iter().map(|branch| branch.bytes_min).min(),
        );
        let (starts, ends): (Vec<_>, Vec<_>) = branches
            .into_iter()
            .map(|branch| (branch.starts, branch.ends))
            .unzip();
        Facts {
            whole,
            starts: starts.concat(),
            ends: ends.concat(),
            inner,
            bytes,
            bytes_min: bytes_min.unwrap_or(0),
        }
        .within_limits()
    }

    fn never_matches(&self) -> bool {
        self.whole.as_ref().is_some_and(Vec::is_empty)
    }

    /// The set that is cheapest to look for.
    fn best(self) -> Option<Vec<Sequence>> {
        cheapest(self.sets(), Plan::best)
    }

    /// The same, for a branch of many.
    fn best_texts(self) -> Option<Vec<Sequence>> {
        cheapest(self.sets(), Plan::literals)
    }

    /// Sets of which every match contains a sequence.
    fn sets(self) -> Vec<Vec<Sequence>> {
        // What all have in common may be rarer than it is slow to look for all.
        let common = [common_start(&self.starts), common_end(&self.ends)];
        let mut sets = vec![self.starts, self.ends];
        sets.extend(common.map(|sequence| vec![sequence]));
        sets.extend(self.inner);
        sets
    }

    /// Cuts what is too long, joins what is too many, and makes the ends as long as the shortest match.
    fn within_limits(mut self) -> Facts {
        self.whole = self.whole.filter(|sequences| fits(sequences));
        if self.starts.len() > SEQUENCES_MAX {
            self.starts = vec![common_start(&self.starts)];
        }
        if self.ends.len() > SEQUENCES_MAX {
            self.ends = vec![common_end(&self.ends)];
        }
        for start in &mut self.starts {
            start.resize(start.len().max(self.bytes_min.min(BYTES_MAX)), self.bytes);
            start.truncate(BYTES_MAX);
        }
        for end in &mut self.ends {
            let missing = self.bytes_min.min(BYTES_MAX).saturating_sub(end.len());
            end.splice(..0, std::iter::repeat_n(self.bytes, missing));
            end.drain(..end.len().saturating_sub(BYTES_MAX));
        }
        self
    }
}

/// Each of `first` followed by each of `second`; `None` if these are too many.
fn joined(first: &[Sequence], second: &[Sequence]) -> Option<Vec<Sequence>> {
    if first.len() * second.len() > SEQUENCES_MAX {
        return None;
    }
    let pairs = first
        .iter()
        .flat_map(|here| second.iter().map(|there| [&here[..], there].concat()));
    Some(pairs.collect())
}

/// What all sequences have at their start, class by class.
fn common_start(sequences: &[Sequence]) -> Sequence {
    let len = sequences.iter().map(Vec::len).min().unwrap_or(0);
    union(sequences.iter().map(|sequence| &sequence[..len]))
}

/// What all sequences have at their end, class by class.
fn common_end(sequences: &[Sequence]) -> Sequence {
    let len = sequences.iter().map(Vec::len).min().unwrap_or(0);
    union(
        sequences
            .iter()
            .map(|sequence| &sequence[sequence.len() - len..]),
    )
}

/// One sequence for several of the same length.
pub(super) fn union<'a>(sequences: impl Iterator<Item = &'a [ByteSet]>) -> Sequence {
    let mut all: Sequence = Vec::new();
    for sequence in sequences {
        all.resize(sequence.len(), ByteSet::EMPTY);
        for (all, class) in all.iter_mut().zip(sequence) {
            *all = all.union(*class);
        }
    }
    all
}

/// Whether these may be the whole of a match.
fn fits(sequences: &[Sequence]) -> bool {
    let is_short = |sequence: &Sequence| sequence.len() <= BYTES_MAX;
    sequences.len() <= SEQUENCES_MAX && sequences.iter().all(is_short)
}

/// The set that is cheapest to look for, if any can be.
fn cheapest(
    sets: Vec<Vec<Sequence>>,
    plan: impl Fn(&[Sequence]) -> Option<Plan>,
) -> Option<Vec<Sequence>> {
    let costs = sets
        .into_iter()
        .filter_map(|set| Some((plan(&set)?.cost, set)));
    let best = costs.min_by(|(here, _), (there, _)| here.total_cmp(there));
    best.map(|(_, set)| set)
}

#[cfg(test)]
mod tests;
