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

use lz4_flex::frame::FrameDecoder;

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
            let count = self.frames.read(out)?;
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
