//! What is kept of rows that are seen once, in case their keys turn out to occur before.
//!
//! Two things cannot be known before the end: whether a duplicate is the only fault of its row, and whether it is among
//! the first violations. For the one the bad rows are remembered, a bit each; for the other the shown values of
//! rows with a key, until enough violations are known. Past a budget the values go into an unnamed file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use roaring::RoaringTreemap;
use tamis_engine::{Error, Result};

use crate::check::merge::{Located, Tally};
use crate::check::part::{Details, Part};
use crate::check::worker::Pass;
use crate::unique::Duplicates;

/// See the module.
pub(super) struct Kept {
    /// Rows of the run that are bad for another reason than a repeated key, among those with a key.
    bad: RoaringTreemap,
    values: Vec<Values>,
    memory_bytes: usize,
    memory_bytes_max: usize,
    spill: Spill,
}

/// The values of one unique rule in one part.
struct Values {
    /// Index of the rule among the unique ones.
    unique: usize,
    /// Rows of the run.
    rows: std::ops::Range<u64>,
    place: Place,
}

enum Place {
    Memory(Box<[u8]>),
    /// First byte and length.
    File(u64, usize),
}

struct Spill {
    directory: PathBuf,
    file: Option<File>,
    len_bytes: u64,
}

impl Kept {
    pub(super) fn new(memory_bytes_max: usize, spill_dir: Option<PathBuf>) -> Kept {
        Kept {
            bad: RoaringTreemap::new(),
            values: Vec::new(),
            memory_bytes: 0,
            memory_bytes_max,
            spill: Spill {
                directory: spill_dir.unwrap_or_else(std::env::temp_dir),
                file: None,
                len_bytes: 0,
            },
        }
    }

    pub(super) fn spilled_bytes(&self) -> u64 {
        self.spill.len_bytes
    }

    /// Takes what the rows of a part that begins at `first_row` may have to be shown with; `is_shown`: a violation in it
    /// can still be among those that are shown.
    pub(super) fn take(&mut self, part: &mut Part, first_row: u64, is_shown: bool) -> Result<()> {
        for keys in &part.keys {
            let bad = keys.iter().filter(|keyed| keyed.is_bad);
            self.bad
                .extend(bad.map(|keyed| first_row + u64::from(keyed.row)));
        }
        for (unique, details) in std::mem::take(&mut part.details).into_iter().enumerate() {
            let rows: Vec<u32> = part.keys[unique].iter().map(|keyed| keyed.row).collect();
            if !is_shown || details.rows.is_empty() {
                continue;
            }
            let encoded = encode(&rows, &details);
            self.memory_bytes += encoded.len();
            self.values.push(Values {
                unique,
                rows: first_row..first_row + part.totals.rows,
                place: Place::Memory(encoded),
            });
        }
        if self.memory_bytes > self.memory_bytes_max {
            for values in &mut self.values {
                if let Place::Memory(encoded) = &values.place {
                    values.place = self.spill.put(encoded)?;
                }
            }
            self.memory_bytes = 0;
        }
        Ok(())
    }

    /// Counts the duplicates, and puts those that are shown among the samples.
    pub(super) fn add_duplicates(
        mut self,
        tally: &mut Tally,
        pass: &Pass<'_>,
        duplicates: &[Duplicates],
    ) -> Result<()> {
        let input = tally
            .inputs
            .last()
            .expect("there is one input")
            .name
            .clone();
        for (index, (unique, found)) in pass.compiled.unique.iter().zip(duplicates).enumerate() {
            let Some(id) = unique.rule else { continue };
            tally.by_rule[id.0 as usize] += found.count();
            if pass.makes_bad(id) {
                let more = found.range(0..u64::MAX).filter(|&row| self.bad.insert(row));
                let more = more.count() as u64;
                tally.invalid += more;
                tally.inputs.last_mut().expect("there is one input").invalid += more;
            }
            let rule = pass.compiled.rules.get(id);
            for (row, value) in self.first_values(index, found, pass.samples_max)? {
                tally.samples.push(Located {
                    input: input.clone(),
                    row: Some(row + 1),
                    line: None,
                    byte_offset: None,
                    column: rule.column.clone(),
                    rule: id,
                    value: Some(value),
                    message: rule.expected.clone(),
                });
            }
        }
        // Faults of the header stay in front, in their order.
        tally
            .samples
            .sort_by_key(|sample| sample.row.map(|row| (row, sample.rule)));
        tally.samples.truncate(pass.samples_max);
        Ok(())
    }

    /// The first `count_max` duplicates with their values, as far as those were kept.
    fn first_values(
        &self,
        unique: usize,
        duplicates: &Duplicates,
        count_max: usize,
    ) -> Result<Vec<(u64, String)>> {
        let mut first = Vec::new();
        for values in self.values.iter().filter(|values| values.unique == unique) {
            let mut wanted = duplicates.range(values.rows.clone()).peekable();
            if wanted.peek().is_none() {
                continue;
            }
            let read;
            let encoded = match &values.place {
                Place::Memory(encoded) => encoded,
                &Place::File(byte_offset, len_bytes) => {
                    read = self.spill.get(byte_offset, len_bytes)?;
                    &read
                }
            };
            for row in wanted {
                if first.len() == count_max {
                    return Ok(first);
                }
                let value = decode(encoded, (row - values.rows.start) as u32);
                first.push((row, value));
            }
        }
        Ok(first)
    }
}

/// The number of rows, for each its number and where its value ends, then the values; integers are little-endian `u32`.
fn encode(rows: &[u32], details: &Details) -> Box<[u8]> {
    let mut encoded = Vec::with_capacity(4 + 8 * rows.len() + details.text.len());
    encoded.extend((rows.len() as u32).to_le_bytes());
    for (row, detail) in rows.iter().zip(&details.rows) {
        encoded.extend(row.to_le_bytes());
        encoded.extend((detail.text_end as u32).to_le_bytes());
    }
    encoded.extend(details.text.as_bytes());
    encoded.into()
}

/// The value of a row of [`encode`]'s.
fn decode(encoded: &[u8], row: u32) -> String {
    let integer = |at: usize| {
        let bytes = encoded[at..].first_chunk().expect("integers are whole");
        u32::from_le_bytes(*bytes) as usize
    };
    let count = integer(0);
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        match integer(4 + 8 * middle) < row as usize {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    let end = |at: usize| integer(8 + 8 * at);
    let text = &encoded[4 + 8 * count..];
    let start = low.checked_sub(1).map_or(0, end);
    String::from_utf8_lossy(&text[start..end(low)]).into_owned()
}

impl Spill {
    fn put(&mut self, encoded: &[u8]) -> Result<Place> {
        let file = match &mut self.file {
            Some(file) => Ok(file),
            none => tempfile::tempfile_in(&self.directory).map(|file| none.insert(file)),
        };
        let written = file.and_then(|file| file.write_all(encoded));
        written.map_err(|source| Error::Write {
            output: self.name(),
            source,
        })?;
        let place = Place::File(self.len_bytes, encoded.len());
        self.len_bytes += encoded.len() as u64;
        Ok(place)
    }

    fn get(&self, byte_offset: u64, len_bytes: usize) -> Result<Box<[u8]>> {
        let mut encoded = vec![0; len_bytes];
        let read = match &self.file {
            Some(file) => file.read_exact_at(&mut encoded, byte_offset),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        read.map_err(|source| Error::Read {
            input: self.name(),
            byte_offset,
            source,
        })?;
        Ok(encoded.into())
    }

    fn name(&self) -> String {
        format!("spilled values of `unique` in {}", self.directory.display())
    }
}
