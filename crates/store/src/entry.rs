//! What is kept of a file, a folder or a link besides its name; folders and the log of what is staged both write it.
//!
//! Every value has one form in bytes, and what reads is what may be written: lengths add up, attributes are sorted,
//! nothing is larger than the bytes it was read from.

use crate::codec::{Read, Reader, put_bytes, put_varint};
use crate::id::ObjectId;

/// A body of more runs than this is a list of its own.
pub(crate) const INLINE_RUNS_MAX: usize = 32;

/// The largest height of a node. Nodes hold 32 items or more, so 16 levels are more than 64 bits can count.
pub(crate) const HEIGHT_MAX: u8 = 16;

/// The twelve permission bits.
pub(crate) const MODE_MAX: u32 = 0o7777;

/// The same chunk, `count` times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The chunk.
    pub id: ObjectId,
    /// Its length.
    pub len_bytes: u32,
    /// How often it is repeated: 1 for most, more for holes.
    pub count: u32,
}

impl Run {
    /// Length of all repetitions.
    pub fn total_bytes(&self) -> u64 {
        u64::from(self.len_bytes) * u64::from(self.count)
    }
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// There are none.
    Empty,
    /// In these chunks: at least one run and at most [`INLINE_RUNS_MAX`].
    Runs(Vec<Run>),
    /// In the chunks of a list.
    List {
        /// The list's uppermost node.
        root: ObjectId,
        /// The height of that node; 0 for a leaf.
        height: u8,
    },
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A regular file.
    File {
        /// Its length.
        len_bytes: u64,
        /// Whether it had holes.
        is_sparse: bool,
        /// Its bytes.
        body: Body,
    },
    /// A folder; what is in it is said elsewhere.
    Folder,
    /// A symbolic link.
    Link {
        /// What it points to, as the system tells it.
        target: Vec<u8>,
    },
}

/// What is kept of a file, folder or link besides its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The twelve permission bits.
    pub mode: u32,
    /// When it was modified, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Extended attributes: names and values, sorted by name.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// What it is.
    pub content: Content,
}

/// Appends a run.
pub(crate) fn put_run(run: &Run, out: &mut Vec<u8>) {
    out.extend_from_slice(&run.id.0);
    put_varint(run.len_bytes.into(), out);
    put_varint(run.count.into(), out);
}

/// Reads a run.
///
/// # Errors
/// A flaw if it ends too early, or is of no bytes.
pub(crate) fn read_run(reader: &mut Reader<'_>) -> Read<Run> {
    let start = reader.clone();
    let run = Run {
        id: ObjectId(reader.array()?),
        len_bytes: reader.varint32()?,
        count: reader.varint32()?,
    };
    match run.total_bytes() {
        0 => Err(start.flaw("a run has no bytes")),
        _ => Ok(run),
    }
}

/// Appends a body.
pub(crate) fn put_body(body: &Body, out: &mut Vec<u8>) {
    match body {
        Body::Empty => put_varint(0, out),
        Body::Runs(runs) => {
            put_varint(runs.len() as u64, out);
            runs.iter().for_each(|run| put_run(run, out));
        }
        Body::List { root, height } => {
            put_varint(0, out);
            out.extend_from_slice(&root.0);
            out.push(*height);
        }
    }
}

/// Reads the body of a file that is `len_bytes` long.
///
/// # Errors
/// A flaw if its runs are more than [`INLINE_RUNS_MAX`] or do not add up to that length, or its list is too high.
pub(crate) fn read_body(reader: &mut Reader<'_>, len_bytes: u64) -> Read<Body> {
    let start = reader.clone();
    let count = reader.varint()?;
    if count > INLINE_RUNS_MAX as u64 {
        return Err(start.flaw("more runs than are written inline"));
    }
    match (count, len_bytes) {
        (0, 0) => Ok(Body::Empty),
        (0, _) => Ok(Body::List {
            root: ObjectId(reader.array()?),
            height: read_height(reader)?,
        }),
        _ => {
            let runs: Vec<Run> = (0..count).map(|_| read_run(reader)).collect::<Read<_>>()?;
            match sum_of_runs(&runs) {
                Some(sum) if sum == len_bytes => Ok(Body::Runs(runs)),
                _ => Err(start.flaw("its chunks do not add up to the length of the file")),
            }
        }
    }
}

/// Reads the height of a node.
///
/// # Errors
/// A flaw if it is above [`HEIGHT_MAX`].
pub(crate) fn read_height(reader: &mut Reader<'_>) -> Read<u8> {
    let start = reader.clone();
    match reader.u8()? {
        height @ 0..=HEIGHT_MAX => Ok(height),
        _ => Err(start.flaw("a node is higher than any is")),
    }
}

/// The length of all runs together, if it fits 64 bits.
pub(crate) fn sum_of_runs(runs: &[Run]) -> Option<u64> {
    runs.iter()
        .try_fold(0u64, |sum, run| sum.checked_add(run.total_bytes()))
}

/// Appends extended attributes, which are sorted.
pub(crate) fn put_attributes(attributes: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>) {
    put_varint(attributes.len() as u64, out);
    for (name, value) in attributes {
        put_bytes(name, out);
        put_bytes(value, out);
    }
}

/// Reads extended attributes.
///
/// # Errors
/// A flaw if they are not sorted by name, a name is there twice, or one could not be set.
pub(crate) fn read_attributes(reader: &mut Reader<'_>) -> Read<Vec<(Vec<u8>, Vec<u8>)>> {
    let count = reader.varint()?;
    // Not `with_capacity`: the count is only a claim, and each attribute that is really there takes bytes.
    let mut attributes: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for _ in 0..count {
        let start = reader.clone();
        let name = reader.bytes()?;
        if name.is_empty() {
            return Err(start.flaw("the name of an attribute is empty"));
        }
        if name.contains(&0) {
            return Err(start.flaw("the name of an attribute has a NUL byte"));
        }
        if attributes.last().is_some_and(|(last, _)| last[..] >= *name) {
            return Err(start.flaw("attributes are not sorted"));
        }
        attributes.push((name.to_vec(), reader.bytes()?.to_vec()));
    }
    Ok(attributes)
}

/// Reads what a symbolic link points to.
///
/// # Errors
/// A flaw if no system could make such a link.
pub(crate) fn read_target(reader: &mut Reader<'_>) -> Read<Vec<u8>> {
    let start = reader.clone();
    match reader.bytes()? {
        b"" => Err(start.flaw("the target of a link is empty")),
        target if target.contains(&0) => Err(start.flaw("the target of a link has a NUL byte")),
        target => Ok(target.to_vec()),
    }
}

/// Reads permission bits.
///
/// # Errors
/// A flaw if there are more than twelve.
pub(crate) fn read_mode(reader: &mut Reader<'_>) -> Read<u32> {
    let start = reader.clone();
    match reader.varint32()? {
        mode @ 0..=MODE_MAX => Ok(mode),
        _ => Err(start.flaw("a mode has more than twelve bits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(byte: u8, len_bytes: u32, count: u32) -> Run {
        Run {
            id: ObjectId([byte; 32]),
            len_bytes,
            count,
        }
    }

    fn read_back(body: &Body, len_bytes: u64) -> Read<Body> {
        let mut bytes = Vec::new();
        put_body(body, &mut bytes);
        let mut reader = Reader::new(&bytes);
        let read = read_body(&mut reader, len_bytes)?;
        assert!(reader.is_empty());
        Ok(read)
    }

    #[test]
    fn bodies_read_back() {
        let list = Body::List {
            root: ObjectId([7; 32]),
            height: 2,
        };
        let runs = Body::Runs(vec![run(1, 10, 1), run(2, u32::MAX, u32::MAX)]);
        let len_bytes = 10 + u64::from(u32::MAX) * u64::from(u32::MAX);
        for (body, len_bytes) in [(Body::Empty, 0), (list, 99), (runs, len_bytes)] {
            assert_eq!(read_back(&body, len_bytes).as_ref(), Ok(&body));
        }
    }

    #[test]
    fn bodies_that_do_not_add_up_are_refused() {
        let largest = run(1, u32::MAX, u32::MAX);
        let wrong = [
            (Body::Runs(vec![run(1, 10, 1)]), 11),
            (Body::Runs(vec![run(1, 0, 1)]), 0),
            (Body::Runs(vec![run(1, 10, 0), run(2, 5, 1)]), 5),
            (Body::Runs(vec![largest, largest]), 0),
            (Body::Runs(vec![run(1, 1, 1); 33]), 33),
            (
                Body::List {
                    root: ObjectId([7; 32]),
                    height: HEIGHT_MAX + 1,
                },
                1,
            ),
        ];
        for (body, len_bytes) in wrong {
            assert!(read_back(&body, len_bytes).is_err(), "{body:?}");
        }
    }

    #[test]
    fn targets_are_those_that_a_system_takes() {
        let read_back = |target: &[u8]| {
            let mut bytes = Vec::new();
            put_bytes(target, &mut bytes);
            read_target(&mut Reader::new(&bytes))
        };
        assert_eq!(read_back(b"../\xff"), Ok(b"../\xff".to_vec()));
        assert!(read_back(b"").is_err() && read_back(b"a\0").is_err());
    }

    #[test]
    fn attributes_are_sorted_and_bounded_by_what_is_there() {
        let pair = |name: &[u8]| (name.to_vec(), b"value".to_vec());
        let read_back = |attributes: &[(Vec<u8>, Vec<u8>)]| {
            let mut bytes = Vec::new();
            put_attributes(attributes, &mut bytes);
            read_attributes(&mut Reader::new(&bytes))
        };
        let sorted = vec![pair(b"user.a"), pair(b"user.b")];
        assert_eq!(read_back(&sorted).as_ref(), Ok(&sorted));
        assert!(read_back(&[pair(b"user.b"), pair(b"user.a")]).is_err());
        assert!(read_back(&[pair(b"user.a"), pair(b"user.a")]).is_err());
        assert!(read_back(&[pair(b"")]).is_err());
        assert!(read_back(&[pair(b"user.a"), pair(b"user\0a")]).is_err());
        let mut bytes = Vec::new();
        put_varint(u64::MAX, &mut bytes);
        assert!(read_attributes(&mut Reader::new(&bytes)).is_err());
    }
}
