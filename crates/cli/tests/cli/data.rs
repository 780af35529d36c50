//! A small contract, and data that keeps it or does not.

use std::io::Write;

/// What most tests check against.
pub(crate) const CONTRACT: &str = "\
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        logicalType: string
        required: true
        logicalTypeOptions: { pattern: '^TX\\d{4}$' }
      - name: amount
        logicalType: number
        required: true
        logicalTypeOptions: { minimum: 0.01, maximum: 1000 }
      - name: memo
        logicalType: string
        logicalTypeOptions: { maxLength: 40 }
";

pub(crate) const HEADER: &str = "id,amount,memo\n";

/// `rows` rows that keep the contract, behind a header.
pub(crate) fn good_csv(rows: usize) -> String {
    let mut text = HEADER.to_owned();
    for row in 0..rows {
        let (id, euros, cents) = (row % 10_000, row % 999, row % 90 + 10);
        text.push_str(&format!("TX{id:04},{euros}.{cents},nothing to see here\n"));
    }
    text
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    // With a checksum, as the `zstd` command writes it.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("level 1 exists");
    encoder.include_checksum(true).expect("it can");
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

pub(crate) fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// A way to compress, by the ending of its files.
pub(crate) type Compress = fn(&[u8]) -> Vec<u8>;

pub(crate) const CODECS: [(&str, Compress); 3] = [("gz", gzip), ("zst", zstd), ("lz4", lz4)];

/// Blocks of at most 5,000 bytes that say how long they are, as `bgzip` writes them.
fn bgzf(bytes: &[u8]) -> Vec<u8> {
    let block = |plain: &[u8]| {
        let builder = flate2::GzBuilder::new().extra([b'B', b'C', 2, 0, 0, 0]);
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).expect("memory takes everything");
        let mut block = encoder.finish().expect("memory takes everything");
        let size = u16::try_from(block.len() - 1).expect("a small block");
        block[16..18].copy_from_slice(&size.to_le_bytes());
        block
    };
    bytes
        .chunks(5000)
        .chain([&b""[..]])
        .flat_map(block)
        .collect()
}

fn zstd_frames(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(7000).flat_map(zstd).collect()
}

fn lz4_blocks(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(lz4_flex::frame::BlockMode::Independent)
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// The same for archives that are unpacked in parts.
pub(crate) const PARTS: [(&str, Compress); 3] = [
    ("bgz.gz", bgzf),
    ("frames.zst", zstd_frames),
    ("blocks.lz4", lz4_blocks),
];
