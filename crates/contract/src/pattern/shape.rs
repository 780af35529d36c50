//! Patterns simple enough for a loop of their own.
//!
//! Most patterns of real contracts are not languages but shapes: a code of fixed length, one of a
//! few words, a prefix and a run of digits. A specialised loop checks those several times faster
//! than an automaton, so the compiled check asks for the [`Shape`] first. A shape describes exactly
//! the language of the pattern: no more, no less.

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

/// A class of ASCII bytes: inclusive ranges, sorted, apart from each other.
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
