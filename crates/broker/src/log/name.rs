//! What the files of segments are called.
//!
//! ```text
//! 00000000000000000120.log                          as it was written: its first offset
//! 00000000000000000000-00000000000000000120-2.log   cleaned for the second time: what is left of 0 to 119
//! ```
//!
//! A segment that was cleaned takes the place of all those of an earlier generation that begin in its range, from the moment at which it
//! has its name. They are removed then, and if that is cut short, at the next start.

use std::path::Path;

/// The name of a segment: of these offsets, in this generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) base_offset: i64,
    /// How often it was cleaned; 0: it is as it was written.
    pub(crate) generation: u32,
    /// The offset behind what it takes the place of; of one that was not cleaned, its first.
    pub(crate) end_offset: i64,
}

impl SegmentName {
    /// A segment as it is written.
    pub(crate) fn written(base_offset: i64) -> SegmentName {
        SegmentName {
            base_offset,
            generation: 0,
            end_offset: base_offset,
        }
    }

    /// The name that a file has; `None`: it is no segment.
    pub(crate) fn parse(file_name: &str) -> Option<SegmentName> {
        let stem = file_name.strip_suffix(".log")?;
        if let Some(base_offset) = offset(stem) {
            return Some(SegmentName::written(base_offset));
        }
        let mut parts = stem.split('-');
        let name = SegmentName {
            base_offset: offset(parts.next()?)?,
            end_offset: offset(parts.next()?)?,
            generation: parts.next()?.parse().ok()?,
        };
        // One name alone stands for a segment.
        (parts.next().is_none() && name.file_name() == file_name).then_some(name)
    }

    /// The name of the segment whose file is at `path`.
    pub(crate) fn of(path: &Path) -> Option<SegmentName> {
        SegmentName::parse(path.file_name()?.to_str()?)
    }

    pub(crate) fn file_name(&self) -> String {
        match self.generation {
            0 => format!("{:020}.log", self.base_offset),
            _ => format!(
                "{:020}-{:020}-{}.log",
                self.base_offset, self.end_offset, self.generation
            ),
        }
    }

    /// What lies behind damage in it, from `base_offset` on: the rest of its range, of which it itself is no part any more.
    pub(crate) fn rest(&self, base_offset: i64) -> SegmentName {
        match self.generation {
            0 => SegmentName::written(base_offset),
            _ => SegmentName {
                base_offset,
                generation: self.generation + 1,
                end_offset: self.end_offset.max(base_offset + 1),
            },
        }
    }

    /// Whether it took the place of another one.
    pub(crate) fn replaces(&self, other: &SegmentName) -> bool {
        let range = self.base_offset..self.end_offset;
        self.generation > other.generation && range.contains(&other.base_offset)
    }
}

fn offset(digits: &str) -> Option<i64> {
    let is_offset = digits.len() == 20 && digits.bytes().all(|it| it.is_ascii_digit());
    is_offset.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_are_made_of() {
        let cleaned = SegmentName {
            base_offset: 7,
            generation: 12,
            end_offset: 90,
        };
        for name in [SegmentName::written(120), cleaned, cleaned.rest(30)] {
            assert_eq!(SegmentName::parse(&name.file_name()), Some(name));
        }
        for other in [
            "7.log",
            "00000000000000000007-00000000000000000090-012.log",
            "00000000000000000007-00000000000000000090-0.log",
            "00000000000000000007-00000000000000000090.log",
            "00000000000000000007-00000000000000000090-1-1.log",
            "00000000000000000007.index",
            "99999999999999999999.log",
        ] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn later_generations_take_the_place_of_what_begins_in_their_range() {
        let cleaned = |base_offset, end_offset, generation| SegmentName {
            base_offset,
            generation,
            end_offset,
        };
        let one = cleaned(10, 30, 1);
        assert!(one.replaces(&SegmentName::written(10)));
        assert!(one.replaces(&SegmentName::written(29)));
        assert!(!one.replaces(&SegmentName::written(30)));
        assert!(!one.replaces(&SegmentName::written(0)));
        assert!(!one.replaces(&cleaned(10, 20, 1)));
        assert!(cleaned(0, 30, 2).replaces(&one));
        assert!(!one.replaces(&one.rest(20)) && !one.rest(20).replaces(&one));
    }
}
