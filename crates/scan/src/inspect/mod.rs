//! What the headers of a file say: what it is, how large a picture, how long a film, what is in an archive, and where in
//! the file all of that lies.
//!
//! The kind is told by the first bytes ([`kind`]), never by the name. Each kind has a parser in a file of its own, which
//! takes fields out of the file by position ([`reader`]) and tells what it finds as it goes ([`finding`]). So a header
//! that is broken in the middle still says what stood before, and [`Damage`] says at which byte something else was
//! expected. Parsers read what they need: the directory at the end of an archive, the footer of a table, the one box of a
//! film, wherever they are. A picture's pixels are looked through only where nothing else tells where they end (JPEG, GIF).
//!
//! No file is trusted. Every field is checked against the end of what holds it; nothing is allocated because a length
//! asks for it; loops move on with every step or stop; what may nest is bounded.
//!
//! A stream cannot be read from its end: if its first bytes are of a known kind it is put on disk first, or kept in memory
//! if it is small; otherwise no more of it is read. Compressed files are looked into.
//!
//! ```
//! use tamis_engine::source::MemorySource;
//! use tamis_scan::inspect::{InspectOptions, Kind, inspect};
//!
//! let gif = MemorySource::new("dot.gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec());
//! let found = inspect(&gif, &InspectOptions::default())?;
//! assert_eq!(found.kind, Some(Kind::Gif));
//! assert_eq!(found.dimensions.map(|it| (it.width, it.height)), Some((1, 1)));
//! # Ok::<(), tamis_scan::Error>(())
//! ```

mod elf;
mod finding;
mod gif;
mod jpeg;
mod kind;
mod mp4;
mod parquet;
mod png;
mod reader;
mod sqlite;
pub mod text;
mod wav;
mod zip;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use tamis_engine::control::Cancel;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{MemorySource, Opened, RandomAccess, Source, SpooledSource, peek};

use crate::Result;
pub use finding::{Damage, Dimensions, Facts, Inspection, Listed, Part, SCHEMA_VERSION, Value};
pub use kind::Kind;
use reader::{Reader, Stop};

/// Bytes of a stream that are read before it is put on disk.
const HEAD_BYTES: usize = 256 << 10;

/// How files are inspected.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// So many parts are kept; all are counted.
    pub parts_max: u64,
    /// So many entries are kept; all are counted.
    pub entries_max: u64,
    /// Files that are looked at at a time.
    pub threads: usize,
    /// Ends the run.
    pub cancel: Cancel,
}

impl Default for InspectOptions {
    fn default() -> InspectOptions {
        InspectOptions {
            parts_max: 10_000,
            entries_max: 0,
            threads: 1,
            cancel: Cancel::new(),
        }
    }
}

/// Inspects all sources and hands what is found to `each`, in their order. A file that cannot be read does not keep
/// others from being read.
///
/// # Errors
/// The first error of `each`, and a cancellation.
pub fn inspect_all(
    sources: &[Box<dyn Source>],
    options: &InspectOptions,
    mut each: impl FnMut(&dyn Source, Result<Inspection>) -> tamis_engine::Result<()>,
) -> Result<()> {
    let run = Options {
        threads: options.threads.min(sources.len()),
        cancel: options.cancel.clone(),
        ..Options::default()
    };
    pipeline::run_items(
        "inputs",
        sources.iter().map(Ok),
        &run,
        || (),
        |(), source| Ok((source, inspect(source.as_ref(), options))),
        |(source, found)| {
            each(source.as_ref(), found)?;
            Ok(Flow::Continue)
        },
    )?;
    Ok(())
}

/// Reads the headers of one file. What is wrong with the file is part of the answer
/// ([`Inspection::damage`]).
///
/// # Errors
/// [`Error::Engine`](crate::Error::Engine) when it cannot be read, changes meanwhile, or nobody waits any more.
pub fn inspect(source: &dyn Source, options: &InspectOptions) -> Result<Inspection> {
    let mut found = Inspection::new(source.name(), options);
    let stream = match source.open()? {
        Opened::Random(access) => {
            look(access.as_ref(), options, &mut found)?;
            return Ok(found);
        }
        Opened::Stream(stream) => stream,
    };
    found.packed = Some(stream.backend()).filter(|backend| *backend != "stream");
    let peeked = peek(Opened::Stream(stream), HEAD_BYTES)?;
    let is_known = Kind::of_head(&peeked.head).is_some();
    let kept: Box<dyn Source> = if peeked.is_all {
        Box::new(MemorySource::new(source.name(), peeked.head))
    } else if is_known {
        let rest = Rest {
            name: source.name().to_owned(),
            opened: Mutex::new(Some(peeked.input)),
        };
        Box::new(SpooledSource::new(&rest, None)?)
    } else {
        found.begins_with(&peeked.head);
        return Ok(found);
    };
    if let Opened::Random(access) = kept.open()? {
        look(access.as_ref(), options, &mut found)?;
    }
    Ok(found)
}

/// Tells the kind of a file and reads its headers.
fn look(access: &dyn RandomAccess, options: &InspectOptions, found: &mut Inspection) -> Result<()> {
    let mut read = |whole: Option<&[u8]>| {
        let reader = Reader::new(access, whole, &options.cancel);
        parse(&reader, found)
    };
    if access.is_in_memory() {
        let mut result = Ok(());
        access.with_range(0..access.len_bytes(), &mut |bytes| {
            result = read(Some(bytes))
        })?;
        result?;
    } else {
        read(None)?;
    }
    Ok(access.verify()?)
}

fn parse(reader: &Reader<'_>, found: &mut Inspection) -> tamis_engine::Result<()> {
    found.bytes = Some(reader.len());
    let result = reader.bytes(0, kind::MAGIC_BYTES).and_then(|head| {
        found.kind = Kind::of_head(&head);
        if found.kind.is_none() && zip::is_behind_something(reader)? {
            found.kind = Some(Kind::Zip);
        }
        match found.kind {
            Some(kind) => kind.read(reader, found),
            None => {
                found.begins_with(&head);
                Ok(())
            }
        }
    });
    if found.kind.is_none_or(|kind| kind.entry_noun().is_none()) {
        found.entries = None;
    }
    match result {
        Ok(()) => Ok(()),
        Err(Stop::Damage(damage)) => {
            found.damage = Some(damage);
            Ok(())
        }
        Err(Stop::Engine(error)) => Err(error),
    }
}

/// An input that was opened already, as a source.
#[derive(Debug)]
struct Rest {
    name: String,
    opened: Mutex<Option<Opened>>,
}

impl Source for Rest {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened
            .take()
            .ok_or_else(|| tamis_engine::Error::Unsupported {
                input: self.name.clone(),
                reason: "a stream can be read only once".to_owned(),
            })
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}
