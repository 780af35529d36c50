//! Over a stream that seals what goes through it: ranges of files are read, a step at a time, into buffers of the pool, and go out
//! together with what is in memory.
//!
//! What of a file is in memory already is read at once; what is not is read by a thread that may wait for the disk.

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Outbox, Piece, SLICES_MAX, Way};
use crate::log::FileRange;
use crate::server::connection::Ended;
use crate::server::pool::{BUFFER_BYTES_MIN, Buffer, Pool};

/// So much of a file is read at a time.
const FILE_STEP_BYTES: u64 = 128 << 10;

/// While so much in front of a file is in memory, it is not read.
const READY_BYTES: usize = 64 << 10;

/// Pieces of files that are smaller than this do not take a buffer of the pool.
const SMALL_BYTES: usize = BUFFER_BYTES_MIN / 4;

/// The half of such a stream that is written to.
#[derive(Debug)]
pub(in crate::server) struct Sealing<W> {
    stream: W,
    pool: Pool,
}

impl<W: AsyncWrite + Unpin> Sealing<W> {
    pub(in crate::server) fn new(stream: W, pool: Pool) -> Sealing<W> {
        Sealing { stream, pool }
    }

    /// Sends what is in memory in front of the next file, or a part of it.
    async fn send_bytes(&mut self, outbox: &Outbox) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = outbox.slices(&mut slices);
        let slices = &slices[..count];
        let stream = &mut self.stream;
        match poll_fn(|it| Pin::new(&mut *stream).poll_write_vectored(it, slices)).await? {
            0 if slices.iter().any(|it| !it.is_empty()) => Err(ErrorKind::WriteZero.into()),
            sent => Ok(sent),
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Way for Sealing<W> {
    async fn send(&mut self, outbox: &mut Outbox, stalled: Duration) -> Result<(), Ended> {
        outbox.has_files = false;
        loop {
            bring_in(outbox, &self.pool).await?;
            if outbox.pieces.is_empty() {
                break;
            }
            let sent = patient(stalled, self.send_bytes(outbox)).await?;
            outbox.advance(sent);
        }
        outbox.len_bytes = 0;
        // What is sealed and not yet taken is a little: 64 KiB at most.
        patient(stalled, self.stream.flush()).await
    }

    async fn close(&mut self, stalled: Duration) -> Result<(), Ended> {
        patient(stalled, self.stream.shutdown()).await
    }
}

/// Waits for a step, but not for ever.
async fn patient<T>(
    stalled: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, Ended> {
    match tokio::time::timeout(stalled, step).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Ended::Stalled(stalled)),
    }
}

/// Reads of the first files, until enough is in memory in front of the next, or as many pieces as can be sent at once.
async fn bring_in(outbox: &mut Outbox, pool: &Pool) -> io::Result<()> {
    let (mut index, mut ready_bytes) = (0, 0);
    while ready_bytes < READY_BYTES && index < SLICES_MAX {
        let Some(piece) = outbox.pieces.get_mut(index) else {
            break;
        };
        if let Piece::File(range) = piece {
            let count = range.len_bytes.min(FILE_STEP_BYTES) as usize;
            let bytes = match count {
                0 => Bytes::new(),
                _ => read(range, count, pool).await?,
            };
            piece.advance(bytes.len());
            ready_bytes += bytes.len();
            match piece {
                Piece::File(range) if range.len_bytes > 0 => {
                    outbox.pieces.insert(index, Piece::Bytes(bytes));
                }
                piece => *piece = Piece::Bytes(bytes),
            }
        } else {
            ready_bytes += piece.in_memory().map_or(0, <[u8]>::len);
        }
        index += 1;
    }
    Ok(())
}

/// Reads the first bytes of a range, `count` of them or fewer, but some.
async fn read(range: &FileRange, count: usize, pool: &Pool) -> io::Result<Bytes> {
    if count < SMALL_BYTES {
        return read_into(range, vec![0; count]).await.map(Bytes::from);
    }
    let mut buffer = pool.take(count);
    buffer.bytes.resize(count, 0);
    read_into(range, buffer).await.map(Bytes::from_owner)
}

/// What can be read into, and cut off behind what was read.
trait Room: Send + 'static {
    fn bytes(&mut self) -> &mut Vec<u8>;
}

impl Room for Vec<u8> {
    fn bytes(&mut self) -> &mut Vec<u8> {
        self
    }
}

impl Room for Buffer {
    fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

async fn read_into<R: Room>(range: &FileRange, mut room: R) -> io::Result<R> {
    let mut slices = [IoSliceMut::new(room.bytes())];
    let at_once = preadv2(
        &*range.file,
        &mut slices,
        range.position,
        ReadWriteFlags::NOWAIT,
    );
    let count = match at_once {
        Ok(count) => count,
        // It is not in memory, or nobody can say; what is wrong, if something is, comes out there.
        Err(_) => {
            let (file, position) = (range.file.clone(), range.position);
            let reading = tokio::task::spawn_blocking(move || {
                let read = file.read_at(room.bytes(), position);
                read.map(|count| (room, count))
            });
            let count;
            (room, count) = reading.await.map_err(io::Error::other)??;
            count
        }
    };
    if count == 0 {
        // The file is shorter than what was once written.
        return Err(ErrorKind::UnexpectedEof.into());
    }
    room.bytes().truncate(count);
    Ok(room)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::api::Part;

    /// A part of an answer, of so many bytes: in memory, or from a place in a file.
    #[derive(Clone, Debug)]
    enum Given {
        Memory(usize),
        File(usize, usize),
    }

    const FILE_BYTES: usize = 700_000;

    fn given() -> impl Strategy<Value = Given> {
        let small = 0..300_usize;
        let large = 0..200_000_usize;
        prop_oneof![
            4 => small.clone().prop_map(Given::Memory),
            1 => large.clone().prop_map(Given::Memory),
            3 => (0..300_000_usize, small).prop_map(|(at, len)| Given::File(at, len)),
            2 => (0..300_000_usize, 0..400_000_usize).prop_map(|(at, len)| Given::File(at, len)),
        ]
    }

    fn content() -> Vec<u8> {
        (0..FILE_BYTES)
            .map(|it| (it / 7 + it / 1000) as u8)
            .collect()
    }

    /// A file with that in it.
    fn file(folder: &tempfile::TempDir) -> Arc<File> {
        let path = folder.path().join("file");
        std::fs::write(&path, content()).expect("it is written");
        Arc::new(File::open(path).expect("it opens"))
    }

    fn part(given: &Given, file: &Arc<File>) -> Part {
        match *given {
            Given::Memory(len) => Part::Bytes(content()[..len].to_vec().into()),
            Given::File(at, len) => Part::File(FileRange {
                file: file.clone(),
                position: at as u64,
                len_bytes: len as u64,
            }),
        }
    }

    fn expected(answers: &[Vec<Given>]) -> Vec<u8> {
        let content = content();
        let mut bytes = Vec::new();
        for answer in answers {
            let parts = answer.iter().map(|it| match *it {
                Given::Memory(len) => &content[..len],
                Given::File(at, len) => &content[at..at + len],
            });
            let body: Vec<u8> = parts.flatten().copied().collect();
            bytes.extend((body.len() as i32).to_be_bytes());
            bytes.extend(body);
        }
        bytes
    }

    fn runtime() -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().expect("it is built")
    }

    proptest! {
        #![proptest_config(crate::testing::cases(60))]

        #[test]
        fn what_comes_out_is_what_went_in(
            answers in proptest::collection::vec(proptest::collection::vec(given(), 0..9), 1..4),
            room_bytes in prop_oneof![1..2000_usize, 2000..300_000_usize],
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let file = file(&folder);
            let sent = runtime().block_on(async {
                let (near, mut far) = tokio::io::duplex(room_bytes);
                let sending = async {
                    let mut way = Sealing::new(near, Pool::default());
                    let mut outbox = Outbox::default();
                    for answer in &answers {
                        let parts = answer.iter().map(|it| part(it, &file)).collect();
                        outbox.push(parts).expect("it is short enough");
                    }
                    way.send(&mut outbox, Duration::from_secs(20)).await.expect("it is taken");
                    assert_eq!(outbox.len_bytes(), 0);
                };
                let mut sent = Vec::new();
                let (read, ()) = tokio::join!(far.read_to_end(&mut sent), sending);
                read.expect("it comes");
                sent
            });
            prop_assert!(sent == expected(&answers));
        }
    }

    #[test]
    fn a_file_that_ends_too_early_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder);
        let mut outbox = Outbox::default();
        let beyond = Given::File(FILE_BYTES - 10, 20);
        outbox
            .push(vec![part(&beyond, &file)])
            .expect("it is short");
        let ended = runtime().block_on(async {
            let mut way = Sealing::new(tokio::io::sink(), Pool::default());
            way.send(&mut outbox, Duration::from_secs(20)).await
        });
        let Err(Ended::Io(error)) = ended else {
            panic!("it was sent: {ended:?}");
        };
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up() {
        let (near, _far) = tokio::io::duplex(1000);
        let mut way = Sealing::new(near, Pool::default());
        let mut outbox = Outbox::default();
        let parts = vec![Part::Bytes(vec![0; 5000].into())];
        outbox.push(parts).expect("it is short");
        let ended = way.send(&mut outbox, Duration::from_secs(30)).await;
        assert!(matches!(ended, Err(Ended::Stalled(_))), "{ended:?}");
    }
}
