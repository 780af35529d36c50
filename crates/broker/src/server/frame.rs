//! Requests off a socket: four bytes of length, and so many bytes.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::connection::Ended;

/// What is read for at once; a length that a client only claims makes us hold no more than that.
const STEP_BYTES: usize = 64 << 10;

/// The field of the length.
const LENGTH_BYTES: usize = 4;

/// A client that sends a request more slowly than this is given up.
const BYTES_PER_SECOND_MIN: usize = 256 << 10;

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
        while self.buffer.len() < LENGTH_BYTES {
            let filled = tokio::time::timeout(patience, self.fill(LENGTH_BYTES)).await;
            if !filled.map_err(|_| Ended::Idle(patience))?? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(Ended::CutOff),
                };
            }
            // Now that it has begun, it is to get on.
            patience = self.stalled;
        }
        let length = self
            .buffer
            .first_chunk()
            .map_or(0, |it| i32::from_be_bytes(*it));
        match usize::try_from(length) {
            Ok(length) if length <= self.frame_bytes_max => {
                self.buffer.advance(LENGTH_BYTES);
                Ok(Some(length))
            }
            _ => Err(Ended::Length {
                found: length,
                limit: self.frame_bytes_max,
            }),
        }
    }

    /// The request behind the length.
    ///
    /// All of it has to be there in time: one that trickles would keep others from what may be in flight.
    pub(super) async fn body(&mut self, length: usize) -> Result<Bytes, Ended> {
        let patience = self.stalled + Duration::from_secs((length / BYTES_PER_SECOND_MIN) as u64);
        let deadline = Instant::now() + patience;
        while self.buffer.len() < length {
            match tokio::time::timeout_at(deadline, self.fill(length)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Err(Ended::CutOff),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    return Err(Ended::Slow {
                        len_bytes: length,
                        waited: patience,
                    });
                }
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    /// Reads once, towards `wanted` bytes; `false`: nothing more comes.
    async fn fill(&mut self, wanted: usize) -> Result<bool, Ended> {
        let missing = wanted - self.buffer.len();
        self.buffer
            .reserve(missing.min(STEP_BYTES.max(self.buffer.len())));
        let count = self.socket.read_buf(&mut self.buffer).await?;
        Ok(count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    const IDLE: Duration = Duration::from_secs(600);
    const STALLED: Duration = Duration::from_secs(30);

    fn frames(bytes: &[u8]) -> Frames<&[u8]> {
        Frames::new(bytes, 1000, IDLE, STALLED)
    }

    #[tokio::test]
    async fn requests_come_one_behind_the_other() {
        let mut frames = frames(b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c");
        for expected in ["ab", "", "c"] {
            let length = frames.next_length().await.expect("a length");
            let body = frames.body(length.expect("one more")).await;
            assert_eq!(body.expect("a body"), expected);
        }
        assert_eq!(frames.next_length().await.expect("the end"), None);
    }

    #[tokio::test]
    async fn a_length_that_cannot_be_is_refused_before_anything_is_held() {
        for length in [-1, i32::MIN, 1001, i32::MAX] {
            let bytes = length.to_be_bytes();
            let mut frames = frames(&bytes);
            let refused = frames.next_length().await.expect_err("too long");
            assert!(matches!(refused, Ended::Length { found, .. } if found == length));
            assert!(frames.buffer.capacity() <= 64);
        }
    }

    #[tokio::test]
    async fn what_ends_in_the_middle_is_cut_off() {
        let mut short = frames(b"\0\0");
        assert!(matches!(short.next_length().await, Err(Ended::CutOff)));
        let mut short = frames(b"\0\0\0\x09abc");
        let length = short.next_length().await.expect("a length");
        let body = short.body(length.expect("one")).await;
        assert!(matches!(body, Err(Ended::CutOff)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_trickles_is_given_up() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut frames = Frames::new(server, 1000, IDLE, STALLED);
        let trickling = async {
            client
                .write_all(&100_i32.to_be_bytes())
                .await
                .expect("it is read");
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let reading = async {
            let length = frames.next_length().await.expect("a length");
            frames.body(length.expect("one")).await
        };
        tokio::select! {
            body = reading => assert!(matches!(body, Err(Ended::Slow { .. }))),
            () = trickling => panic!("it was read for ever"),
        }
    }
}
