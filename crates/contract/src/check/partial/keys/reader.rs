//! Reads a file of keys: its table at once, blocks as they are asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::{
    Block, DETAILS, END_BYTES, END_MAGIC, ENTRY_BYTES, HEAD_BYTES, LINE_BYTES, MAGIC, PARTITIONS,
    VERSION, word,
};
use crate::check::partial::PartialError;
use crate::unique::Key;

/// The table of a file of keys. The file is opened for each use only: there may be thousands.
#[derive(Debug)]
pub(in crate::check::partial) struct KeyReader {
    name: String,
    table: Vec<Block>,
}

/// What a report says of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check::partial) struct Detail {
    pub(in crate::check::partial) row: u64,
    pub(in crate::check::partial) line: u64,
    pub(in crate::check::partial) byte_offset: u64,
    pub(in crate::check::partial) value: String,
}

impl KeyReader {
    /// Reads the table of file `name` in `folder`, which must hold the keys of `rules` rules.
    pub(in crate::check::partial) fn open(
        folder: &Path,
        name: &str,
        rules: usize,
    ) -> Result<KeyReader, PartialError> {
        let failed = |reason: String| PartialError::Keys {
            file: name.to_owned(),
            reason,
        };
        // A partial may come from anywhere; it must not make us read other files.
        if name.contains(['/', '\\']) || !name.ends_with(".keys") {
            return Err(failed("this is no name of such a file".to_owned()));
        }
        let table = read_table(&folder.join(name), rules).map_err(|error| {
            failed(match error.kind() {
                io::ErrorKind::NotFound => {
                    "it is not there; reduce with the folder that was mapped with".to_owned()
                }
                _ => error.to_string(),
            })
        })?;
        Ok(KeyReader {
            name: name.to_owned(),
            table,
        })
    }

    /// How many keys of `rule` are in each partition.
    pub(in crate::check::partial) fn count(&self, rule: usize, counts: &mut [u64]) {
        for block in self
            .table
            .iter()
            .filter(|block| block.rule as usize == rule)
        {
            if let Some(count) = counts.get_mut(block.partition as usize) {
                *count += block.entries;
            }
        }
    }

    /// Calls `visit` with the entries of `rule` in these partitions, a block at a time: the key, and the row from the
    /// start of the range times 2, plus 1 if another rule makes it bad.
    pub(in crate::check::partial) fn entries(
        &self,
        folder: &Path,
        rule: usize,
        partitions: std::ops::Range<u32>,
        mut visit: impl FnMut(&mut dyn Iterator<Item = (Key, u64)>) -> tamis_engine::Result<()>,
    ) -> Result<(), crate::check::CheckError> {
        let wanted =
            |block: &&Block| block.rule as usize == rule && partitions.contains(&block.partition);
        let mut blocks = self.table.iter().filter(wanted).peekable();
        if blocks.peek().is_none() {
            return Ok(());
        }
        let file = self.file(folder)?;
        for block in blocks {
            let bytes = self.read(&file, block)?;
            let mut entries = bytes.chunks_exact(ENTRY_BYTES).map(|entry| {
                let (low, high) = (word(entry), word(&entry[8..]));
                let key = Key(u128::from(high) << 64 | u128::from(low));
                (key, word(&entry[16..]))
            });
            visit(&mut entries)?;
        }
        Ok(())
    }

    /// The details of `rows` (from the start of the range, ascending) under `rule`.
    pub(in crate::check::partial) fn details(
        &self,
        folder: &Path,
        rule: usize,
        rows: &[u64],
    ) -> Result<Vec<Detail>, PartialError> {
        let blocks: Vec<&Block> = self
            .table
            .iter()
            .filter(|block| block.rule as usize == rule && block.partition == DETAILS)
            .collect();
        let file = self.file(folder)?;
        let mut found = Vec::with_capacity(rows.len());
        let mut rest = rows;
        while let Some(&row) = rest.first() {
            // Blocks of details are in the order of rows.
            let at = blocks.partition_point(|block| block.first_row <= row);
            let block = at
                .checked_sub(1)
                .map(|at| blocks[at])
                .ok_or_else(|| self.damaged())?;
            let next = blocks.get(at).map_or(u64::MAX, |block| block.first_row);
            let here = rest.partition_point(|&row| row < next);
            let bytes = self.read(&file, block)?;
            let mut wanted = rest[..here].iter().copied().peekable();
            let mut details = Details {
                bytes: &bytes,
                place: [0; 3],
            };
            while let Some(&row) = wanted.peek() {
                let detail = details.next().ok_or_else(|| self.damaged())?;
                if detail.row == row {
                    wanted.next();
                    found.push(detail);
                }
            }
            rest = &rest[here..];
        }
        Ok(found)
    }

    fn file(&self, folder: &Path) -> Result<File, PartialError> {
        File::open(folder.join(&self.name)).map_err(|error| self.failed(&error))
    }

    fn read(&self, file: &File, block: &Block) -> Result<Vec<u8>, PartialError> {
        // The table was checked against the length of the file, so this is no more than the file holds.
        let mut bytes = vec![0; block.len_bytes as usize];
        file.read_exact_at(&mut bytes, block.byte_offset)
            .map_err(|error| self.failed(&error))?;
        if xxh3_64(&bytes) != block.checksum {
            return Err(self.damaged());
        }
        Ok(bytes)
    }

    fn failed(&self, error: &io::Error) -> PartialError {
        PartialError::Keys {
            file: self.name.clone(),
            reason: error.to_string(),
        }
    }

    fn damaged(&self) -> PartialError {
        PartialError::Keys {
            file: self.name.clone(),
            reason: "it is damaged, map its range again".to_owned(),
        }
    }
}

fn read_table(path: &Path, rules: usize) -> io::Result<Vec<Block>> {
    let file = File::open(path)?;
    let len_bytes = file.metadata()?.len();
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged or cut short");
    if len_bytes < HEAD_BYTES + END_BYTES as u64 {
        return Err(damaged());
    }
    let mut head = [0; HEAD_BYTES as usize];
    file.read_exact_at(&mut head, 0)?;
    let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| head[at + index]));
    if head[..8] != MAGIC[..] || half(8) != VERSION {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is no file of keys of this version",
        ));
    }
    if half(12) as usize != rules {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it belongs to another contract",
        ));
    }
    let mut end = [0; END_BYTES];
    let table_end = len_bytes - END_BYTES as u64;
    file.read_exact_at(&mut end, table_end)?;
    let (table_offset, lines, checksum) = (word(&end), word(&end[8..]), word(&end[16..]));
    let table_bytes = lines.checked_mul(LINE_BYTES as u64);
    let is_sound = end[24..] == END_MAGIC[..]
        && table_bytes.and_then(|bytes| bytes.checked_add(table_offset)) == Some(table_end);
    if !is_sound {
        return Err(damaged());
    }
    let mut bytes = vec![0; (table_end - table_offset) as usize];
    file.read_exact_at(&mut bytes, table_offset)?;
    if xxh3_64(&bytes) != checksum {
        return Err(damaged());
    }
    let (table, _) = bytes.as_chunks();
    let table: Vec<Block> = table.iter().map(Block::from_bytes).collect();
    let is_inside = |block: &Block| {
        let end = block.byte_offset.checked_add(block.len_bytes);
        end.is_some_and(|end| end <= table_offset)
            && (block.rule as usize) < rules
            && (block.partition == DETAILS
                || block.partition < PARTITIONS
                    && block.entries.checked_mul(ENTRY_BYTES as u64) == Some(block.len_bytes))
    };
    if !table.iter().all(is_inside) {
        return Err(damaged());
    }
    Ok(table)
}

/// The details in a block.
struct Details<'a> {
    bytes: &'a [u8],
    place: [u64; 3],
}

impl Details<'_> {
    /// The next one; `None` at the end, or where the bytes are none.
    fn next(&mut self) -> Option<Detail> {
        for index in 0..3 {
            let more = self.number()?;
            self.place[index] = self.place[index].checked_add(more)?;
        }
        let len_bytes = usize::try_from(self.number()?).ok()?;
        let value = self.bytes.get(..len_bytes)?;
        self.bytes = &self.bytes[len_bytes..];
        let [row, line, byte_offset] = self.place;
        Some(Detail {
            row,
            line,
            byte_offset,
            value: std::str::from_utf8(value).ok()?.to_owned(),
        })
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
