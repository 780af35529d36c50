//! The earliest and the latest date or time of a column, as they were written.

use tamis_engine::kernel::Moment;

/// A moment with its text. Of equal moments written differently (`Z`, `+00:00`) the order of the texts decides, so that
/// the order of the records does not.
pub(super) type Dated = (Moment, Box<[u8]>);

/// Both ends so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moments {
    ends: Option<(Dated, Dated)>,
}

impl Moments {
    /// Takes a moment and what it was read from.
    pub(super) fn take(&mut self, moment: Moment, text: &[u8]) {
        let this = (moment, text);
        match &mut self.ends {
            None => self.ends = Some(((moment, text.into()), (moment, text.into()))),
            Some((first, last)) => {
                if this < (first.0, &*first.1) {
                    *first = (moment, text.into());
                }
                if this > (last.0, &*last.1) {
                    *last = (moment, text.into());
                }
            }
        }
    }

    /// Takes those of another one.
    pub(super) fn merge(&mut self, other: &Moments) {
        if let Some((first, last)) = &other.ends {
            self.take(first.0, &first.1);
            self.take(last.0, &last.1);
        }
    }

    /// The earliest and the latest.
    pub(super) fn ends(&self) -> Option<&(Dated, Dated)> {
        self.ends.as_ref()
    }
}
