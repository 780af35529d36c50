//! LZ4 frames, by `lz4_flex`.
//!
//! Its decoder gives `Ok(0)` in two cases that must be told apart: at the end mark of each frame,
//! and when the input ends where a block should begin. [`RawInput::is_starved`] tells them apart,
//! so the second is an error here.
//!
//! In pieces: [`split`] finds whole frames, and the blocks of frames whose blocks are independent.

mod split;

pub(super) use split::{Content, FrameSplitter, Lz4Task};

use std::io::{self, Read};

use lz4_flex::block::DecompressError;
use lz4_flex::frame::{Error as FrameError, FrameDecoder};

use super::{Decoder, RawInput, skip_skippable_frames, trailing_garbage, truncated};

pub(super) struct Lz4 {
    frames: FrameDecoder<RawInput>,
    is_in_frame: bool,
    is_past_first: bool,
}

impl Lz4 {
    pub(super) fn new(raw: RawInput, is_past_first: bool) -> Self {
        Self {
            frames: FrameDecoder::new(raw),
            is_in_frame: false,
            is_past_first,
        }
    }

    /// Steps to the next frame; `false` at a clean end of the input.
    fn start_frame(&mut self) -> io::Result<bool> {
        let raw = self.frames.get_mut();
        skip_skippable_frames(raw)?;
        match raw.peek(4)? {
            [] if self.is_past_first => return Ok(false),
            [0x04, 0x22, 0x4d, 0x18, ..] => {}
            head if head.len() < 4 => return Err(truncated()),
            _ => return Err(trailing_garbage()),
        }
        (self.is_in_frame, self.is_past_first) = (true, true);
        Ok(true)
    }
}

impl Read for Lz4 {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_in_frame && !self.start_frame()? {
                return Ok(0);
            }
            let count = self.frames.read(out).map_err(in_words)?;
            if count > 0 {
                return Ok(count);
            }
            if self.frames.get_ref().is_starved() {
                return Err(truncated());
            }
            self.is_in_frame = false;
        }
    }
}

impl Decoder for Lz4 {
    fn raw_bytes(&self) -> u64 {
        self.frames.get_ref().consumed_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.frames.get_ref().len_bytes()
    }
}

/// A fault that `lz4_flex` found, in words; its own message is the name of a variant.
fn in_words(error: io::Error) -> io::Error {
    match error.downcast::<FrameError>() {
        Ok(fault) => damaged(fault),
        Err(error) => error,
    }
}

/// A fault of a frame as the reason of an error.
fn damaged(fault: FrameError) -> io::Error {
    let reason = match fault {
        FrameError::IoError(error) => return error,
        FrameError::WrongMagicNumber => "what comes next is no lz4 frame".to_owned(),
        FrameError::UnsupportedVersion(version) => {
            format!("version {version} of the lz4 frame format is not read")
        }
        FrameError::UnsupportedBlocksize(code) => {
            format!("the frame header has an unknown size of blocks (code {code})")
        }
        FrameError::ReservedBitsSet => "the frame header has reserved bits set".to_owned(),
        FrameError::InvalidBlockInfo => "the header of a block is malformed".to_owned(),
        FrameError::BlockTooBig
        | FrameError::DecompressionError(DecompressError::OutputTooSmall { .. }) => {
            "a block is longer than the frame header allows".to_owned()
        }
        FrameError::DecompressionError(error) => format!("a block cannot be unpacked: {error}"),
        FrameError::HeaderChecksumError => {
            "the checksum of a frame header does not match".to_owned()
        }
        FrameError::BlockChecksumError => "the checksum of a block does not match".to_owned(),
        FrameError::ContentChecksumError => "the checksum of the content does not match".to_owned(),
        FrameError::ContentLengthError { expected, actual } => {
            format!("a frame promises {expected} bytes and has {actual}")
        }
        FrameError::DictionaryNotSupported => {
            "it was packed with a dictionary, which is not supported".to_owned()
        }
        other => other.to_string(),
    };
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_said_in_words() {
        let faults = [
            FrameError::WrongMagicNumber,
            FrameError::UnsupportedVersion(3),
            FrameError::UnsupportedBlocksize(1),
            FrameError::ReservedBitsSet,
            FrameError::InvalidBlockInfo,
            FrameError::BlockTooBig,
            FrameError::DecompressionError(DecompressError::OffsetOutOfBounds),
            FrameError::HeaderChecksumError,
            FrameError::BlockChecksumError,
            FrameError::ContentChecksumError,
            FrameError::ContentLengthError {
                expected: 1,
                actual: 2,
            },
            FrameError::DictionaryNotSupported,
        ];
        for fault in faults {
            let message = in_words(fault.into()).to_string();
            let first = message.chars().next();
            assert!(first.is_some_and(char::is_lowercase), "{message}");
            assert!(
                message.contains(' ') && !message.contains("Error"),
                "{message}"
            );
        }
    }
}
