//! Where a record may end.
//!
//! [`Framing`] is all the engine knows of a format: either every newline ends a record, or
//! newlines inside quotes do not. For both this file holds the *strict state machine*, the
//! specification that every faster way of finding borders must agree with. It is the machine of the
//! `csv-core` crate, so that Tamis and the `csv` crate see the same records: `\n`, `\r\n` and a
//! bare `\r` end a record, blank lines are no records, and a quote inside an unquoted field is an
//! ordinary byte.
//!
//! What a stretch of bytes does to the machine is a [`Transition`]: a map from the state before
//! it to the state after it. Transitions compose, and composition is associative, so chunks can
//! be scanned in any order and their start states found by composing what came before.

/// How the records of an input are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Every `\n` ends a record (JSON lines, logs); `\r` is an ordinary byte.
    Lines,
    /// Every such byte ends a record, as NUL does in what `find -print0` writes.
    Terminated(u8),
    /// Delimiter-separated records that may hold quoted terminators.
    Quoted(Quoting),
}

/// The bytes that matter to the record borders of a delimiter-separated input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoting {
    /// Separates fields (`,`).
    pub delimiter: u8,
    /// Opens and closes a field that may hold delimiters and terminators; `None`: quoting is off.
    pub quote: Option<u8>,
    /// Inside quotes, makes the next byte literal (`\`); a doubled quote works as well.
    pub escape: Option<u8>,
    /// A record that starts with this byte is a comment up to the next `\n`.
    pub comment: Option<u8>,
    /// Spaces and tabs between a delimiter and a quote are not part of the field.
    pub trim: bool,
    /// The terminator that chunks are cut at.
    pub terminator: Terminator,
}

impl Framing {
    /// The byte that ends a record wherever it stands; `None` where that depends on what is before it.
    pub(crate) fn terminator(&self) -> Option<u8> {
        match self {
            Framing::Lines => Some(b'\n'),
            Framing::Terminated(byte) => Some(*byte),
            Framing::Quoted(_) => None,
        }
    }

    /// Bytes that the machine may tell from others; to it, all others are alike.
    fn special_bytes(&self) -> Vec<u8> {
        let mut special = vec![self.terminator().unwrap_or(b'\n')];
        if let Framing::Quoted(quoting) = self {
            special.extend([b'\r', b' ', b'\t', quoting.delimiter]);
            special.extend(
                [quoting.quote, quoting.escape, quoting.comment]
                    .iter()
                    .flatten(),
            );
        }
        special
    }
}

impl Quoting {
    /// RFC 4180: comma, double quote, nothing else.
    pub const RFC4180: Quoting = Quoting {
        delimiter: b',',
        quote: Some(b'"'),
        escape: None,
        comment: None,
        trim: false,
        terminator: Terminator::Newline,
    };

    /// Whether the parity of the quotes before a byte tells if it lies inside quotes. Escapes,
    /// comments (which may hold quotes) and trimming break that; stray quotes do too, but those
    /// can only be found by looking.
    pub fn is_parity_valid(&self) -> bool {
        self.escape.is_none() && self.comment.is_none() && !self.trim
    }
}

/// What ends a record. `\r\n`, `\n` and a bare `\r` end one under either; this says which byte is
/// common enough to cut chunks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminator {
    /// `\n` or `\r\n`.
    Newline,
    /// Bare `\r` (old Macintosh files): found when the first 64 KiB hold `\r` and no `\n`.
    CarriageReturn,
}

/// What the strict machine knows between two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// A record may start with the next byte.
    RecordStart = 0,
    /// A field starts with the next byte; the record has begun.
    FieldStart = 1,
    /// Inside an unquoted field, or after a closing quote that bytes follow.
    Field = 2,
    /// Inside quotes.
    Quoted = 3,
    /// After a quote that stood inside quotes: it closed the field, or is half of a doubled one.
    QuoteInQuoted = 4,
    /// After an escape inside quotes.
    Escaped = 5,
    /// Inside a comment.
    Comment = 6,
    /// After a `\r` that ended a record (or a blank line); a `\n` now belongs to it.
    AfterCarriageReturn = 7,
}

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [State; 8] = [
        State::RecordStart,
        State::FieldStart,
        State::Field,
        State::Quoted,
        State::QuoteInQuoted,
        State::Escaped,
        State::Comment,
        State::AfterCarriageReturn,
    ];

    /// Whether the bytes so far end with a complete record (or are empty).
    pub fn is_between_records(self) -> bool {
        matches!(self, State::RecordStart | State::AfterCarriageReturn)
    }

    /// Whether the machine is inside quotes, so that a newline ends nothing.
    pub fn is_quoted(self) -> bool {
        matches!(self, State::Quoted | State::Escaped)
    }

    /// The state of this number, as in `state as u8`; `None` when there is no such state.
    pub fn from_number(number: u32) -> Option<State> {
        State::ALL.get(number as usize).copied()
    }
}

/// What a stretch of bytes does to the machine: for each state before it the state after it, or
/// *unknown* where a fast scan could not tell and the strict machine must run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition(u32);

impl Transition {
    /// What no bytes at all do.
    pub const IDENTITY: Transition = Transition(0x7654_3210);

    /// The transition that takes every state to `state`.
    pub fn constant(state: State) -> Transition {
        Transition(0x1111_1111 * state as u32)
    }

    /// The transition that maps each state by `end`; `None` stands for unknown.
    pub fn from_fn(mut end: impl FnMut(State) -> Option<State>) -> Transition {
        let mut packed = 0;
        for state in State::ALL {
            let number = end(state).map_or(0xF, |end| end as u32);
            packed |= number << (4 * state as u32);
        }
        Transition(packed)
    }

    /// The state after the stretch when `start` was the state before it; `None`: unknown.
    pub fn apply(self, start: State) -> Option<State> {
        State::from_number(self.0 >> (4 * start as u32) & 0xF)
    }

    /// This stretch, then `next`.
    #[must_use]
    pub fn then(self, next: Transition) -> Transition {
        Transition::from_fn(|start| self.apply(start).and_then(|middle| next.apply(middle)))
    }

    /// The transition as four bits for each state, state 0 lowest.
    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    /// The inverse of [`to_bits`](Self::to_bits).
    pub(crate) fn from_bits(bits: u32) -> Transition {
        Transition(bits)
    }
}

/// The strict state machine of one [`Framing`], as a table.
#[derive(Clone, Debug)]
pub struct Machine {
    framing: Framing,
    next: Box<[[State; 256]; 8]>,
}

impl Machine {
    /// Builds the table.
    pub fn new(framing: Framing) -> Machine {
        let step = |state, byte| match &framing {
            Framing::Quoted(quoting) => quoting.step(state, byte),
            _ if framing.terminator() == Some(byte) => State::RecordStart,
            _ => State::Field,
        };
        let special = framing.special_bytes();
        let ordinary = (0..=255).find(|byte| !special.contains(byte));
        let ordinary = ordinary.expect("eight bytes are special");
        let mut next = Box::new([[State::RecordStart; 256]; 8]);
        for (state, row) in State::ALL.into_iter().zip(next.iter_mut()) {
            row.fill(step(state, ordinary));
            for &byte in &special {
                row[usize::from(byte)] = step(state, byte);
            }
        }
        Machine { framing, next }
    }

    /// The framing this machine was built for.
    pub fn framing(&self) -> &Framing {
        &self.framing
    }

    /// The state after one byte.
    #[inline]
    pub fn step(&self, state: State, byte: u8) -> State {
        self.next[state as usize][usize::from(byte)]
    }

    /// The state after `bytes`.
    pub fn run(&self, start: State, bytes: &[u8]) -> State {
        bytes
            .iter()
            .fold(start, |state, &byte| self.step(state, byte))
    }

    /// What `bytes` do to every state.
    ///
    /// States that have met stay together, and after a few bytes at most two or three distinct
    /// ones are left ("inside quotes", "outside", "in a comment"), so this costs that many runs.
    pub fn transition(&self, bytes: &[u8]) -> Transition {
        let mut slot_of_start = [0usize, 1, 2, 3, 4, 5, 6, 7];
        let mut distinct: Vec<State> = State::ALL.to_vec();
        for piece in bytes.chunks(256) {
            for state in &mut distinct {
                *state = self.run(*state, piece);
            }
            let mut merged: Vec<State> = Vec::with_capacity(distinct.len());
            let mut slot_of_slot = [0usize; 8];
            for (slot, state) in distinct.iter().enumerate() {
                slot_of_slot[slot] = merged
                    .iter()
                    .position(|known| known == state)
                    .unwrap_or_else(|| {
                        merged.push(*state);
                        merged.len() - 1
                    });
            }
            for slot in &mut slot_of_start {
                *slot = slot_of_slot[*slot];
            }
            distinct = merged;
        }
        Transition::from_fn(|start| Some(distinct[slot_of_start[start as usize]]))
    }

    /// Where the quote stands that is still open after `bytes`, if one is.
    pub fn open_quote(&self, start: State, bytes: &[u8]) -> Option<usize> {
        let (mut state, mut opened) = (start, None);
        for (offset, &byte) in bytes.iter().enumerate() {
            let next = self.step(state, byte);
            if next == State::Quoted && !state.is_quoted() && state != State::QuoteInQuoted {
                opened = Some(offset);
            }
            state = next;
        }
        opened.filter(|_| state.is_quoted())
    }

    /// Where the record (comment, blank line) that is under way at `start` ends: the offset just
    /// after its terminator, or `None` when `bytes` hold no end.
    ///
    /// A `\r` at the very end of `bytes` counts as the end although a `\n` may follow it:
    /// look at the next byte with [`State::AfterCarriageReturn`] in mind.
    pub fn record_end(&self, start: State, bytes: &[u8]) -> Option<usize> {
        if let Some(terminator) = self.framing.terminator() {
            return memchr::memchr(terminator, bytes).map(|at| at + 1);
        }
        let mut state = start;
        for (offset, &byte) in bytes.iter().enumerate() {
            state = self.step(state, byte);
            match state {
                State::RecordStart => return Some(offset + 1),
                State::AfterCarriageReturn => {
                    let newline_follows = bytes.get(offset + 1) == Some(&b'\n');
                    return Some(offset + 1 + usize::from(newline_follows));
                }
                _ => {}
            }
        }
        None
    }
}

impl Quoting {
    /// One step of the machine: the specification, after csv-core's `Reader` (`transition_nfa`).
    fn step(&self, state: State, byte: u8) -> State {
        let is = |special: Option<u8>| special == Some(byte);
        match state {
            State::AfterCarriageReturn if byte == b'\n' => State::RecordStart,
            State::RecordStart | State::AfterCarriageReturn => {
                if is(self.comment) {
                    State::Comment
                } else {
                    self.step(State::FieldStart, byte)
                }
            }
            State::FieldStart => {
                if is(self.quote) {
                    State::Quoted
                } else if self.trim && (byte == b' ' || byte == b'\t') && byte != self.delimiter {
                    State::FieldStart
                } else {
                    self.step(State::Field, byte)
                }
            }
            State::Field => {
                if byte == self.delimiter {
                    State::FieldStart
                } else if byte == b'\n' {
                    State::RecordStart
                } else if byte == b'\r' {
                    State::AfterCarriageReturn
                } else {
                    State::Field
                }
            }
            State::Quoted => {
                if is(self.quote) {
                    State::QuoteInQuoted
                } else if is(self.escape) {
                    State::Escaped
                } else {
                    State::Quoted
                }
            }
            State::Escaped => State::Quoted,
            State::QuoteInQuoted => {
                if is(self.quote) {
                    State::Quoted
                } else {
                    self.step(State::Field, byte)
                }
            }
            State::Comment => {
                let ends = byte == b'\n'
                    || (byte == b'\r' && self.terminator == Terminator::CarriageReturn);
                if ends {
                    State::RecordStart
                } else {
                    State::Comment
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn awkward_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = proptest::sample::select(b"ab,,\"\"\n\r\\# ".to_vec());
        proptest::collection::vec(byte, 0..60)
    }

    fn dialects() -> impl Strategy<Value = Quoting> {
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(escape, comment, trim)| Quoting {
            escape: escape.then_some(b'\\'),
            comment: comment.then_some(b'#'),
            trim,
            ..Quoting::RFC4180
        })
    }

    /// Records of `bytes` by the machine, as byte ranges without terminators.
    fn records(machine: &Machine, bytes: &[u8]) -> usize {
        let (mut state, mut count) = (State::RecordStart, 0);
        for &byte in bytes {
            let next = machine.step(state, byte);
            let was_record = !state.is_between_records() && state != State::Comment;
            count += usize::from(was_record && next.is_between_records());
            state = next;
        }
        count + usize::from(!state.is_between_records() && state != State::Comment)
    }

    proptest! {
        /// Goal: no byte that matters is taken for an ordinary one.
        #[test]
        fn the_table_is_the_definition(quoting in dialects(), delimiter in any::<u8>()) {
            let quoting = Quoting { delimiter, ..quoting };
            let machine = Machine::new(Framing::Quoted(quoting));
            for state in State::ALL {
                for byte in 0..=255 {
                    prop_assert_eq!(machine.step(state, byte), quoting.step(state, byte));
                }
            }
        }

        #[test]
        fn transitions_compose(bytes in awkward_bytes(), cut in 0..60usize, quoting in dialects()) {
            let machine = Machine::new(Framing::Quoted(quoting));
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            let whole = machine.transition(&bytes);
            prop_assert_eq!(machine.transition(left).then(machine.transition(right)), whole);
            for state in State::ALL {
                prop_assert_eq!(whole.apply(state), Some(machine.run(state, &bytes)));
            }
            prop_assert_eq!(Transition::from_bits(whole.to_bits()), whole);
        }

        #[test]
        fn the_csv_crate_sees_the_same_records(bytes in awkward_bytes(), escape: bool, comment: bool) {
            let quoting = Quoting {
                escape: escape.then_some(b'\\'),
                comment: comment.then_some(b'#'),
                ..Quoting::RFC4180
            };
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .escape(quoting.escape)
                .comment(quoting.comment)
                .from_reader(&bytes[..]);
            let machine = Machine::new(Framing::Quoted(quoting));
            let found = reader.byte_records().map(Result::unwrap).count();
            // csv 1.4 reports an empty record for a last comment without `\n`; it is none.
            let phantom = machine.run(State::RecordStart, &bytes) == State::Comment;
            prop_assert_eq!(records(&machine, &bytes), found - usize::from(phantom));
        }
    }

    #[test]
    fn record_end_takes_both_bytes_of_crlf() {
        let machine = Machine::new(Framing::Quoted(Quoting::RFC4180));
        assert_eq!(
            machine.record_end(State::RecordStart, b"a,\"x\r\ny\"\r\nb"),
            Some(10)
        );
        assert_eq!(machine.record_end(State::RecordStart, b"a\rb"), Some(2));
        assert_eq!(machine.record_end(State::Quoted, b"still inside\n"), None);
    }
}
