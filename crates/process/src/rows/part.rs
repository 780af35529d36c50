//! What becomes of one piece.

use tamis_engine::pool::PooledVec;
use tamis_formats::Malformed;

use crate::batches::Batch;

/// Rows of one piece as they are to be written, and what stands in the way.
#[derive(Debug)]
pub(crate) struct Part {
    /// The rows, each with its terminator or separator.
    pub(super) bytes: PooledVec,
    /// The rows in columns, where they are written so.
    pub(super) batches: Vec<Batch>,
    /// How many.
    pub(super) rows: u64,
    /// Where each ends, if somebody may want only some of them.
    pub(super) ends: Vec<usize>,
    /// What each is drawn by, if a sample is taken.
    pub(super) draws: Vec<u64>,
    /// Rows that were seen, malformed ones included.
    pub(super) seen: u64,
    /// Records that cannot be split into fields.
    pub(super) malformed: u64,
    /// Rows for which an expression could not be computed.
    pub(super) failed: u64,
    /// The first malformed record: its row of the piece, where it starts in the input, and what is wrong.
    pub(super) first_malformed: Option<(u64, u64, String)>,
    /// The first value that is not of its column's type: its row of the piece, its column of the table, the value.
    pub(super) misfit: Option<(u64, usize, String)>,
    /// Why the rows cannot be written.
    pub(super) failure: Option<Failure>,
}

/// What keeps rows from being written.
#[derive(Debug)]
pub(super) enum Failure {
    /// They cannot be put into columns.
    Columns(tamis_formats::Error),
    /// Their computed texts take more than so many bytes.
    TextsTooLarge(usize),
}

impl Part {
    /// One without rows.
    pub(super) fn new(bytes: PooledVec) -> Part {
        Part {
            bytes,
            batches: Vec::new(),
            rows: 0,
            ends: Vec::new(),
            draws: Vec::new(),
            seen: 0,
            malformed: 0,
            failed: 0,
            first_malformed: None,
            misfit: None,
            failure: None,
        }
    }

    pub(super) fn note_malformed(&mut self, record: &Malformed<'_>, byte_offset: u64) {
        self.malformed += 1;
        if self.first_malformed.is_none() {
            let start = byte_offset + record.range.start as u64;
            self.first_malformed = Some((self.seen, start, record.fault.describe(byte_offset)));
        }
        self.seen += 1;
    }

    pub(super) fn note_misfit(&mut self, row: usize, column: usize, text: &[u8]) {
        let row = self.seen + row as u64;
        let earlier = self
            .misfit
            .as_ref()
            .is_some_and(|(first, _, _)| *first <= row);
        if !earlier {
            self.misfit = Some((row, column, shown(text)));
        }
    }
}

/// A value as far as somebody reads it.
fn shown(text: &[u8]) -> String {
    const SHOWN_BYTES: usize = 60;
    let is_cut = text.len() > SHOWN_BYTES;
    let mut shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN_BYTES)]).into_owned();
    if is_cut {
        shown.push('…');
    }
    shown
}
