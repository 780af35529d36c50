//! What a stretch of bytes does to the framing machine, without knowing what comes before it.
//!
//! [`scan`] asks the fast kernels and says *unknown* where they cannot tell: for a range of a run that is enough,
//! because the run soon knows the true state and may ask the strict machine. [`scan_range`] must answer for
//! every state, since whoever asks may be on another machine and come back only once. It follows the states that
//! are still distinct, step by step: most of them meet at the first quoted field (a wrong guess about "inside
//! quotes" reads its opening quote as a stray one and is right again after the closing quote), and from there on
//! the kernels know the answer.

use std::ops::Range;

use crate::Result;
use crate::control::Cancel;
use crate::framing::{Framing, Machine, Quoting, State, Transition};
use crate::kernel::Kernel;
use crate::source::RandomAccess;

/// Bytes read at a time.
const READ_BYTES: u64 = 512 << 10;
/// Bytes scanned at a time. At first few: eight states are followed there, behind that one or two.
const STEP_BYTES: usize = 16 << 10;
const FIRST_STEP_BYTES: usize = 1 << 10;

/// What the bytes of `range` (clipped to the input) do to every state; nothing in it is unknown.
///
/// Costs one pass over the range by the quote kernel, and the strict machine only where that cannot tell (escapes,
/// comments, stray quotes). Of formats without quotes only the last byte is read.
///
/// # Errors
/// Those of reading, and [`Error::Interrupted`](crate::Error::Interrupted) once cancelled.
pub fn scan_range(
    access: &dyn RandomAccess,
    framing: Framing,
    range: Range<u64>,
    kernel: Kernel,
    cancel: &Cancel,
) -> Result<Transition> {
    let range = range.start..range.end.min(access.len_bytes());
    if range.start >= range.end {
        return Ok(Transition::IDENTITY);
    }
    let machine = Machine::new(framing);
    let mut follow = Follow {
        states: State::ALL,
        is_first: true,
    };
    let mut from = if depends_on_last_byte(&framing) {
        range.end - 1
    } else {
        range.start
    };
    while from < range.end {
        cancel.check()?;
        let piece = from..(from + READ_BYTES).min(range.end);
        access.with_range(piece.clone(), &mut |bytes| {
            follow.through(&machine, kernel, bytes);
        })?;
        access.release(piece.clone());
        from = piece.end;
    }
    access.verify()?;
    let Follow { states, .. } = follow;
    Ok(Transition::from_fn(|start| Some(states[start as usize])))
}

/// Whether the state after some bytes is told by the last of them.
fn depends_on_last_byte(framing: &Framing) -> bool {
    match framing {
        Framing::Lines | Framing::Terminated(_) => true,
        Framing::Quoted(quoting) => quoting.quote.is_none() && quoting.is_parity_valid(),
    }
}

/// Where each of the states has got to.
struct Follow {
    states: [State; 8],
    is_first: bool,
}

impl Follow {
    fn through(&mut self, machine: &Machine, kernel: Kernel, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = if self.is_first {
                FIRST_STEP_BYTES
            } else {
                STEP_BYTES
            };
            let (step, after) = rest.split_at(rest.len().min(len));
            self.step(machine, kernel, step);
            self.is_first = false;
            rest = after;
        }
    }

    fn step(&mut self, machine: &Machine, kernel: Kernel, bytes: &[u8]) {
        let fast = match machine.framing() {
            // What the kernels leave to the strict machine anyway; ask it for the states there are.
            Framing::Quoted(quoting) if !quoting.is_parity_valid() => None,
            _ => Some(scan(machine, kernel, bytes)),
        };
        let mut ends = [None; 8];
        for state in &mut self.states {
            let end = &mut ends[*state as usize];
            *state = *end.get_or_insert_with(|| {
                fast.and_then(|fast| fast.apply(*state))
                    .unwrap_or_else(|| machine.run(*state, bytes))
            });
        }
    }
}

/// What `body` does to every state, by the fastest way that is exact for the dialect.
pub(super) fn scan(machine: &Machine, kernel: Kernel, body: &[u8]) -> Transition {
    let last = body[body.len() - 1];
    if let Some(terminator) = machine.framing().terminator() {
        return Transition::constant(if last == terminator {
            State::RecordStart
        } else {
            State::Field
        });
    }
    match machine.framing() {
        Framing::Quoted(
            quoting @ Quoting {
                quote: Some(quote), ..
            },
        ) if quoting.is_parity_valid() => scan_parity(quoting, *quote, kernel, body),
        // Without quotes and comments the last byte alone tells.
        Framing::Quoted(quoting) if quoting.quote.is_none() && quoting.is_parity_valid() => {
            Transition::constant(end_outside(quoting, last))
        }
        _ => machine.transition(body),
    }
}

/// The transition by quote parity: exact unless a stray quote makes one hypothesis, or both, unknown.
fn scan_parity(quoting: &Quoting, quote: u8, kernel: Kernel, body: &[u8]) -> Transition {
    let (first, last) = (body[0], body[body.len() - 1]);
    let scan = kernel.scan_quotes(body, quoting.delimiter, quote);
    Transition::from_fn(|start| {
        let starts_quoted = match start {
            State::Quoted => true,
            // The kernel leaves the first byte to us: what came before it is in the state.
            State::Field if first == quote => return None,
            State::QuoteInQuoted if ![quote, quoting.delimiter, b'\n', b'\r'].contains(&first) => {
                return None;
            }
            State::Escaped | State::Comment => return None,
            _ => false,
        };
        let is_valid = if starts_quoted {
            scan.inside_ok
        } else {
            scan.outside_ok
        };
        let ends_quoted = starts_quoted ^ scan.odd;
        is_valid.then(|| {
            if ends_quoted {
                State::Quoted
            } else {
                end_after(quoting, quote, last)
            }
        })
    })
}

fn end_after(quoting: &Quoting, quote: u8, last: u8) -> State {
    if last == quote {
        State::QuoteInQuoted
    } else {
        end_outside(quoting, last)
    }
}

/// The state outside quotes and comments after the byte `last`.
fn end_outside(quoting: &Quoting, last: u8) -> State {
    match last {
        b'\n' => State::RecordStart,
        b'\r' => State::AfterCarriageReturn,
        last if last == quoting.delimiter => State::FieldStart,
        _ => State::Field,
    }
}
