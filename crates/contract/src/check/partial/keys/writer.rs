//! Writes a file of keys while its range is read.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tamis_engine::Error;
use tempfile::TempPath;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::{
    BLOCK_BYTES, Block, DETAILS, END_MAGIC, HEAD_BYTES, MAGIC, PARTITIONS, VERSION, partition_of,
};
use crate::check::part::{Details, KeyedRow};

/// What a file of keys is to be called.
#[derive(Clone, Debug)]
pub(in crate::check::partial) enum FileName {
    /// This: whoever maps the same range again writes the same file over it.
    Known(String),
    /// By a hash of what is in it, behind this prefix.
    ByContent(&'static str),
}

/// A file of keys that is being written.
pub(in crate::check::partial) struct KeyWriter {
    folder: PathBuf,
    file: BufWriter<File>,
    /// What it is called while it is written; removed with this.
    temporary: TempPath,
    name: FileName,
    content: Xxh3Default,
    len_bytes: u64,
    table: Vec<Block>,
    rules: Vec<RuleKeys>,
}

/// What has not been written of one rule.
struct RuleKeys {
    partitions: Vec<Pending>,
    details: Pending,
    /// Row, line and byte offset of the last detail.
    last: [u64; 3],
}

/// A block that is not full yet.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    entries: u64,
    first_row: u64,
}

/// Where the rows of a part lie in the range.
#[derive(Clone, Copy, Debug)]
pub(in crate::check::partial) struct Base {
    pub(in crate::check::partial) row: u64,
    pub(in crate::check::partial) line: u64,
    pub(in crate::check::partial) byte: u64,
}

impl KeyWriter {
    /// A file in `folder` for the keys of `rules` unique rules.
    pub(in crate::check::partial) fn create(
        folder: &Path,
        name: FileName,
        rules: usize,
    ) -> Result<KeyWriter, Error> {
        // What the system says of a file that cannot be made; the crate hides the number and adds a name that nobody knows.
        let mut said = None;
        let (file, temporary) = tempfile::Builder::new()
            .prefix(".tamis-keys-")
            .make_in(folder, |path| {
                // Readable for whom the umask lets: the reducer may be another user.
                let mut options = OpenOptions::new();
                options.read(true).write(true).create_new(true).mode(0o666);
                let made = options.open(path);
                made.inspect_err(|error| said = error.raw_os_error())
            })
            .map_err(|error| said.map_or(error, io::Error::from_raw_os_error))
            .map_err(|source| write_error(folder, source))?
            .into_parts();
        let new_rule = || RuleKeys {
            partitions: (0..PARTITIONS).map(|_| Pending::default()).collect(),
            details: Pending::default(),
            last: [0; 3],
        };
        let mut writer = KeyWriter {
            folder: folder.to_owned(),
            file: BufWriter::with_capacity(1 << 18, file),
            temporary,
            name,
            content: Xxh3Default::new(),
            len_bytes: 0,
            table: Vec::new(),
            rules: (0..rules).map(|_| new_rule()).collect(),
        };
        writer.write(MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        writer.write(&(rules as u32).to_le_bytes())?;
        debug_assert_eq!(writer.len_bytes, HEAD_BYTES);
        Ok(writer)
    }

    /// Adds the keys of the next rows, and what a report says of them.
    pub(in crate::check::partial) fn push(
        &mut self,
        keys: &[Vec<KeyedRow>],
        details: &[Details],
        base: Base,
    ) -> Result<(), Error> {
        for (rule, keys) in keys.iter().enumerate() {
            for keyed in keys {
                let row = base.row + u64::from(keyed.row);
                let partition = partition_of(keyed.key);
                let pending = &mut self.rules[rule].partitions[partition];
                pending.begin(row);
                let key = keyed.key.0.to_le_bytes();
                pending.bytes.extend_from_slice(&key);
                let marked = row << 1 | u64::from(keyed.is_bad);
                pending.bytes.extend_from_slice(&marked.to_le_bytes());
                if pending.bytes.len() >= BLOCK_BYTES {
                    let block = std::mem::take(pending);
                    self.write_block(rule, partition as u32, &block)?;
                    self.rules[rule].partitions[partition] = block.emptied();
                }
            }
        }
        for (rule, (keys, details)) in keys.iter().zip(details).enumerate() {
            let mut text_start = 0;
            for (keyed, detail) in keys.iter().zip(&details.rows) {
                let place = [
                    base.row + u64::from(keyed.row),
                    base.line + detail.line,
                    base.byte + detail.offset as u64,
                ];
                let value = &details.text[text_start..detail.text_end];
                text_start = detail.text_end;
                let RuleKeys { details, last, .. } = &mut self.rules[rule];
                if details.entries == 0 {
                    *last = [0; 3];
                }
                details.begin(place[0]);
                for (now, last) in place.into_iter().zip(last) {
                    write_number(&mut details.bytes, now - *last);
                    *last = now;
                }
                write_number(&mut details.bytes, value.len() as u64);
                details.bytes.extend_from_slice(value.as_bytes());
                if details.bytes.len() >= BLOCK_BYTES {
                    let block = std::mem::take(details);
                    self.write_block(rule, DETAILS, &block)?;
                    self.rules[rule].details = block.emptied();
                }
            }
        }
        Ok(())
    }

    /// Gives the file its name, under which it is whole, and says which that is.
    pub(in crate::check::partial) fn finish(mut self) -> Result<String, Error> {
        for rule in 0..self.rules.len() {
            let RuleKeys {
                partitions,
                details,
                ..
            } = &mut self.rules[rule];
            let (partitions, details) = (std::mem::take(partitions), std::mem::take(details));
            for (partition, block) in (0..).zip(partitions).chain([(DETAILS, details)]) {
                if block.entries > 0 {
                    self.write_block(rule, partition, &block)?;
                }
            }
        }
        let (table_offset, lines) = (self.len_bytes, self.table.len() as u64);
        let table: Vec<u8> = self
            .table
            .iter()
            .flat_map(|block| block.to_bytes())
            .collect();
        self.write(&table)?;
        self.write(&table_offset.to_le_bytes())?;
        self.write(&lines.to_le_bytes())?;
        self.write(&xxh3_64(&table).to_le_bytes())?;
        self.write(END_MAGIC)?;
        let name = match self.name {
            FileName::Known(name) => name,
            FileName::ByContent(prefix) => {
                format!("{prefix}-{:032x}.keys", self.content.digest128())
            }
        };
        let path = self.folder.join(&name);
        let publish = || -> io::Result<()> {
            let file = self
                .file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_data()?;
            self.temporary.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        publish().map_err(|source| write_error(&path, source))?;
        Ok(name)
    }

    fn write_block(&mut self, rule: usize, partition: u32, block: &Pending) -> Result<(), Error> {
        self.table.push(Block {
            rule: rule as u32,
            partition,
            byte_offset: self.len_bytes,
            len_bytes: block.bytes.len() as u64,
            entries: block.entries,
            first_row: block.first_row,
            checksum: xxh3_64(&block.bytes),
        });
        self.write(&block.bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let FileName::ByContent(_) = self.name {
            self.content.update(bytes);
        }
        self.len_bytes += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(|source| write_error(&self.folder, source))
    }
}

impl Pending {
    /// Makes room for an entry of `row`.
    fn begin(&mut self, row: u64) {
        if self.entries == 0 {
            self.first_row = row;
        }
        self.entries += 1;
    }

    /// An empty one with the same memory.
    fn emptied(mut self) -> Pending {
        self.bytes.clear();
        Pending {
            bytes: self.bytes,
            ..Pending::default()
        }
    }
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_error(path: &Path, source: io::Error) -> Error {
    Error::Write {
        output: path.to_string_lossy().into_owned(),
        source,
    }
}
