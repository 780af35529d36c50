//! zstd (RFC 8878), by the reference library.
//!
//! It knows frames, skippable frames and what is neither, and reports an end inside a frame. Frames that ask for
//! a window above 128 MiB (`zstd --long=28` and up) are refused: memory stays bounded.

use super::{Decoder, RawInput};

/// One frame after the other.
pub(super) type Frames = zstd::stream::read::Decoder<'static, RawInput>;

impl Decoder for Frames {
    fn raw(&self) -> &RawInput {
        self.get_ref()
    }
}
