//! Bytes of a file by position, and fields out of them: all that the parsers have to read with.
//!
//! A [`Reader`] is random access that checks every range against the file's length. What is in memory (a mapped file)
//! is read where it lies; a file that is read by position is seen through a window of 16 KiB, so that small
//! fields side by side are one read and far ones cost no more than a window each.
//!
//! A [`Cursor`] is a stretch of the file with a position in it. Taking a field moves the position, so whoever loops over
//! fields makes progress, and a field that does not fit is [`Damage`] with its place. Nothing is
//! allocated because a length asks for it: texts and runs of bytes are cut at a size that the caller knows.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use tamis_engine::control::Cancel;
use tamis_engine::source::RandomAccess;

use super::finding::Damage;

/// Bytes fetched at a time where they have to be copied.
const WINDOW_BYTES: usize = 16 << 10;

/// Bytes of a mapped file that may stay in memory behind the position.
const KEPT_BYTES: u64 = 8 << 20;

/// Bytes of a name or a text that are kept.
pub(super) const TEXT_BYTES_MAX: u64 = 4096;

/// Why a parser stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file is not what its first bytes say it is.
    Damage(Damage),
    /// It cannot be read, or nobody wants to know any more.
    Engine(tamis_engine::Error),
}

impl From<tamis_engine::Error> for Stop {
    fn from(error: tamis_engine::Error) -> Stop {
        Stop::Engine(error)
    }
}

/// What parsers return.
pub(super) type Parsed<T> = Result<T, Stop>;

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// Random access to a file that is not trusted.
pub(super) struct Reader<'a> {
    access: &'a dyn RandomAccess,
    /// All bytes, where they are in memory.
    whole: Option<&'a [u8]>,
    window: RefCell<Window>,
    /// The file's bytes up to here have been let go.
    released: Cell<u64>,
    cancel: &'a Cancel,
}

#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// The bytes of `access`; `whole` is all of them, if they are in memory.
    pub(super) fn new(
        access: &'a dyn RandomAccess,
        whole: Option<&'a [u8]>,
        cancel: &'a Cancel,
    ) -> Reader<'a> {
        Reader {
            access,
            whole,
            window: RefCell::default(),
            released: Cell::new(0),
            cancel,
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self.whole {
            Some(bytes) => bytes.len() as u64,
            None => self.access.len_bytes(),
        }
    }

    /// A cursor from `start` to the end of the file.
    pub(super) fn cursor(&'a self, start: u64, order: Order) -> Cursor<'a> {
        Cursor {
            reader: self,
            at: start,
            end: self.len(),
            order,
        }
    }

    /// A cursor over `len` bytes from `start` on, which are `expected` there.
    pub(super) fn range(
        &'a self,
        start: u64,
        len: u64,
        order: Order,
        expected: &str,
    ) -> Parsed<Cursor<'a>> {
        let end = start.checked_add(len).filter(|&end| end <= self.len());
        match end {
            Some(end) => Ok(Cursor {
                end,
                ..self.cursor(start, order)
            }),
            None => damage(
                start,
                format!("{expected} ({len} bytes)"),
                format!("the end of the file at byte {}", self.len()),
            ),
        }
    }

    /// Up to `len_max` bytes from `start` on, fewer at the end of the file.
    pub(super) fn bytes(&self, start: u64, len_max: usize) -> Parsed<Cow<'a, [u8]>> {
        let len = self.len().saturating_sub(start).min(len_max as u64) as usize;
        self.pass(start)?;
        if let Some(whole) = self.whole {
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            return Ok(Cow::Borrowed(
                whole
                    .get(start..start.saturating_add(len))
                    .unwrap_or_default(),
            ));
        }
        let mut bytes = vec![0; len];
        self.access.read_into(start, &mut bytes)?;
        Ok(Cow::Owned(bytes))
    }

    /// Fills `out` with what is at `start`, all of which lies in the file.
    fn copy(&self, start: u64, out: &mut [u8]) -> Parsed<()> {
        self.pass(start)?;
        if out.is_empty() {
            return Ok(());
        }
        if let Some(whole) = self.whole {
            let from = usize::try_from(start).unwrap_or(usize::MAX);
            let bytes = whole.get(from..from.saturating_add(out.len()));
            out.copy_from_slice(bytes.expect("the range was checked against the length"));
            return Ok(());
        }
        if out.len() > WINDOW_BYTES {
            return Ok(self.access.read_into(start, out)?);
        }
        let mut window = self.window.borrow_mut();
        let end = start + out.len() as u64;
        if start < window.start || end > window.start + window.bytes.len() as u64 {
            let len = (self.len() - start).min(WINDOW_BYTES as u64) as usize;
            let mut bytes = std::mem::take(&mut window.bytes);
            bytes.resize(len, 0);
            self.access.read_into(start, &mut bytes)?;
            *window = Window { start, bytes };
        }
        let from = (start - window.start) as usize;
        out.copy_from_slice(&window.bytes[from..][..out.len()]);
        Ok(())
    }

    /// Notes that the reading has come to `start`: lets go of what lies far behind, and hears of a cancellation.
    fn pass(&self, start: u64) -> Parsed<()> {
        self.cancel.check()?;
        let released = self.released.get();
        if self.whole.is_some() && start > released.saturating_add(KEPT_BYTES) {
            self.access.release(released..start);
            self.released.set(start);
        }
        Ok(())
    }
}

/// A stretch of a file, read from front to back.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    reader: &'a Reader<'a>,
    at: u64,
    end: u64,
    order: Order,
}

impl<'a> Cursor<'a> {
    /// Where the next field begins, in the file.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Where the stretch ends, in the file.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes up to its end.
    pub(super) fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    pub(super) fn array<const N: usize>(&mut self, expected: &str) -> Parsed<[u8; N]> {
        self.hold(N as u64, expected)?;
        let mut bytes = [0; N];
        self.reader.copy(self.at, &mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self, expected: &str) -> Parsed<u8> {
        Ok(self.array::<1>(expected)?[0])
    }

    pub(super) fn u16(&mut self, expected: &str) -> Parsed<u16> {
        let bytes = self.array(expected)?;
        Ok(match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }

    pub(super) fn u32(&mut self, expected: &str) -> Parsed<u32> {
        let bytes = self.array(expected)?;
        Ok(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    pub(super) fn u64(&mut self, expected: &str) -> Parsed<u64> {
        let bytes = self.array(expected)?;
        Ok(match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }

    /// Steps over `len` bytes, which are `expected` there.
    pub(super) fn skip(&mut self, len: u64, expected: &str) -> Parsed<()> {
        self.hold(len, expected)?;
        self.at += len;
        Ok(())
    }

    /// Takes the next `len` bytes, which are `expected` there, as a stretch of their own.
    pub(super) fn take(&mut self, len: u64, expected: &str) -> Parsed<Cursor<'a>> {
        let start = self.at;
        self.skip(len, expected)?;
        Ok(Cursor {
            at: start,
            end: self.at,
            ..*self
        })
    }

    /// The next `len` bytes, of which at most [`TEXT_BYTES_MAX`] are kept.
    pub(super) fn text(&mut self, len: u64, expected: &str) -> Parsed<Vec<u8>> {
        let start = self.at;
        self.skip(len, expected)?;
        let mut bytes = vec![0; len.min(TEXT_BYTES_MAX) as usize];
        self.reader.copy(start, &mut bytes)?;
        Ok(bytes)
    }

    /// A bound check: are there `len` more bytes?
    fn hold(&self, len: u64, expected: &str) -> Parsed<()> {
        if len <= self.left() {
            return Ok(());
        }
        let (at, end) = (self.at, self.end);
        let found = if end == self.reader.len() {
            format!("the end of the file at byte {end}")
        } else {
            format!("the end of what holds it at byte {end}")
        };
        let expected = match len {
            0..=8 => expected.to_owned(),
            _ => format!("{expected} ({len} bytes)"),
        };
        damage(at, expected, found)
    }
}

/// The end of a parser: at this byte something else was expected.
pub(super) fn damage<T>(
    byte_offset: u64,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Parsed<T> {
    Err(Stop::Damage(Damage {
        byte_offset,
        expected: expected.into(),
        found: found.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_engine::source::{FileSource, Io, MemorySource, Opened, ReadOptions, Source};

    fn opened(source: &dyn Source) -> Box<dyn RandomAccess> {
        match source.open().unwrap() {
            Opened::Random(access) => access,
            Opened::Stream(_) => unreachable!("it has random access"),
        }
    }

    /// Goal: fields are the same through a window as out of memory, wherever they lie.
    #[test]
    fn a_window_shows_what_is_there() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| (at * 7 % 251) as u8).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some");
        std::fs::write(&path, &bytes).unwrap();
        let options = ReadOptions {
            io: Io::Read,
            ..ReadOptions::default()
        };
        let file = opened(&FileSource::new(&path, options));
        let cancel = Cancel::new();
        let by_position = Reader::new(file.as_ref(), None, &cancel);
        for start in [0_u64, 3, 16_380, 16_384, 99_990, 40_000, 39_999] {
            let mut cursor = by_position.cursor(start, Order::Big);
            let at = start as usize;
            assert_eq!(
                cursor.u32("four").unwrap(),
                u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
            );
            assert_eq!(
                cursor.u16("two").unwrap().to_be_bytes(),
                bytes[at + 4..at + 6]
            );
            assert_eq!(cursor.left(), 100_000 - start - 6);
        }
        assert_eq!(*by_position.bytes(99_999, 10).unwrap(), bytes[99_999..]);
        assert!(by_position.bytes(u64::MAX, 10).unwrap().is_empty());
    }

    #[test]
    fn what_does_not_fit_is_damage_with_its_place() {
        let source = MemorySource::new("m", vec![1_u8; 10]);
        let access = opened(&source);
        let cancel = Cancel::new();
        let reader = Reader::new(access.as_ref(), None, &cancel);
        let mut cursor = reader.cursor(4, Order::Little);
        let Err(Stop::Damage(damage)) = cursor.u64("the size of a box") else {
            panic!("six bytes are no eight");
        };
        assert_eq!(
            damage.to_string(),
            "at byte 4: expected the size of a box, found the end of the file at byte 10"
        );
        assert_eq!(cursor.at(), 4, "nothing was taken");
        let mut inner = cursor.take(3, "a box").unwrap();
        assert!(inner.skip(4, "its content").is_err());
        assert!(reader.range(u64::MAX, 2, Order::Big, "a header").is_err());
        cancel.cancel();
        assert!(matches!(cursor.u8("one"), Err(Stop::Engine(_))));
    }
}
