//! Classes of bytes, looked up 64 bytes at a time.
//!
//! A table of all 256 bytes holds one bit for each of up to eight classes. AVX-512 looks bytes up in
//! it as it is. AVX2 has tables of sixteen entries only, so a class is made of *buckets* there: a
//! bucket is a set of high halves times a set of low halves of a byte, and one bit of two tables.
//! `[0-9]` is one bucket, `[a-z]` two, `\w` four. Where classes need more than eight, buckets are
//! joined; then they hold more bytes than they should, and what is found needs a second look.

/// The most classes of a [`ByteClasses`], and the most buckets.
pub(in crate::kernel) const CLASSES_MAX: usize = 8;

/// A class of one byte, or of two that differ in one bit, as the cases of a letter do: the bytes that are `byte` once the bits of
/// `fold` are set.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Folded {
    pub(super) fold: u8,
    pub(super) byte: u8,
}

impl Folded {
    /// `None` unless these are one byte, or two that differ in one bit.
    pub(in crate::kernel) fn new(mut bytes: impl Iterator<Item = u8>) -> Option<Folded> {
        let first = bytes.next()?;
        let second = bytes.next().unwrap_or(first);
        let fold = first ^ second;
        (bytes.next().is_none() && fold.count_ones() <= 1).then_some(Folded {
            fold,
            byte: first | second,
        })
    }
}

/// Up to eight classes, in the form of each instruction set.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct ByteClasses {
    /// Bit `c` of entry `byte` says whether class `c` has the byte.
    pub(in crate::kernel) table: [u8; 256],
    pub(super) buckets: Buckets,
}

impl ByteClasses {
    pub(in crate::kernel) fn new(table: [u8; 256]) -> ByteClasses {
        ByteClasses {
            buckets: Buckets::new(&table),
            table,
        }
    }
}

/// Bit `b` of `low[byte & 15] & high[byte >> 4]` says whether bucket `b` has the byte.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
    /// The buckets of each class.
    pub(super) of_class: [u8; CLASSES_MAX],
    /// Whether these hold the bytes of the classes and no others.
    pub(super) exact: bool,
}

impl Buckets {
    fn new(table: &[u8; 256]) -> Buckets {
        let rectangles: Vec<_> = (0..CLASSES_MAX)
            .flat_map(|class| rectangles(table, class))
            .collect();
        let mut shared: Vec<Rectangle> = Vec::new();
        for rectangle in &rectangles {
            let same =
                |known: &&mut Rectangle| (known.high, known.low) == (rectangle.high, rectangle.low);
            match shared.iter_mut().find(same) {
                Some(known) => known.classes |= rectangle.classes,
                None => shared.push(*rectangle),
            }
        }
        if shared.len() <= CLASSES_MAX {
            return Buckets::of(&shared, true);
        }
        let mut joined = rectangles;
        while joined.len() > CLASSES_MAX {
            join_nearest(&mut joined);
        }
        Buckets::of(&joined, false)
    }

    fn of(rectangles: &[Rectangle], exact: bool) -> Buckets {
        let mut buckets = Buckets {
            low: [0; 16],
            high: [0; 16],
            of_class: [0; CLASSES_MAX],
            exact,
        };
        for (index, rectangle) in rectangles.iter().enumerate() {
            for half in 0..16 {
                buckets.low[half] |= ((rectangle.low >> half & 1) as u8) << index;
                buckets.high[half] |= ((rectangle.high >> half & 1) as u8) << index;
            }
            for (class, of_class) in buckets.of_class.iter_mut().enumerate() {
                *of_class |= (rectangle.classes >> class & 1) << index;
            }
        }
        buckets
    }
}

/// All bytes with one of some high halves and one of some low halves, and whose classes these are.
#[derive(Clone, Copy, Debug)]
struct Rectangle {
    high: u16,
    low: u16,
    classes: u8,
}

impl Rectangle {
    fn bytes(&self) -> u32 {
        self.high.count_ones() * self.low.count_ones()
    }
}

/// One class: high halves that go with the same low halves are one rectangle.
fn rectangles(table: &[u8; 256], class: usize) -> Vec<Rectangle> {
    let mut found: Vec<Rectangle> = Vec::new();
    for high in 0..16 {
        let row = &table[high * 16..][..16];
        let low = (0..16).fold(0, |low, half| {
            low | u16::from(row[half] >> class & 1) << half
        });
        match found.iter_mut().find(|rectangle| rectangle.low == low) {
            Some(rectangle) => rectangle.high |= 1 << high,
            None if low == 0 => {}
            None => found.push(Rectangle {
                high: 1 << high,
                low,
                classes: 1 << class,
            }),
        }
    }
    found
}

/// Joins the two rectangles of one class that gain the fewest bytes by it.
fn join_nearest(rectangles: &mut Vec<Rectangle>) {
    let mut nearest: Option<(u32, usize, usize, Rectangle)> = None;
    for (index, one) in rectangles.iter().enumerate() {
        for (other_index, other) in rectangles.iter().enumerate().skip(index + 1) {
            if one.classes != other.classes {
                continue;
            }
            let joined = Rectangle {
                high: one.high | other.high,
                low: one.low | other.low,
                classes: one.classes,
            };
            // Rectangles of one class have no high half in common.
            let gained = joined.bytes() - one.bytes() - other.bytes();
            if nearest.is_none_or(|(least, ..)| gained < least) {
                nearest = Some((gained, index, other_index, joined));
            }
        }
    }
    let (_, index, other_index, joined) =
        nearest.expect("there are more rectangles than classes, so two belong to one");
    rectangles[index] = joined;
    rectangles.remove(other_index);
}
