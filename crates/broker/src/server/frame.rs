//! Requests off a socket: four bytes of length, and so many bytes.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::connection::Ended;

/// What is read for at once; a length that a client only claims makes us hold no more than that.
const STEP_BYTES: usize = 64 << 10;

/// Requests of one connection.
#[derive(Debug)]
pub(super) struct Frames<R> {
    socket: R,
    /// Read, and not yet taken.
    buffer: BytesMut,
    frame_bytes_max: usize,
    idle: Duration,
    stalled: Duration,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(
        socket: R,
        frame_bytes_max: usize,
        idle: Duration,
        stalled: Duration,
    ) -> Frames<R> {
        Frames {
            socket,
            buffer: BytesMut::new(),
            frame_bytes_max,
            idle,
            stalled,
        }
    }

    /// The length of the next request; `None`: the client is gone, between two requests.
    pub(super) async fn next_length(&mut self) -> Result<Option<usize>, Ended> {
        let mut patience = self.idle;
        while self.buffer.len() < 4 {
            if !self.fill(4, patience).await? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(Ended::CutOff),
                };
            }
            // Now that it has begun, it is to get on.
            patience = self.stalled;
        }
        let length = i32::from_be_bytes([
            self.buffer[0],
            self.buffer[1],
            self.buffer[2],
            self.buffer[3],
        ]);
        match usize::try_from(length) {
            Ok(length) if length <= self.frame_bytes_max => {
                self.buffer.advance(4);
                Ok(Some(length))
            }
            _ => Err(Ended::Length {
                found: length,
                limit: self.frame_bytes_max,
            }),
        }
    }

    /// The request behind the length.
    pub(super) async fn body(&mut self, length: usize) -> Result<Bytes, Ended> {
        while self.buffer.len() < length {
            if !self.fill(length, self.stalled).await? {
                return Err(Ended::CutOff);
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    /// Reads once, towards `wanted` bytes; `false`: nothing more comes.
    async fn fill(&mut self, wanted: usize, patience: Duration) -> Result<bool, Ended> {
        let missing = wanted - self.buffer.len();
        self.buffer
            .reserve(missing.min(STEP_BYTES.max(self.buffer.len())));
        let read = tokio::time::timeout(patience, self.socket.read_buf(&mut self.buffer)).await;
        match read {
            Ok(Ok(count)) => Ok(count > 0),
            Ok(Err(error)) => Err(Ended::Io(error)),
            Err(_) => Err(Ended::Idle(patience)),
        }
    }
}
