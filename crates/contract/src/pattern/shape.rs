//! Patterns simple enough for a loop of their own.
//!
//! Most patterns of real contracts are not languages but shapes: a code of fixed length, one of a
//! few words, a prefix and a run of digits. A specialised loop checks those several times faster
//! than an automaton, so the compiled check asks for the [`Shape`] first. A shape describes exactly
//! the language of the pattern: no more, no less.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};
use tamis_engine::kernel;

/// Longest template worth its own loop.
const TEMPLATE_MAX: usize = 256;
/// Most words of a set: beyond it an automaton is as good.
const SET_MAX: usize = 256;

/// What a pattern looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The whole value is as long as this list and each byte lies in the class of its place.
    Template(Vec<Position>),
    /// The whole value is one of these, sorted, without repeats.
    Set(Vec<Box<[u8]>>),
    /// The whole value is `prefix`, then `min` to `max` bytes of one class.
    Repeat {
        /// What the value starts with.
        prefix: Box<[u8]>,
        /// What each byte after the prefix may be.
        class: Position,
        /// Fewest bytes of the class.
        min: usize,
        /// Most bytes of the class; `None`: any number.
        max: Option<usize>,
    },
    /// Anything else: ask the automaton.
    Dfa,
}

/// A class of bytes: inclusive ranges, sorted, apart from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The ranges; never empty.
    pub ranges: Vec<(u8, u8)>,
}

impl Position {
    /// Whether the byte is in the class.
    pub fn contains(&self, byte: u8) -> bool {
        self.ranges
            .iter()
            .any(|&(first, last)| (first..=last).contains(&byte))
    }
}

impl Shape {
    /// The shape of a pattern's syntax tree.
    pub(super) fn of(hir: &Hir) -> Self {
        let Some(body) = anchored_body(hir) else {
            return Self::Dfa;
        };
        None.or_else(|| template(body).map(Self::Template))
            .or_else(|| repeat(body))
            .or_else(|| set(body).map(Self::Set))
            .unwrap_or(Self::Dfa)
    }

    /// Whether a text has this shape; `None` for [`Shape::Dfa`], which only the automaton knows.
    pub fn is_match(&self, text: &[u8]) -> Option<bool> {
        match self {
            Self::Template(positions) => {
                let fits = |(position, &byte): (&Position, &u8)| position.contains(byte);
                Some(text.len() == positions.len() && positions.iter().zip(text).all(fits))
            }
            Self::Set(words) => Some(words.binary_search_by(|word| (**word).cmp(text)).is_ok()),
            Self::Repeat {
                prefix,
                class,
                min,
                max,
            } => Some(text.strip_prefix(&**prefix).is_some_and(|rest| {
                rest.len() >= *min
                    && max.is_none_or(|max| rest.len() <= max)
                    && rest.iter().all(|&byte| class.contains(byte))
            })),
            Self::Dfa => None,
        }
    }
}

impl Shape {
    /// The kernel for this shape: `None` unless it is a template of 1 to 32 positions, each of at
    /// most two ranges (upper and lower case of the same letters count as one).
    pub fn kernel_template(&self) -> Option<kernel::Template> {
        let Self::Template(positions) = self else {
            return None;
        };
        let positions: Option<Vec<_>> = positions.iter().map(kernel_position).collect();
        kernel::Template::new(&positions?)
    }
}

/// A class as the kernel takes it.
fn kernel_position(position: &Position) -> Option<kernel::Position> {
    let is_letter_pair = |upper: (u8, u8), lower: (u8, u8)| {
        upper.0.is_ascii_uppercase()
            && upper.1.is_ascii_uppercase()
            && lower == (upper.0 | 0x20, upper.1 | 0x20)
    };
    let (range, other, other_ignores_case) = match *position.ranges.as_slice() {
        [range] => (range, None, false),
        [range, other] => (range, Some(other), false),
        [range, upper, lower] if is_letter_pair(upper, lower) => (range, Some(lower), true),
        [upper, range, lower] if is_letter_pair(upper, lower) => (range, Some(lower), true),
        [upper, lower, range] if is_letter_pair(upper, lower) => (range, Some(lower), true),
        _ => return None,
    };
    Some(kernel::Position {
        range: range.0..=range.1,
        other: other.map(|other| other.0..=other.1),
        other_ignores_case,
    })
}

/// What stands between `^` and `$`, if the pattern is anchored at both ends as a whole.
fn anchored_body(hir: &Hir) -> Option<&[Hir]> {
    let HirKind::Concat(parts) = hir.kind() else {
        return None;
    };
    let (first, rest) = parts.split_first()?;
    let (last, body) = rest.split_last()?;
    let is = |hir: &Hir, look| *hir.kind() == HirKind::Look(look);
    (is(first, Look::Start) && is(last, Look::End)).then_some(body)
}

/// Every text of the body has one length, and each byte a class of its own.
fn template(body: &[Hir]) -> Option<Vec<Position>> {
    let mut positions = Vec::new();
    body.iter()
        .try_for_each(|part| append_positions(part, &mut positions))?;
    Some(positions)
}

fn append_positions(hir: &Hir, positions: &mut Vec<Position>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => positions.extend(literal.0.iter().map(|&byte| Position {
            ranges: vec![(byte, byte)],
        })),
        HirKind::Class(class) => positions.push(ascii_class(class)?),
        HirKind::Concat(parts) => parts
            .iter()
            .try_for_each(|part| append_positions(part, positions))?,
        HirKind::Repetition(Repetition {
            min,
            max: Some(max),
            sub,
            ..
        }) if min == max => {
            for _ in 0..*min {
                append_positions(sub, positions)?;
            }
        }
        _ => return None,
    }
    (positions.len() <= TEMPLATE_MAX).then_some(())
}

/// A literal prefix and a run of one class.
fn repeat(body: &[Hir]) -> Option<Shape> {
    let (prefix, run) = match body {
        [run] => (Box::default(), run),
        [prefix, run] => match prefix.kind() {
            HirKind::Literal(literal) => (literal.0.clone(), run),
            _ => return None,
        },
        _ => return None,
    };
    let HirKind::Repetition(repetition) = run.kind() else {
        return None;
    };
    let class = match repetition.sub.kind() {
        HirKind::Class(class) => ascii_class(class)?,
        HirKind::Literal(literal) if literal.0.len() == 1 => Position {
            ranges: vec![(literal.0[0], literal.0[0])],
        },
        _ => return None,
    };
    let min = usize::try_from(repetition.min).ok()?;
    let max = repetition.max.map(usize::try_from).transpose().ok()?;
    Some(Shape::Repeat {
        prefix,
        class,
        min,
        max,
    })
}

/// All texts of the body, if they are few.
fn set(body: &[Hir]) -> Option<Vec<Box<[u8]>>> {
    let mut words = words(body)?;
    words.sort();
    words.dedup();
    Some(words.into_iter().map(Vec::into_boxed_slice).collect())
}

/// All texts of a sequence.
fn words(sequence: &[Hir]) -> Option<Vec<Vec<u8>>> {
    sequence.iter().try_fold(vec![Vec::new()], |starts, part| {
        product(&starts, &words_of(part)?)
    })
}

fn words_of(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Class(Class::Unicode(class)) => {
            let count: usize = class.ranges().iter().map(|range| range.len()).sum();
            let characters = || {
                class
                    .ranges()
                    .iter()
                    .flat_map(|range| range.start()..=range.end())
            };
            (count <= SET_MAX).then(|| {
                characters()
                    .map(|character| character.to_string().into_bytes())
                    .collect()
            })
        }
        HirKind::Repetition(Repetition {
            min,
            max: Some(max),
            sub,
            ..
        }) if *max <= 8 => {
            let once = words_of(sub)?;
            let mut power = vec![Vec::new()];
            let mut all = Vec::new();
            for count in 0..=*max {
                if count >= *min {
                    all.extend_from_slice(&power);
                }
                power = product(&power, &once)?;
            }
            (all.len() <= SET_MAX).then_some(all)
        }
        HirKind::Concat(parts) => words(parts),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.append(&mut words_of(branch)?);
                if all.len() > SET_MAX {
                    return None;
                }
            }
            Some(all)
        }
        _ => None,
    }
}

/// Every start followed by every end, if they are few.
fn product(starts: &[Vec<u8>], ends: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let bytes: usize = starts.iter().chain(ends).map(Vec::len).sum();
    let all = || {
        starts
            .iter()
            .flat_map(|start| ends.iter().map(move |end| [start.as_slice(), end].concat()))
            .collect()
    };
    (starts.len() * ends.len() <= SET_MAX && bytes <= SET_MAX * TEMPLATE_MAX).then(all)
}

/// A class whose members are all one byte long.
fn ascii_class(class: &Class) -> Option<Position> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let ranges: Option<Vec<_>> = class
        .ranges()
        .iter()
        .map(|range| {
            Some((
                u8::try_from(range.start()).ok()?,
                u8::try_from(range.end()).ok().filter(u8::is_ascii)?,
            ))
        })
        .collect();
    ranges
        .filter(|ranges| !ranges.is_empty())
        .map(|ranges| Position { ranges })
}
