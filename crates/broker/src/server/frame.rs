//! Requests off a socket: four bytes of length, and so many bytes.
//!
//! Each read is offered a whole buffer of the [pool], so many small requests come with one call of the system, and all of them are
//! slices of that buffer. A request that does not fit gets a buffer of its own size, once so much of it is there that its length
//! is more than a claim. A connection that waits for its next request holds no buffer at all.
//!
//! [pool]: super::pool

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::connection::Ended;
use super::listener::is_handshake;
use super::pool::{BUFFER_BYTES_MIN, Buffer, Pool};

/// The field of the length.
const LENGTH_BYTES: usize = 4;

/// The first field of a request.
const NUMBER_BYTES: usize = 2;

/// A client that sends a request more slowly than this is given up.
const BYTES_PER_SECOND_MIN: usize = 256 << 10;

/// A request up to this length is copied out of the buffer it came in.
const SMALL_BYTES: usize = 4096;

/// A request of at most this length gets all its room at once; a longer one twice as much each time.
const ROOM_BYTES_MAX: usize = 2 << 20;

/// Requests of one connection.
#[derive(Debug)]
pub(super) struct Frames<R> {
    socket: R,
    pool: Pool,
    /// Read, and not yet taken; empty while there is a buffer.
    arrived: Bytes,
    /// What the next bytes are read into, behind those that are not yet taken.
    buffer: Option<Buffer>,
    frame_bytes_max: usize,
    idle: Duration,
    stalled: Duration,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(
        socket: R,
        pool: Pool,
        frame_bytes_max: usize,
        idle: Duration,
        stalled: Duration,
    ) -> Frames<R> {
        Frames {
            socket,
            pool,
            arrived: Bytes::new(),
            buffer: None,
            frame_bytes_max,
            idle,
            stalled,
        }
    }

    /// The length of the next request; `None`: the client is gone, between two requests.
    pub(super) async fn next_length(&mut self) -> Result<Option<usize>, Ended> {
        let mut patience = self.idle;
        while self.bytes().len() < LENGTH_BYTES {
            let filled = tokio::time::timeout(patience, self.fill(LENGTH_BYTES)).await;
            if !filled.map_err(|_| Ended::Idle(patience))?? {
                return match self.bytes().is_empty() {
                    true => Ok(None),
                    false => Err(Ended::CutOff),
                };
            }
            // Now that it has begun, it is to get on.
            patience = self.stalled;
        }
        let length = self
            .bytes()
            .first_chunk()
            .map_or(0, |it| i32::from_be_bytes(*it));
        match usize::try_from(length) {
            Ok(length) if length <= self.frame_bytes_max => {
                self.take(LENGTH_BYTES);
                Ok(Some(length))
            }
            _ if is_handshake(length.to_be_bytes()) => Err(Ended::UnexpectedTls),
            _ => Err(Ended::Length {
                found: length,
                limit: self.frame_bytes_max,
            }),
        }
    }

    /// The number of the request behind the length, which says what it is; `None`: it is too short to have one, or the client is gone.
    pub(super) async fn number(&mut self, length: usize) -> Result<Option<i16>, Ended> {
        let waited = self.stalled;
        let deadline = Instant::now() + waited;
        while self.bytes().len() < NUMBER_BYTES.min(length) {
            let filled = tokio::time::timeout_at(deadline, self.fill(length)).await;
            let len_bytes = length;
            if !filled.map_err(|_| Ended::Slow { len_bytes, waited })?? {
                return Ok(None);
            }
        }
        let number = self
            .bytes()
            .first_chunk()
            .filter(|_| length >= NUMBER_BYTES);
        Ok(number.map(|it| i16::from_be_bytes(*it)))
    }

    /// The request behind the length.
    ///
    /// All of it has to be there in time: one that trickles would keep others from what may be in flight.
    pub(super) async fn body(&mut self, length: usize) -> Result<Bytes, Ended> {
        let patience = self.stalled + Duration::from_secs((length / BYTES_PER_SECOND_MIN) as u64);
        let deadline = Instant::now() + patience;
        while self.bytes().len() < length {
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
        let body = self.take(length);
        // What is kept of a small request, such as names, does not keep a whole buffer.
        Ok(match length <= SMALL_BYTES {
            true => Bytes::copy_from_slice(&body),
            false => body,
        })
    }

    /// What was read and is not yet taken.
    fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&self.arrived, |it| &it.bytes)
    }

    /// The first of them, which must be there.
    fn take(&mut self, count: usize) -> Bytes {
        if let Some(buffer) = self.buffer.take() {
            self.arrived = Bytes::from_owner(buffer);
        }
        let taken = self.arrived.split_to(count);
        if self.arrived.is_empty() {
            // An empty slice would keep the buffer from the pool.
            self.arrived = Bytes::new();
        }
        taken
    }

    /// Reads once, towards `wanted` bytes; `false`: nothing more comes.
    async fn fill(&mut self, wanted: usize) -> Result<bool, Ended> {
        let count = poll_fn(|context| self.poll_fill(context, wanted)).await?;
        Ok(count > 0)
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        let mut buffer = self.buffer_for(wanted);
        let len = buffer.bytes.len();
        // What comes behind a large request goes into a buffer of its own: nothing of it has to be moved there then.
        let room = match wanted > BUFFER_BYTES_MIN {
            true => wanted.min(buffer.bytes.capacity()) - len,
            false => buffer.bytes.capacity() - len,
        };
        let mut into = (&mut buffer.bytes).limit(room);
        let polled = pin!(self.socket.read_buf(&mut into)).poll(context);
        // One that waits with nothing in it goes back: others can use it meanwhile.
        if !buffer.bytes.is_empty() {
            self.buffer = Some(buffer);
        }
        polled
    }

    /// A buffer with what was read and room for more.
    fn buffer_for(&mut self, wanted: usize) -> Buffer {
        let len = self.bytes().len();
        let room = match len < BUFFER_BYTES_MIN {
            true => BUFFER_BYTES_MIN,
            false => wanted.min(ROOM_BYTES_MAX.max(2 * len)),
        };
        match self.buffer.take() {
            Some(buffer) if buffer.bytes.capacity() > len => buffer,
            buffer => {
                let mut larger = self.pool.take(room);
                let bytes = buffer.as_ref().map_or(&self.arrived[..], |it| &it.bytes);
                larger.bytes.extend_from_slice(bytes);
                self.arrived = Bytes::new();
                larger
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    const IDLE: Duration = Duration::from_secs(600);
    const STALLED: Duration = Duration::from_secs(30);

    fn frames(bytes: &[u8]) -> Frames<&[u8]> {
        Frames::new(bytes, Pool::default(), 1000, IDLE, STALLED)
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
    async fn the_number_is_told_before_the_request() {
        let mut frames = frames(b"\0\0\0\x03\0\x12x\0\0\0\x01ab");
        let length = frames.next_length().await.expect("a length");
        let length = length.expect("one more");
        for _ in 0..2 {
            let number = frames.number(length).await;
            assert_eq!(number.expect("it is there"), Some(18));
        }
        let body = frames.body(length).await;
        assert_eq!(body.expect("a body"), &b"\0\x12x"[..]);
        let length = frames.next_length().await.expect("a length");
        let number = frames.number(length.expect("one more")).await;
        assert_eq!(
            number.expect("it is there"),
            None,
            "of a request of one byte"
        );
    }

    #[tokio::test]
    async fn a_length_that_cannot_be_is_refused_before_anything_is_held() {
        for length in [-1, i32::MIN, 1001, i32::MAX] {
            let bytes = length.to_be_bytes();
            let mut frames = frames(&bytes);
            let refused = frames.next_length().await.expect_err("too long");
            assert!(matches!(refused, Ended::Length { found, .. } if found == length));
            let held = frames.buffer.map_or(0, |it| it.bytes.capacity());
            assert!(held <= BUFFER_BYTES_MIN);
        }
    }

    #[tokio::test]
    async fn who_speaks_tls_is_told_from_who_sends_nonsense() {
        let hello = [22, 3, 1, 2];
        let refused = frames(&hello).next_length().await.expect_err("too long");
        assert!(matches!(refused, Ended::UnexpectedTls));
        let other = [22, 4, 1, 2];
        let refused = frames(&other).next_length().await.expect_err("too long");
        assert!(matches!(refused, Ended::Length { .. }));
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
        let mut frames = Frames::new(server, Pool::default(), 1000, IDLE, STALLED);
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
