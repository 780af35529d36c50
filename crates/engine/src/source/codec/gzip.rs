//! gzip (RFC 1952): one member or many, zero padding at the end.
//!
//! `flate2::MultiGzDecoder` is not used because it takes padding for a broken header.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::{Decoder, RawInput, trailing_garbage, truncated};

/// The largest window, which serves every member (2^15 bytes, RFC 1951 §2).
const WINDOW_BITS: u8 = 15;

pub(super) struct Gzip {
    raw: RawInput,
    /// The member being unpacked. With a fresh state for each, members of 64 KiB (`bgzip`) unpack
    /// at 1.2 GB/s, one large one at 1.3.
    member: Option<Decompress>,
    is_past_first: bool,
}

impl Gzip {
    pub(super) fn new(raw: RawInput, is_past_first: bool) -> Self {
        Self {
            raw,
            member: None,
            is_past_first,
        }
    }

    /// Starts the next member; `false` at a clean end of the input.
    fn start_member(&mut self) -> io::Result<bool> {
        if self.is_past_first {
            self.skip_zero_padding()?;
        }
        match self.raw.peek(2)? {
            [] if self.is_past_first => return Ok(false),
            [0x1f, 0x8b, ..] => {}
            [] | [0x1f] => return Err(truncated()),
            _ => return Err(trailing_garbage()),
        }
        self.member = Some(Decompress::new_gzip(WINDOW_BITS));
        self.is_past_first = true;
        Ok(true)
    }

    fn skip_zero_padding(&mut self) -> io::Result<()> {
        loop {
            let available = self.raw.fill_buf()?;
            let zeros = available.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                return Ok(());
            }
            self.raw.consume(zeros);
        }
    }
}

impl Read for Gzip {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.member.is_none() && !self.start_member()? {
                return Ok(0);
            }
            let member = self.member.as_mut().expect("started above");
            let (in_before, out_before) = (member.total_in(), member.total_out());
            let input = self.raw.fill_buf()?;
            let is_at_end = input.is_empty();
            let status = member.decompress(input, out, FlushDecompress::None)?;
            let consumed = (member.total_in() - in_before) as usize;
            let produced = (member.total_out() - out_before) as usize;
            self.raw.consume(consumed);
            if status == Status::StreamEnd {
                self.member = None; // Checksum and length were right.
            } else if is_at_end && produced == 0 {
                return Err(truncated());
            }
            if produced > 0 {
                return Ok(produced);
            }
        }
    }
}

impl Decoder for Gzip {
    fn raw_bytes(&self) -> u64 {
        self.raw.consumed_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.raw.len_bytes()
    }
}
