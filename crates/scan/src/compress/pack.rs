//! Cuts an input into pieces, packs them on all threads and joins them in order.
//!
//! Who holds the input takes the next piece: a range of a file, which its worker reads itself, or a buffer full of a stream.
//! A piece and what it was packed into are held until it is written, and the pipeline lets no more than four pieces per
//! thread be on their way; so memory depends on the threads and the size of blocks, and not on the input.

use std::io;
use std::ops::Range;

use tamis_engine::Error as Engine;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::pool::{BufferPool, PooledBuffer, PooledVec};
use tamis_engine::sink::Sink;
use tamis_engine::source::{ByteStream, Opened, RandomAccess, Source};

use super::{Codec, PackOptions, gzip, lz4, zstd};
use crate::Result;

/// What a format is: how a piece is packed.
pub(super) trait Format: Sync {
    /// The scratch memory of one thread.
    type Worker;
    /// What has to be known of all pieces in order.
    type Joint: Joint;

    /// Plain bytes of a piece, a whole number of blocks.
    fn piece_bytes(&self) -> usize;

    /// A new thread's scratch memory.
    fn worker(&self) -> Self::Worker;

    /// Appends `plain`, packed, to `packed`.
    ///
    /// # Errors
    /// Those of the library; for lack of memory.
    fn pack(&self, worker: &mut Self::Worker, plain: &[u8], packed: &mut Vec<u8>)
    -> io::Result<()>;

    /// What goes through the pieces in order, and what stands before the first of them. `plain_bytes`: those of the input, if
    /// that is known.
    fn begin(&self, plain_bytes: Option<u64>) -> (Self::Joint, Vec<u8>);
}

/// Goes through the pieces in order.
pub(super) trait Joint {
    /// The next piece, plain and packed.
    fn add(&mut self, plain: &[u8], packed: &[u8]);

    /// What stands behind the last piece.
    fn end(self) -> Vec<u8>;
}

/// How much became how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of the input.
    pub plain_bytes: u64,
    /// Bytes of the output.
    pub packed_bytes: u64,
}

/// Packs all of `source` and writes it to `sink`, which is not finished. What is compressed already is packed as it is if
/// `source` hands it out so ([`ReadOptions::unpack`](tamis_engine::source::ReadOptions::unpack)).
///
/// # Errors
/// Those of [`PackOptions::validate`], and [`Error::Engine`](crate::Error::Engine) when the input cannot be read or changes,
/// or the output not be written.
pub fn pack(source: &dyn Source, sink: &mut dyn Sink, options: &PackOptions) -> Result<Packed> {
    options.validate()?;
    let input = source.open()?;
    match options.codec {
        Codec::Lz4 => pack_as(&lz4::Format::new(options), input, sink, options),
        Codec::Zstd => pack_as(&zstd::Format::new(options), input, sink, options),
        Codec::Gzip => pack_as(&gzip::Format::new(options), input, sink, options),
    }
}

fn pack_as<F: Format>(
    format: &F,
    input: Opened,
    sink: &mut dyn Sink,
    options: &PackOptions,
) -> Result<Packed> {
    let pools = Pools::new(options.threads, format.piece_bytes());
    match input {
        Opened::Random(access) => {
            let len_bytes = access.len_bytes();
            let step = format.piece_bytes();
            let starts = (0..len_bytes).step_by(step);
            let ranges = starts.map(|start| start..len_bytes.min(start + step as u64));
            let pieces = ranges.map(|range| Ok(Piece::Range(range)));
            let access = access.as_ref();
            options.progress.add_raw_bytes_total(len_bytes);
            let packed = join(
                format,
                (access.name(), Some(len_bytes)),
                pieces,
                Some(access),
                sink,
                &pools,
                options,
            )?;
            access.verify()?;
            Ok(packed)
        }
        Opened::Stream(stream) => {
            let name = stream.name().to_owned();
            options
                .progress
                .add_raw_bytes_total(stream.raw_len_bytes().unwrap_or(0));
            let pieces = StreamPieces {
                stream,
                piece_bytes: format.piece_bytes(),
                pool: pools.plain.clone(),
            };
            join(format, (&name, None), pieces, None, sink, &pools, options)
        }
    }
}

/// Buffers for what is on its way. Plain pieces are written to their end and packed ones are not, so they do not share:
/// what is kept for the one would cost memory as the other.
struct Pools {
    plain: BufferPool,
    packed: BufferPool,
}

impl Pools {
    fn new(threads: usize, piece_bytes: usize) -> Pools {
        let pieces = 4 * threads.max(1) + 1;
        Pools {
            plain: BufferPool::new(pieces * piece_bytes.next_power_of_two()),
            packed: BufferPool::new(2 * pieces * piece_bytes.next_power_of_two()),
        }
    }
}

/// Some of the input.
enum Piece {
    /// To be read by whoever packs it.
    Range(Range<u64>),
    Bytes(PooledBuffer),
}

/// A piece that was packed.
struct Done {
    plain: PooledBuffer,
    packed: PooledVec,
}

fn join<F: Format>(
    format: &F,
    (name, plain_bytes): (&str, Option<u64>),
    pieces: impl Iterator<Item = tamis_engine::Result<Piece>> + Send,
    access: Option<&dyn RandomAccess>,
    sink: &mut dyn Sink,
    pools: &Pools,
    options: &PackOptions,
) -> Result<Packed> {
    let (mut joint, header) = format.begin(plain_bytes);
    let mut total = Packed::default();
    let mut write = |bytes: &[u8], total: &mut Packed| {
        total.packed_bytes += bytes.len() as u64;
        sink.write_all(bytes)
    };
    write(&header, &mut total)?;
    let run = Options {
        threads: options.threads,
        cancel: options.cancel.clone(),
        ..Options::default()
    };
    let map = |worker: &mut F::Worker, piece: Piece| {
        let plain = match (piece, access) {
            (Piece::Bytes(bytes), _) => bytes,
            (Piece::Range(range), Some(access)) => {
                let mut bytes = pools.plain.take((range.end - range.start) as usize);
                access.read_into(range.start, &mut bytes)?;
                access.release(range);
                bytes
            }
            (Piece::Range(_), None) => unreachable!("a stream gives bytes"),
        };
        // No format adds more to what cannot be packed.
        let mut packed = pools.packed.take_vec(plain.len() + plain.len() / 32 + 1024);
        format
            .pack(worker, &plain, &mut packed)
            .map_err(|error| Engine::Unsupported {
                input: name.to_owned(),
                reason: format!("it cannot be packed: {error}"),
            })?;
        Ok(Done { plain, packed })
    };
    pipeline::run_items(
        name,
        pieces,
        &run,
        || format.worker(),
        map,
        |done: Done| {
            joint.add(&done.plain, &done.packed);
            total.plain_bytes += done.plain.len() as u64;
            write(&done.packed, &mut total)?;
            options.progress.add_plain_bytes(done.plain.len() as u64);
            options.progress.add_raw_bytes(done.plain.len() as u64);
            Ok(Flow::Continue)
        },
    )?;
    write(&joint.end(), &mut total)?;
    Ok(total)
}

/// Full buffers of a stream.
struct StreamPieces {
    stream: Box<dyn ByteStream>,
    piece_bytes: usize,
    pool: BufferPool,
}

impl Iterator for StreamPieces {
    type Item = tamis_engine::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut buffer = self.pool.take(self.piece_bytes);
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Some(Err(error)),
            }
        }
        buffer.resize(filled);
        (filled > 0).then_some(Ok(Piece::Bytes(buffer)))
    }
}
