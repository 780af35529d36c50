//! Batches against the `kafka-protocol` crate, which reads and writes them on its own.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record as TheirRecord, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::testing::cases;

type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);
type Headers = Vec<(String, Option<Vec<u8>>)>;

fn theirs(offset: i64, pair: &Pair, headers: &Headers) -> TheirRecord {
    let mut named = IndexMap::new();
    for (name, value) in headers {
        let name = StrBytes::from_string(name.clone());
        named.insert(name, value.clone().map(Bytes::from));
    }
    TheirRecord {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: 7,
        producer_epoch: 1,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: offset as i32,
        timestamp: 1_000 + offset,
        key: pair.0.clone().map(Bytes::from),
        value: pair.1.clone().map(Bytes::from),
        headers: named,
    }
}

fn encode(records: &[TheirRecord], compression: Compression) -> Vec<u8> {
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, records, &options).expect("they encode");
    bytes.to_vec()
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let bytes = || of(vec(any::<u8>(), 0..200));
    vec((bytes(), bytes()), 1..30)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_they_write_is_read(pairs in pairs(), headers in vec(("[a-z]{1,5}", of(vec(any::<u8>(), 0..9))), 0..3)) {
        let written: Vec<_> = (0..).zip(&pairs).map(|(at, pair)| theirs(at, pair, &headers)).collect();
        let batch = encode(&written, Compression::None);
        let header = Header::check(&batch).expect("it is whole");
        header.check_new().expect("as many records as offsets");
        prop_assert_eq!(header.record_count as usize, pairs.len());
        prop_assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 1, 0));
        prop_assert_eq!(header.max_timestamp, 1_000 + pairs.len() as i64 - 1);
        let records = Records::new(&batch[HEADER_BYTES..], pairs.len());
        let records: Vec<_> = records.collect::<Result<_, _>>().expect("they are whole");
        prop_assert_eq!(records.len(), pairs.len());
        for (at, (record, theirs)) in records.iter().zip(&written).enumerate() {
            prop_assert_eq!(record.offset_delta as usize, at);
            prop_assert_eq!(record.key, theirs.key.as_deref());
            prop_assert_eq!(record.value, theirs.value.as_deref());
            let names: Vec<_> = record.headers().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect();
            let expected: Vec<_> = theirs.headers.iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_ref().map(|it| it.to_vec()))).collect();
            prop_assert_eq!(names, expected);
        }
    }

    #[test]
    fn what_we_write_is_read_by_them(pairs in pairs()) {
        let mut builder = BatchBuilder::new(1_000).producer(7, 1, 0);
        for (at, (key, value)) in (0..).zip(&pairs) {
            builder.push(1_000 + at, key.as_deref(), value.as_deref());
        }
        let batch = builder.finish();
        let mut bytes = Bytes::from(batch);
        let read = RecordBatchDecoder::decode(&mut bytes).expect("they decode").records;
        let expected: Vec<_> = (0..).zip(&pairs).map(|(at, pair)| theirs(at, pair, &Vec::new())).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_flipped_bit_is_seen(pairs in pairs(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let records: Vec<_> = (0..).zip(&pairs).map(|(at, pair)| theirs(at, pair, &Vec::new())).collect();
        let mut batch = encode(&records, Compression::None);
        // The stamp is the log's and not the checksum's.
        let at = STAMP_BYTES + at.index(batch.len() - STAMP_BYTES);
        batch[at] ^= 1 << bit;
        prop_assert!(Header::check(&batch).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..200), count in 0..5_usize) {
        let _ = Header::check(&bytes);
        let _ = split(&bytes);
        let read = Records::new(&bytes, count).collect::<Vec<_>>();
        prop_assert!(read.len() <= count + 1);
        for record in read.into_iter().flatten() {
            record.headers().for_each(drop);
        }
    }
}

#[test]
fn compressed_batches_are_whole_to_us() {
    let records: Vec<_> = (0..50)
        .map(|at| theirs(at, &(None, Some(vec![1; 100])), &Vec::new()))
        .collect();
    for compression in [
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let batch = encode(&records, compression);
        let header = Header::check(&batch).expect("it is whole");
        assert!(header.is_compressed());
        assert_eq!(header.check_new(), Ok(()));
    }
}

#[test]
fn a_stamp_is_not_covered_by_the_checksum() {
    let mut builder = BatchBuilder::new(5);
    builder.push(5, None, Some(b"value"));
    let mut batch = builder.finish();
    let stamp = Header::check(&batch).expect("whole").stamp(77, 3);
    batch[..STAMP_BYTES].copy_from_slice(&stamp);
    let header = Header::check(&batch).expect("still whole");
    assert_eq!((header.base_offset, header.leader_epoch), (77, 3));
}

#[test]
fn the_time_of_appending_is_checked_too() {
    let mut builder = BatchBuilder::new(5);
    builder.push(5, None, Some(b"value"));
    let mut batch = builder.finish();
    set_append_time(&mut batch, 99);
    let header = Header::check(&batch).expect("sealed again");
    assert!(header.is_log_append_time());
    assert_eq!((header.base_timestamp, header.max_timestamp), (5, 99));
}

#[test]
fn sequence_numbers_begin_again_behind_the_largest() {
    assert_eq!(header::after(i32::MAX, 1), 0);
    assert_eq!(header::after(i32::MAX - 1, 3), 1);
    assert_eq!(header::after(5, 3), 8);
}

#[test]
fn counts_that_contradict_each_other_are_refused() {
    let mut builder = BatchBuilder::new(5);
    builder.push(5, None, None);
    let mut batch = builder.finish();
    batch[57..61].copy_from_slice(&2_i32.to_be_bytes());
    header::seal(&mut batch);
    assert_eq!(
        Header::check(&batch),
        Err(BadBatch::Count {
            record_count: 2,
            last_offset_delta: 0
        })
    );
}

/// What packs records, and what they are packed as.
const CODECS: [(Compression, codec::Codec); 5] = [
    (Compression::None, codec::Codec::None),
    (Compression::Gzip, codec::Codec::Gzip),
    (Compression::Snappy, codec::Codec::Snappy),
    (Compression::Lz4, codec::Codec::Lz4),
    (Compression::Zstd, codec::Codec::Zstd),
];

/// A batch of these packed records, sealed.
fn with_records(batch: &[u8], codec: u8, packed: &[u8]) -> Vec<u8> {
    let mut batch = [&batch[..HEADER_BYTES], packed].concat();
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[22] = codec;
    header::seal(&mut batch);
    batch
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_they_pack_is_unpacked_and_packed_again(pairs in pairs(), is_framed in any::<bool>()) {
        let written: Vec<_> = (0..).zip(&pairs).map(|(at, pair)| theirs(at, pair, &Vec::new())).collect();
        let plain = encode(&written, Compression::None);
        for (theirs, ours) in CODECS {
            let mut batch = encode(&written, theirs);
            if ours == codec::Codec::Snappy && is_framed {
                let like = b"\x82SNAPPY\0";
                let framed = codec::pack(ours, &plain[HEADER_BYTES..], like).expect("it is packed");
                prop_assert!(framed.starts_with(like));
                batch = with_records(&batch, 2, &framed);
            }
            let header = Header::check(&batch).expect("it is whole");
            prop_assert_eq!(header.codec(), Some(ours));
            let unpacked = codec::unpack(&header, &batch[HEADER_BYTES..]).expect("it is unpacked");
            prop_assert_eq!(&unpacked[..], &plain[HEADER_BYTES..]);
            let heads: Vec<_> = heads(&header, &batch, codec::UNPACKED_BYTES_MAX).collect::<Result<_, _>>().expect("they are whole");
            let has_key: Vec<_> = heads.iter().map(|it| it.has_key).collect();
            prop_assert_eq!(has_key, pairs.iter().map(|it| it.0.is_some()).collect::<Vec<_>>());
            let missing: Vec<_> = (0..).zip(&pairs).filter(|it| it.1.0.is_none()).map(|it| it.0).collect();
            let expected = if missing.is_empty() { Ok(()) } else { Err(BadKeys::Missing(missing)) };
            prop_assert_eq!(check_keys(&header, &batch, codec::UNPACKED_BYTES_MAX), expected);
        }
    }

    #[test]
    fn what_is_sifted_is_read_by_them(
        pairs in pairs(),
        kept in vec(any::<bool>(), 30),
        which in 0..CODECS.len(),
        horizon in of(-5000..5000_i64),
    ) {
        let written: Vec<_> = (0..).zip(&pairs).map(|(at, pair)| theirs(at, pair, &vec![("h".to_owned(), None)])).collect();
        let batch = encode(&written, CODECS[which].0);
        let header = Header::check(&batch).expect("it is whole");
        let unpacked = codec::unpack(&header, &batch[HEADER_BYTES..]).expect("it is unpacked");
        let kept = &kept[..pairs.len()];
        let sifted = sift(&header, &batch, &unpacked, kept, horizon).expect("it is packed");
        let left = Header::check(&sifted).expect("it is whole");
        prop_assert_eq!((left.last_offset(), left.last_sequence()), (header.last_offset(), header.last_sequence()));
        prop_assert_eq!(left.delete_horizon(), horizon);
        let expected: Vec<_> = written.into_iter().zip(kept).filter(|it| *it.1).map(|it| it.0).collect();
        let latest = expected.iter().map(|it| it.timestamp).max().unwrap_or(-1);
        prop_assert_eq!(left.latest_time(), latest);
        if !expected.is_empty() {
            let read = RecordBatchDecoder::decode(&mut Bytes::from(sifted)).expect("they decode").records;
            let expected: Vec<_> = expected.into_iter()
                .map(|it| TheirRecord { delete_horizon: horizon.is_some(), ..it }).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn any_packed_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..300), which in 0..8_u8, is_framed in any::<bool>()) {
        let front: &[u8] = if is_framed { b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01" } else { b"" };
        let mut builder = BatchBuilder::new(5);
        builder.push(5, Some(b"key"), None);
        let batch = with_records(&builder.finish(), which, &[front, &bytes].concat());
        let header = Header::read(&batch).expect("it is a header");
        let _ = codec::unpack(&header, &batch[HEADER_BYTES..]);
        let _ = check_keys(&header, &batch, codec::UNPACKED_BYTES_MAX);
    }
}

#[test]
fn nothing_is_unpacked_without_end() {
    let mut builder = BatchBuilder::new(5);
    builder.push(5, Some(b"key"), None);
    let plain = builder.finish();
    // One record that says that it is as long as all these zeros.
    let mut zeros = Vec::new();
    build::push_varint(&mut zeros, i64::from(i32::MAX));
    zeros.resize(codec::UNPACKED_BYTES_MAX as usize + 1, 0);
    for (_, ours) in &CODECS[1..] {
        let packed = codec::pack(*ours, &zeros, b"").expect("it is packed");
        let number = CODECS
            .iter()
            .position(|it| it.1 == *ours)
            .expect("it is one of them");
        let batch = with_records(&plain, number as u8, &packed);
        let header = Header::check(&batch).expect("it is whole");
        let refused = codec::unpack(&header, &batch[HEADER_BYTES..]);
        assert!(refused.is_err(), "{ours:?}");
        for bytes_max in [1000, codec::UNPACKED_BYTES_MAX] {
            let refused = check_keys(&header, &batch, bytes_max);
            assert_eq!(refused, Err(BadKeys::TooLong(TooLong { bytes_max })));
        }
    }
    // Four bytes that claim to be four gigabytes.
    let batch = with_records(&plain, 2, &[0xff, 0xff, 0xff, 0xff, 0x0f]);
    let header = Header::check(&batch).expect("it is whole");
    assert!(codec::unpack(&header, &batch[HEADER_BYTES..]).is_err());
}

#[test]
fn what_is_left_keeps_the_time_of_the_log() {
    let mut builder = BatchBuilder::new(5);
    builder.push(5, Some(b"one"), None);
    builder.push(9, Some(b"two"), Some(b"value"));
    let mut batch = builder.finish();
    set_append_time(&mut batch, 99);
    let header = Header::check(&batch).expect("whole");
    let records = &batch[HEADER_BYTES..];
    let left = sift(&header, &batch, records, &[true, false], Some(50)).expect("it is packed");
    let left = Header::check(&left).expect("whole");
    assert!(left.is_log_append_time());
    assert_eq!((left.max_timestamp, left.record_count), (99, 1));
    // Without records it says what it said, and none of them is that late.
    let left = sift(&header, &batch, records, &[false, false], None).expect("nothing is packed");
    let left = Header::check(&left).expect("whole");
    assert_eq!((left.max_timestamp, left.latest_time()), (99, -1));
    assert_eq!((left.last_offset(), left.len_bytes()), (1, HEADER_BYTES));
}

#[test]
fn no_more_is_looked_back_to_than_may_come() {
    let mut builder = BatchBuilder::new(5);
    builder.push(5, Some(b"key"), Some(&[0; 1000]));
    let plain = builder.finish();
    let pack = |window_log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("it packs");
        encoder.window_log(window_log).expect("it is possible");
        std::io::copy(&mut &plain[HEADER_BYTES..], &mut encoder).expect("it packs");
        with_records(&plain, 4, &encoder.finish().expect("it is packed"))
    };
    for (window_log, bytes_max, is_taken) in [
        (23, 1 << 10, true),
        (24, 1 << 23, false),
        (24, 1 << 24, true),
        (27, codec::UNPACKED_BYTES_MAX, true),
    ] {
        let batch = pack(window_log);
        let header = Header::check(&batch).expect("it is whole");
        let found = check_keys(&header, &batch, bytes_max.max(1100));
        let refused = Err(BadKeys::TooLong(TooLong { bytes_max }));
        let expected = if is_taken { Ok(()) } else { refused };
        assert_eq!(found, expected, "{window_log} {bytes_max}");
    }
}
