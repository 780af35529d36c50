//! Three-valued logic, and the steps that have a value where an operand has none.

use super::view::{self, Lane as Values, View};
use super::{LaneMut, Out, Run, Scratch};
use crate::program::{Op, Step};

impl Run<'_> {
    pub(super) fn logic(&self, step: &Step, out: Out<'_>, scratch: &mut Scratch) {
        match step.op {
            Op::And => self.chain(step, 0, out),
            // "Or" is "and" with truth and falsehood exchanged.
            Op::Or => self.chain(step, u64::MAX, out),
            Op::IsNull | Op::IsPresent => self.asked(step, out),
            Op::Choose(_) => self.choose(step, out, scratch),
            Op::Coalesce(_) => self.coalesce(step, out, scratch),
            _ => unreachable!("the other steps are strict"),
        }
    }

    /// False if one operand is, true if all are, after `flip`. A failure counts only where the others do not settle it.
    fn chain(&self, step: &Step, flip: u64, out: Out<'_>) {
        let Out {
            values: LaneMut::Bits(bits),
            present,
            failed,
        } = out
        else {
            return;
        };
        // Until the end `bits` says that an operand is false, and `present` that all are true.
        bits.resize(present.len(), 0);
        for &operand in &step.operands {
            let view = self.view(operand);
            for (word, (any_false, all_true)) in bits.iter_mut().zip(&mut *present).enumerate() {
                let (known, value) = (view.presence.word(word), view.data.bits(word) ^ flip);
                *any_false |= known & !value;
                *all_true &= known & value;
            }
            view::union(failed, view.failed);
        }
        failed
            .iter_mut()
            .zip(&*bits)
            .for_each(|(failed, settled)| *failed &= !settled);
        let last = self.last_rows();
        if let Some(word) = bits.last_mut() {
            *word &= last;
        }
        for (any_false, all_true) in bits.iter_mut().zip(present) {
            let is_true = if flip == 0 { *all_true } else { *any_false };
            *all_true |= *any_false;
            *any_false = is_true;
        }
    }

    /// The rows in the last word of bits.
    fn last_rows(&self) -> u64 {
        match self.rows % 64 {
            0 => u64::MAX,
            rest => (1 << rest) - 1,
        }
    }

    fn asked(&self, step: &Step, out: Out<'_>) {
        let presence = self.view(step.operands[0]).presence;
        let flip = if step.op == Op::IsNull { u64::MAX } else { 0 };
        if let LaneMut::Bits(bits) = out.values {
            let rows = out.present.iter().enumerate();
            bits.extend(rows.map(|(word, rows)| (presence.word(word) ^ flip) & rows));
        }
    }

    fn choose(&self, step: &Step, mut out: Out<'_>, scratch: &mut Scratch) {
        let takes_one = &mut scratch.bits;
        let views = [0, 1, 2].map(|index| self.view(step.operands[index]));
        let [condition, one, other] = views;
        if views.iter().any(|view| !view.failed.is_empty()) {
            out.failed.resize(out.present.len(), 0);
        }
        takes_one.clear();
        for (word, present) in out.present.iter_mut().enumerate() {
            let known = condition.presence.word(word) & *present;
            let is_true = condition.data.bits(word) & known;
            let is_false = known & !is_true;
            *present = is_true & one.presence.word(word) | is_false & other.presence.word(word);
            if let Some(failed) = out.failed.get_mut(word) {
                let of = |view: View<'_>| view.failed.get(word).copied().unwrap_or(0);
                *failed = of(condition) | is_true & of(one) | is_false & of(other);
            }
            takes_one.push(is_true);
        }
        self.merge(scratch, one, other, &mut out);
    }

    fn coalesce(&self, step: &Step, mut out: Out<'_>, scratch: &mut Scratch) {
        let takes_one = &mut scratch.bits;
        let [one, other] = [0, 1].map(|index| self.view(step.operands[index]));
        view::union(out.failed, one.failed);
        view::union(out.failed, other.failed);
        takes_one.clear();
        for (word, present) in out.present.iter_mut().enumerate() {
            takes_one.push(one.presence.word(word));
            *present &= one.presence.word(word) | other.presence.word(word);
            if let Some(failed) = out.failed.get_mut(word) {
                *failed &= !*present;
            }
        }
        self.merge(scratch, one, other, &mut out);
    }

    /// The values of `one` where its bit in the scratch is set, of `other` elsewhere.
    fn merge(&self, scratch: &mut Scratch, one: View<'_>, other: View<'_>, out: &mut Out<'_>) {
        let Scratch {
            bits: takes_one,
            room,
            ..
        } = scratch;
        let is_one = |row: usize| takes_one[row / 64] >> (row % 64) & 1 == 1;
        match &mut out.values {
            LaneMut::Null => {}
            LaneMut::Bits(bits) => {
                let words = takes_one.iter().zip(&*out.present).enumerate();
                bits.extend(words.map(|(word, (takes_one, present))| {
                    let (one, other) = (one.data.bits(word), other.data.bits(word));
                    (takes_one & one | !takes_one & other) & present
                }));
            }
            LaneMut::Integers(values) => {
                let (one, other) = (one.data.integers(), other.data.integers());
                values.extend((0..self.rows).map(|row| pick(is_one(row), one, other, row)));
            }
            LaneMut::Numbers(values) => {
                let (one, other) = (one.data.numbers(), other.data.numbers());
                values.extend((0..self.rows).map(|row| pick(is_one(row), one, other, row)));
            }
            LaneMut::Texts(texts) => {
                let (one, other) = (one.data.texts(), other.data.texts());
                for row in 0..self.rows {
                    let text = if is_one(row) {
                        one.get(row)
                    } else {
                        other.get(row)
                    };
                    room.push(texts, text.len(), |out| out.extend_from_slice(text));
                }
            }
        }
    }
}

#[inline]
fn pick<T: Copy>(is_one: bool, one: Values<'_, T>, other: Values<'_, T>, row: usize) -> T {
    if is_one { one.get(row) } else { other.get(row) }
}
