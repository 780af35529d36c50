//! Any of many texts, by sampling: one look-up for several bytes.
//!
//! Of every text a stretch of `gram_bytes + stride - 1` bytes is chosen, the rarest one, and all
//! `stride` grams of it go into a table. Wherever the text stands, one of `stride` neighbouring
//! positions is probed, so one of these grams is seen. What is in the table leads to the texts it is
//! a gram of, and these are compared.
//!
//! An automaton waits for each byte before it reads the next. Here nothing waits, and the longer the
//! shortest text, the fewer positions are probed: 1000 identifiers of five to fourteen letters are
//! found three to four times as fast as by a full automaton, 50 of them six times.

use super::frequency::TextRates;
use super::text::{CASE_BIT, Text};

/// Most probes between two looks at what they found.
const PROBES: usize = 16;
/// A gram is read as eight bytes, of which it is the first few.
const GRAM_BYTES_MAX: usize = 8;
const STRIDES: [usize; 6] = [1, 2, 3, 4, 6, 8];

/// Nanoseconds of a probe, and of a gram that is found in vain: twice what it takes, because grams of
/// words are twice as frequent as [`TextRates`] has them.
const PROBE_COST: f64 = 0.4;
const COMPARE_COST: f64 = 40.0;

/// Words of the table, of 32 bits each: the first fits the first cache, the others the second.
const SMALL: usize = 1 << 12;
const MIDDLE: usize = 1 << 14;
const LARGE: usize = 1 << 16;
/// How full a table may be: grams per bit.
const FULL: f64 = 0.005;

/// Finds any of several texts.
#[derive(Debug)]
pub(super) struct Grams {
    texts: Vec<Text>,
    /// What is set in every gram before it is looked up: the case of letters, if a text ignores it.
    folding: u64,
    sampling: Sampling,
    table: Table,
    /// Where the entries of a bucket start; the next bucket's start is their end.
    buckets: Vec<u32>,
    entries: Vec<Entry>,
}

/// A bit for each hash of a gram.
#[derive(Debug)]
enum Table {
    Small(Box<[u32; SMALL]>),
    Middle(Box<[u32; MIDDLE]>),
    Large(Box<[u32; LARGE]>),
}

/// How long grams are and how far apart they are looked for.
#[derive(Clone, Copy, Debug)]
struct Sampling {
    gram_bytes: usize,
    stride: usize,
    cost: f64,
}

/// A text and where in it the gram stands.
#[derive(Clone, Copy, Debug)]
struct Entry {
    text: u32,
    offset: u32,
    /// The first bytes of the text, its case bits, and which of eight they are: enough to rule most of
    /// them out.
    first: u64,
    case_bits: u64,
    mask: u64,
}

impl Entry {
    fn new(index: u32, text: &Text, offset: usize) -> Entry {
        let len = text.bytes.len().min(GRAM_BYTES_MAX);
        Entry {
            text: index,
            offset: offset as u32,
            first: number(&text.bytes[..len]),
            case_bits: number(&text.case_bits[..len]),
            mask: u64::MAX >> (64 - 8 * len),
        }
    }

    /// Whether the text may start with these bytes.
    #[inline(always)]
    fn may_start(&self, bytes: &[u8; GRAM_BYTES_MAX]) -> bool {
        (u64::from_le_bytes(*bytes) | self.case_bits) & self.mask == self.first
    }
}

/// Up to eight bytes as a number, the first the lowest.
fn number(bytes: &[u8]) -> u64 {
    let mut eight = [0; GRAM_BYTES_MAX];
    eight[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(eight)
}

/// Which bytes of a text are sampled, and how often their grams are expected in other text.
struct Stretch {
    start: usize,
    rate: f64,
}

impl Sampling {
    /// The cheapest one for all of `texts`.
    fn best(texts: &[Text]) -> Option<Sampling> {
        let shortest = texts.iter().map(|text| text.bytes.len()).min()?;
        let mut best: Option<Sampling> = None;
        for gram_bytes in 2..=GRAM_BYTES_MAX.min(shortest) {
            let rates = TextRates::new();
            let rates: Vec<Vec<f64>> = texts
                .iter()
                .map(|text| {
                    let grams = text.bytes.windows(gram_bytes);
                    grams.map(|gram| rates.rate(gram)).collect()
                })
                .collect();
            for stride in STRIDES {
                if gram_bytes + stride - 1 > shortest {
                    break;
                }
                let found: f64 = rates
                    .iter()
                    .map(|rates| Stretch::rarest(rates, stride).rate)
                    .sum();
                let grams = texts.len() * stride;
                let set = grams as f64 / (table_words(grams) * 32) as f64;
                let cost = (PROBE_COST + (found + set) * COMPARE_COST) / stride as f64;
                if best.is_none_or(|best| cost < best.cost) {
                    best = Some(Sampling {
                        gram_bytes,
                        stride,
                        cost,
                    });
                }
            }
        }
        best
    }

    /// Mixes the first bytes of eight: the factor shifts the others out. The highest bits are the best.
    #[inline(always)]
    fn hash(&self, bytes: u64) -> u64 {
        bytes.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 << (64 - 8 * self.gram_bytes))
    }
}

impl Stretch {
    /// Where `stride` neighbouring grams are rarest together.
    fn rarest(rates: &[f64], stride: usize) -> Stretch {
        let sums = rates.windows(stride).map(|grams| grams.iter().sum());
        let stretches = sums
            .enumerate()
            .map(|(start, rate)| Stretch { start, rate });
        stretches
            .min_by(|one, other| one.rate.total_cmp(&other.rate))
            .expect("no text is shorter than a stretch")
    }
}

fn table_words(grams: usize) -> usize {
    let fits = |words: &usize| grams as f64 <= FULL * (words * 32) as f64;
    [SMALL, MIDDLE].into_iter().find(fits).unwrap_or(LARGE)
}

/// Which bit of which word of a table a hash has.
#[inline(always)]
fn place<const LEN: usize>(hash: u64) -> (usize, u32) {
    let bits = LEN.ilog2();
    (
        (hash >> (64 - bits)) as usize,
        (hash >> (59 - bits)) as u32 % u32::BITS,
    )
}

impl Grams {
    /// `None` if there is no text, or one of less than two bytes, or more than a million.
    pub(super) fn new(texts: &[Text]) -> Option<Grams> {
        let sampling = Sampling::best(texts).filter(|_| texts.len() <= 1 << 20)?;
        let folding = match texts.iter().all(Text::is_plain) {
            true => 0,
            false => u64::from_le_bytes([CASE_BIT; GRAM_BYTES_MAX]),
        };
        let mut hashed = Vec::new();
        let rates = TextRates::new();
        for (index, text) in (0..).zip(texts) {
            let grams = text.bytes.windows(sampling.gram_bytes);
            let rates: Vec<_> = grams.map(|gram| rates.rate(gram)).collect();
            let stretch = Stretch::rarest(&rates, sampling.stride);
            for offset in stretch.start..stretch.start + sampling.stride {
                let gram = number(&text.bytes[offset..][..sampling.gram_bytes]);
                let hash = sampling.hash(gram | folding);
                hashed.push((hash, Entry::new(index, text, offset)));
            }
        }
        hashed.sort_by_key(|&(hash, _)| hash);
        let bucket_bits = (2 * hashed.len()).ilog2();
        let mut buckets = vec![0; (1 << bucket_bits) + 1];
        for (hash, _) in &hashed {
            buckets[(hash >> (64 - bucket_bits)) as usize + 1] += 1;
        }
        for bucket in 1..buckets.len() {
            buckets[bucket] += buckets[bucket - 1];
        }
        Some(Grams {
            texts: texts.to_vec(),
            folding,
            sampling,
            table: Table::new(&hashed),
            buckets,
            entries: hashed.into_iter().map(|(_, entry)| entry).collect(),
        })
    }

    /// Nanoseconds per byte of text.
    pub(super) fn cost(&self) -> f64 {
        self.sampling.cost
    }

    /// Where a text starts, in the first line that has one; in that line it need not be the first.
    ///
    /// `from` is the start of a line, and no text contains the end of one.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match &self.table {
            Table::Small(table) => self.find_in(table, bytes, from),
            Table::Middle(table) => self.find_in(table, bytes, from),
            Table::Large(table) => self.find_in(table, bytes, from),
        }
    }

    fn find_in<const LEN: usize>(
        &self,
        table: &[u32; LEN],
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        match self.sampling.stride {
            1 => self.find_by::<LEN, 1>(table, bytes, from),
            2 => self.find_by::<LEN, 2>(table, bytes, from),
            3 => self.find_by::<LEN, 3>(table, bytes, from),
            4 => self.find_by::<LEN, 4>(table, bytes, from),
            6 => self.find_by::<LEN, 6>(table, bytes, from),
            _ => self.find_by::<LEN, 8>(table, bytes, from),
        }
    }

    fn find_by<const LEN: usize, const STRIDE: usize>(
        &self,
        table: &[u32; LEN],
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        let mut at = from;
        // The last gram of a stretch is read with up to seven bytes after it.
        while let Some(stretch) = bytes.get(at..at + PROBES * STRIDE + GRAM_BYTES_MAX) {
            let mut found = 0_u32;
            for probe in 0..PROBES {
                let gram = stretch[probe * STRIDE..]
                    .first_chunk()
                    .expect("eight bytes");
                let gram = u64::from_le_bytes(*gram) | self.folding;
                let (word, bit) = place::<LEN>(self.sampling.hash(gram));
                found = found << 1 | table[word] >> bit & 1;
            }
            found <<= u32::BITS as usize - PROBES;
            while found != 0 {
                let probe = found.leading_zeros() as usize;
                let start = self.text_around(bytes, from, at + probe * STRIDE);
                if start.is_some() {
                    return start;
                }
                found ^= 1 << (31 - probe);
            }
            at += PROBES * STRIDE;
        }
        let last = bytes.len().checked_sub(self.sampling.gram_bytes)?;
        (at..=last)
            .step_by(STRIDE)
            .find_map(|here| self.text_around(bytes, from, here))
    }

    /// Where a text starts that has the gram at `here`.
    fn text_around(&self, bytes: &[u8], from: usize, here: usize) -> Option<usize> {
        let gram = number(&bytes[here..][..self.sampling.gram_bytes]);
        let hash = self.sampling.hash(gram | self.folding);
        let bucket_bits = (self.buckets.len() - 1).ilog2();
        let bucket = (hash >> (64 - bucket_bits)) as usize;
        let entries = self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize;
        self.entries[entries].iter().find_map(|entry| {
            let start = here.checked_sub(entry.offset as usize)?;
            let rest = &bytes[start..];
            let differs = |first| !entry.may_start(first);
            if start < from || rest.first_chunk().is_some_and(differs) {
                return None;
            }
            let text = &self.texts[entry.text as usize];
            text.starts(rest).then_some(start)
        })
    }
}

impl Table {
    fn new(hashed: &[(u64, Entry)]) -> Table {
        match table_words(hashed.len()) {
            SMALL => Table::Small(Table::of(hashed)),
            MIDDLE => Table::Middle(Table::of(hashed)),
            _ => Table::Large(Table::of(hashed)),
        }
    }

    fn of<const LEN: usize>(hashed: &[(u64, Entry)]) -> Box<[u32; LEN]> {
        let mut table: Box<[u32; LEN]> = vec![0; LEN]
            .into_boxed_slice()
            .try_into()
            .expect("of that length");
        for &(hash, _) in hashed {
            let (word, bit) = place::<LEN>(hash);
            table[word] |= 1 << bit;
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use tamis_engine::kernel::ByteSet;

    use super::*;

    /// A text of a few letters, each of one case or of both.
    fn text() -> impl Strategy<Value = Text> {
        let class = select(vec!["a", "b", "c", "B", "aA", "bB"]);
        vec(class, 2..12).prop_map(|classes| {
            let classes = classes.iter().map(|class| ByteSet::of(class.bytes()));
            Text::of(&classes.collect::<Vec<_>>()).expect("letters")
        })
    }

    proptest! {
        #[test]
        fn finds_what_is_there(
            texts in vec(text(), 1..20),
            bytes in "[abcA\n]{0,400}",
            from in 0..50_usize,
        ) {
            let bytes = bytes.as_bytes();
            let from = from.min(bytes.len());
            let grams = Grams::new(&texts).expect("texts of two bytes");
            let is_text = |at: usize| texts.iter().any(|text| text.starts(&bytes[at..]));
            let first = (from..bytes.len()).find(|&at| is_text(at));
            let found = grams.find(bytes, from);
            prop_assert_eq!(found.is_some(), first.is_some(), "{:?}", grams);
            if let Some((found, first)) = found.zip(first) {
                prop_assert!(is_text(found) && found >= first);
                prop_assert!(!bytes[first..found].contains(&b'\n'));
            }
        }
    }
}
