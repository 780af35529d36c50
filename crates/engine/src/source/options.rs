//! How a source is read.

use crate::control::Cancel;

/// How a regular, uncompressed file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Io {
    /// By the kind and size of the file, see [`FileSource`](super::FileSource).
    #[default]
    Auto,
    /// Mapped into memory. Needs [`install_fault_handler`](crate::mmap::install_fault_handler).
    Mmap,
    /// Read by position into buffers.
    Read,
}

/// What a regular file may do while it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// Nothing: a file that is written to is an error.
    #[default]
    Refused,
    /// It may be appended to, as logs are: what was there when it was opened is read. That somebody wrote into that instead is
    /// not noticed; a file that became shorter is an error.
    Allowed,
}

/// Default of [`ReadOptions::max_expansion`].
///
/// Tables and logs shrink to a tenth, very regular ones to a hundredth; deflate cannot pass 1032:1
/// and bombs are built close to it; zstd can pass 10,000:1. So 200 lets nearly all honest data through
/// and stops a bomb early; logs that say the same all day are better read without a limit.
pub const MAX_EXPANSION_DEFAULT: u64 = 200;

/// How the bytes of a source are fetched.
///
/// ```
/// use tamis_engine::source::{Io, ReadOptions};
///
/// let options = ReadOptions { io: Io::Read, ..ReadOptions::default() };
/// assert_eq!(options.max_expansion, tamis_engine::source::MAX_EXPANSION_DEFAULT);
/// ```
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The back end for regular files.
    pub io: Io,
    /// A compressed input that has unpacked to more than this many times the compressed bytes
    /// read, plus 16 MiB, is given up as a bomb.
    pub max_expansion: u64,
    /// Unpack what is compressed, as its first bytes tell; else its bytes are handed out as they are stored.
    pub unpack: bool,
    /// What a regular file may do while it is read.
    pub growth: Growth,
    /// Ends reads that wait for a pipe.
    pub cancel: Cancel,
    /// The stream may come slowly: when it has given less than it was asked for, and than
    /// [`TRICKLE_BYTES`](super::TRICKLE_BYTES), it counts as idle ([`Arrival::Idle`](super::Arrival::Idle)) before it
    /// is asked again, and perhaps waited for. Compressed streams never do.
    pub live: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            io: Io::Auto,
            max_expansion: MAX_EXPANSION_DEFAULT,
            unpack: true,
            growth: Growth::Refused,
            cancel: Cancel::new(),
            live: false,
        }
    }
}
