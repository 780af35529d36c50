//! Why the engine could not go on.

use std::io;

/// An input could not be read, cut or written to its end.
///
/// A fault in the *data* (a ragged row, a value out of range) is a result, never an `Error`.
/// `input` is the name the user gave: a path, a URI, or `-` for standard input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Opening failed: no such file, no permission, a directory.
    #[error("cannot open `{input}`: {source}")]
    Open {
        /// Name of the input.
        input: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed in the middle.
    #[error("cannot read `{input}` at byte {byte_offset}: {source}")]
    Read {
        /// Name of the input.
        input: String,
        /// Where the read began, in bytes from the start.
        byte_offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The file was truncated, overwritten or grew while it was read.
    #[error("`{input}` changed while it was read (noticed at byte {byte_offset}): {detail}")]
    Changed {
        /// Name of the input.
        input: String,
        /// First byte that can no longer be trusted.
        byte_offset: u64,
        /// What changed, in words: sizes before and after, or the modification time.
        detail: String,
    },
    /// A compressed stream is damaged or ends early.
    #[error("`{input}` is not valid {codec} (after {byte_offset} bytes of plain data): {source}")]
    Corrupt {
        /// Name of the input.
        input: String,
        /// `gzip`, `zstd` or `lz4`.
        codec: &'static str,
        /// Plain bytes that came out before the damage.
        byte_offset: u64,
        /// What the decoder said.
        source: io::Error,
    },
    /// A compressed stream unpacks to more than the allowed multiple of its size.
    #[error(
        "`{input}` unpacks to more than {limit} times its size (stopped after {byte_offset} bytes of plain data)"
    )]
    Expansion {
        /// Name of the input.
        input: String,
        /// The allowed ratio of plain to compressed bytes.
        limit: u64,
        /// Plain bytes that came out before the stop.
        byte_offset: u64,
    },
    /// Bytes that mean nothing in the encoding the input is declared to have.
    #[error("`{input}` is not valid {encoding} at byte {byte_offset}")]
    Encoding {
        /// Name of the input.
        input: String,
        /// The declared encoding.
        encoding: &'static str,
        /// First bad byte, counted behind any decompression and before the transcoding.
        byte_offset: u64,
    },
    /// One record is longer than the limit; a missing closing quote is the usual cause.
    #[error("`{input}`: the record at byte {byte_offset} is longer than {limit_bytes} bytes{}",
        match .quote_byte_offset { Some(quote) => format!(" (a quote opened at byte {quote} is never closed?)"), None => String::new() })]
    RecordTooLong {
        /// Name of the input.
        input: String,
        /// First byte of the record.
        byte_offset: u64,
        /// Where the quote opened that is still open, if one is.
        quote_byte_offset: Option<u64>,
        /// The limit in force.
        limit_bytes: usize,
    },
    /// Writing failed: a full disk, a closed descriptor.
    #[error("cannot write `{output}`: {source}")]
    Write {
        /// Name of the output.
        output: String,
        /// What the system said.
        source: io::Error,
    },
    /// The reader of our output went away (`| head`): end quietly.
    #[error("`{output}` was closed by its reader")]
    ClosedPipe {
        /// Name of the output.
        output: String,
    },
    /// The run was cancelled from outside (Ctrl-C).
    #[error("interrupted")]
    Interrupted,
    /// A worker thread panicked: a bug of ours, reported instead of a crash.
    #[error("internal error while reading `{input}`: {message}")]
    Panicked {
        /// Name of the input.
        input: String,
        /// The panic's message.
        message: String,
    },
    /// The program that hands records over, one batch after the other, failed to.
    #[error("`{input}`: {source}")]
    Producer {
        /// Name of the input.
        input: String,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A range needs more memory than its page cache has, or has left beside what others hold.
    #[error(
        "`{input}`: no room for {wanted_bytes} bytes in a page cache of {budget_bytes} bytes (is too much of it held at once?)"
    )]
    CacheFull {
        /// Name of the input.
        input: String,
        /// Memory of the pages that the range touches.
        wanted_bytes: usize,
        /// All that the cache may take.
        budget_bytes: usize,
    },
    /// What was asked cannot be done with this input (for example reading a pipe twice).
    #[error("`{input}`: {reason}")]
    Unsupported {
        /// Name of the input.
        input: String,
        /// What is not possible and the way out.
        reason: String,
    },
}
