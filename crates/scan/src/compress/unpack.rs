//! Unpacking: the engine reads compressed inputs anyway, on all threads where their format lets it, and checks their
//! checksums; here what it reads is written out.

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::sink::Sink;
use tamis_engine::source::{Opened, Source};

use crate::{Error, Result};

/// Bytes written at a time.
const STEP_BYTES: usize = 512 << 10;

/// How something is unpacked.
#[derive(Clone, Debug)]
pub struct UnpackOptions {
    /// Threads that unpack.
    pub threads: usize,
    /// Ends the run.
    pub cancel: Cancel,
    /// Told about bytes as they are unpacked.
    pub progress: Progress,
}

impl Default for UnpackOptions {
    fn default() -> UnpackOptions {
        UnpackOptions {
            threads: 1,
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// `gzip`, `zstd` or `lz4`.
    pub codec: &'static str,
    /// Bytes of the input.
    pub packed_bytes: u64,
    /// Bytes of the output.
    pub plain_bytes: u64,
}

/// Unpacks all of `source` and writes it to `sink`, which is not finished. Its checksums are verified; something behind its end
/// is an error.
///
/// # Errors
/// [`Error::NotPacked`] when it is in none of the formats; [`Error::Engine`] with
/// [`Corrupt`](tamis_engine::Error::Corrupt) when it is damaged, and when it cannot be read or the output not be written.
pub fn unpack(
    source: &dyn Source,
    sink: &mut dyn Sink,
    options: &UnpackOptions,
) -> Result<Unpacked> {
    let not_packed = || Error::NotPacked {
        input: source.name().to_owned(),
    };
    let Opened::Stream(mut stream) = source.open()? else {
        return Err(not_packed());
    };
    let codec = stream.backend();
    if !matches!(codec, "gzip" | "zstd" | "lz4") {
        return Err(not_packed());
    }
    stream.use_threads(options.threads);
    let progress = &options.progress;
    progress.add_raw_bytes_total(stream.raw_len_bytes().unwrap_or(0));
    let mut buffer = vec![0; STEP_BYTES];
    let (mut plain_bytes, mut packed_bytes) = (0, 0);
    loop {
        options.cancel.check()?;
        let count = stream.read(&mut buffer)?;
        progress.add_raw_bytes(stream.raw_bytes().saturating_sub(packed_bytes));
        packed_bytes = packed_bytes.max(stream.raw_bytes());
        if count == 0 {
            break;
        }
        sink.write_all(&buffer[..count])?;
        plain_bytes += count as u64;
        progress.add_plain_bytes(count as u64);
    }
    Ok(Unpacked {
        codec,
        packed_bytes,
        plain_bytes,
    })
}
