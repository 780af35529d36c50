//! Every file of a compacted partition, cut, flipped and appended to: what is whole is read, what is gone is told, and cleaning goes on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tamis_engine::disk;

use super::*;
use crate::batch::{Header, seal};
use crate::disk::Disk;
use crate::log::Recovery;
use crate::testing::soak_factor;

/// What is done to each file in each round.
const DAMAGES: usize = 12;

/// The offset of a batch and its epoch, which no checksum covers.
const UNCHECKED_BYTES: usize = 16;

/// Makes nothing durable: there is no power cut here.
#[derive(Debug)]
struct IdleDisk;

impl Disk for IdleDisk {
    fn sync(&self, _file: &fs::File, _path: &Path) -> disk::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _folder: &Path) -> disk::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Cut(usize),
    Flip(usize, u8),
    Append,
}

impl Damage {
    fn some(length: usize, random: &mut fastrand::Rng) -> Damage {
        match random.u8(..8) {
            0 => Damage::Append,
            1 | 2 if length > 0 => Damage::Cut(random.usize(..length)),
            _ if length > 0 => Damage::Flip(random.usize(..length), random.u8(..8)),
            _ => Damage::Append,
        }
    }

    fn apply(self, path: &Path) {
        let mut bytes = fs::read(path).expect("a file");
        match self {
            Damage::Cut(count) => bytes.truncate(count),
            Damage::Flip(at, bit) => bytes[at] ^= 1 << bit,
            Damage::Append => bytes.extend((0..90_u8).map(|it| it.wrapping_mul(37))),
        }
        fs::write(path, bytes).expect("it is written");
    }

    /// The first byte that is another one.
    fn at(self, length: usize) -> usize {
        match self {
            Damage::Cut(at) | Damage::Flip(at, _) => at,
            Damage::Append => length,
        }
    }
}

/// A partition that was compacted twice, has dirty segments behind that, and lost its first records.
struct Template {
    folder: TempDir,
    end_offset: i64,
    /// What is read as long as nothing is damaged.
    records: Records,
    /// The last batch of each producer.
    producers: BTreeMap<i64, i64>,
}

impl Template {
    fn new(is_closed: bool) -> Template {
        let folder = TempDir::new().expect("a folder");
        let (log, _) = open_idle(folder.path(), 0).expect("it is made");
        let mut model = Records::new();
        for number in 0..60_u8 {
            let pair = |at: u8| ((number + at) % 23, Some(number).filter(|it| it % 7 != at));
            let pairs = [0, 3, 6].map(pair);
            let now_ms = 1000 + 10 * i64::from(number);
            if number % 9 == 4 {
                append_numbered(&log, &mut model, &pairs, i64::from(number % 2), now_ms);
            } else {
                append(&log, &mut model, &pairs, number, now_ms);
            }
            if number == 25 || number == 40 {
                let cleaned = clean(&log, now_ms, 1000, usize::MAX);
                cleaned.expect("it is cleaned").expect("it is dirty");
            }
        }
        log.flush().expect("it is durable");
        log.delete_before(5).expect("they are there");
        let copied = TempDir::new().expect("a folder");
        // As it is after a kill, or after an end in order.
        if is_closed {
            log.close().expect("it closes");
        }
        copy(folder.path(), copied.path());
        Template {
            end_offset: log.end_offset(),
            records: read(&log, log.start_offset()),
            producers: log.lock().producers.last_batches().into_iter().collect(),
            folder: copied,
        }
    }

    fn last_segment(&self) -> SegmentName {
        let files = self.files();
        let names = files.iter().filter_map(|it| SegmentName::of(it));
        names.max().expect("there is one")
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut files: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
        files.sort();
        files
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        fs::copy(&path, to.join(name)).expect("it is copied");
    }
}

fn open_idle(folder: &Path, recovery_point: i64) -> Result<(Log, Recovery)> {
    let shared = Shared {
        files: Files::on(Arc::new(IdleDisk), 16),
        tails: Budget::new(65536),
    };
    Log::open(folder, config(), &shared, recovery_point)
}

/// Appends a batch of a producer, of which there is no other yet with these numbers.
fn append_numbered(log: &Log, model: &mut Records, pairs: &[Pair], producer: i64, now_ms: i64) {
    let mut bytes = batch(pairs, Compression::None, now_ms).to_vec();
    // Epochs ascend, so that each begins to count anew.
    let epoch = (now_ms / 10) as i16;
    bytes[43..51].copy_from_slice(&producer.to_be_bytes());
    bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
    bytes[53..57].copy_from_slice(&0_i32.to_be_bytes());
    seal(&mut bytes);
    let appended = log.append(bytes.into(), 0, now_ms);
    let base_offset = appended.expect("it is appended").base_offset;
    for (at, pair) in (0..).zip(pairs) {
        model.insert(base_offset + at, (*pair, now_ms + at));
    }
}

/// All records that can be read; a damaged batch ends it, as it ends a consumer, and so does a segment that cannot be gone through.
fn read_whole(log: &Log) -> Records {
    let mut found = Records::new();
    let mut offset = log.start_offset();
    log.tail.clear();
    while let Ok(Fetched::File(range)) = log.fetch(offset, 1) {
        let mut bytes = vec![0; range.len_bytes as usize];
        let read = range.file.read_exact_at(&mut bytes, range.position);
        read.expect("it is there");
        let Ok(header) = Header::check(&bytes) else {
            break;
        };
        let records = RecordBatchDecoder::decode(&mut Bytes::from(bytes)).expect("they decode");
        for record in records.records {
            let pair = (record.key.expect("a key")[0], record.value.map(|it| it[0]));
            if record.offset >= offset {
                found.insert(record.offset, (pair, record.timestamp));
            }
        }
        offset = header.next_offset();
    }
    found
}

/// Whether the first byte of the damage is within what no checksum covers.
fn is_unchecked(bytes: &[u8], damage: Damage) -> bool {
    let mut at = 0;
    let hit = damage.at(bytes.len());
    while let Ok((header, _, _)) = split(&bytes[at..]) {
        let end = at + header.len_bytes();
        if hit < end {
            let within = hit - at;
            return matches!(damage, Damage::Flip(..))
                && within < UNCHECKED_BYTES
                && !(8..12).contains(&within);
        }
        at = end;
    }
    false
}

/// Whether the file is cut where no batch has begun, but for zeros that might as well be space that was set aside.
fn leaves_no_trace(bytes: &[u8], damage: Damage) -> bool {
    let Damage::Cut(cut) = damage else {
        return false;
    };
    let mut at = 0;
    while let Ok((header, ..)) = split(&bytes[at..]) {
        if at + header.len_bytes() > cut {
            break;
        }
        at += header.len_bytes();
    }
    bytes[at..cut].iter().all(|byte| *byte == 0)
}

fn check_damage(template: &Template, file: &Path, damage: Damage, is_trusted: bool) {
    let what = format!("{file:?}, {damage:?}, trusted: {is_trusted}");
    let folder = TempDir::new().expect("a folder");
    copy(template.folder.path(), folder.path());
    let name = file.file_name().expect("a name").to_str().expect("a text");
    let before = fs::read(file).expect("a file");
    damage.apply(&folder.path().join(name));
    let point = if is_trusted { template.end_offset } else { 0 };
    let (log, recovery) = match open_idle(folder.path(), point) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(matches!(error, Error::Damaged { .. }), "{what}: {error}");
            assert!(error.to_string().contains(name), "{what}: {error}");
            assert_eq!(name, "start-offset.json", "{what}: {error}");
            return;
        }
    };
    let is_log = name.ends_with(".log");
    let is_in_doubt = is_log && is_unchecked(&before, damage);
    let found = read_whole(&log);
    if !is_in_doubt {
        check_found(template, &found, &what);
        if !is_log {
            assert_eq!(recovery.damaged, [], "{what}");
            assert_eq!(found, template.records, "{what}");
            let last = log.lock().producers.last_batches();
            let producers: BTreeMap<_, _> = last.into_iter().collect();
            assert_eq!(producers, template.producers, "{what}");
        }
        let segment = SegmentName::of(file).filter(|_| is_log);
        if let Some(segment) = segment {
            let is_last = segment == template.last_segment();
            // What is trusted is not looked at, and of what is gone without a trace somebody else must know: the segment behind it, if
            // it was not cleaned, or the recovery point.
            let is_known = if is_last {
                is_trusted
            } else {
                segment.generation == 0
            };
            let must_tell = is_known || !leaves_no_trace(&before, damage);
            if must_tell && (is_last || !is_trusted) {
                check_told(template, &found, &recovery, &what);
            }
        }
    }
    clean_again(&log, &found, is_in_doubt || is_trusted, &what);
}

/// Nothing else is read than what was appended and not deleted.
fn check_found(template: &Template, found: &Records, what: &str) {
    for (offset, record) in found {
        assert_eq!(
            template.records.get(offset),
            Some(record),
            "{what}: at {offset}"
        );
    }
}

/// What is gone is told: as damage with its offsets, or as the end of a segment that was not written whole.
fn check_told(template: &Template, found: &Records, recovery: &Recovery, what: &str) {
    let mut gone = template.records.keys().filter(|it| !found.contains_key(it));
    let is_told = |offset: &i64| {
        let mut ranges = recovery.damaged.iter().map(|it| it.offset..it.next_offset);
        ranges.any(|it| it.contains(offset)) || recovery.torn_bytes > 0
    };
    assert!(gone.all(is_told), "{what}: {recovery:?}");
}

/// It goes on: the last record of each key that is left stays.
fn clean_again(log: &Log, found: &Records, may_fail: bool, what: &str) {
    log.lock_and_roll();
    let cleaned = clean(log, 5000, 1000, usize::MAX);
    assert!(may_fail || cleaned.is_ok(), "{what}: {cleaned:?}");
    if may_fail {
        return;
    }
    let after = read_whole(log);
    let last = last_of_keys(found, i64::MAX);
    for (key, (offset, value)) in last {
        let stays = after.get(&offset) == found.get(&offset);
        assert!(
            stays || value.is_none(),
            "{what}: the last of {key} at {offset}"
        );
    }
}

fn damage_all(is_closed: bool) {
    let template = Template::new(is_closed);
    let files = template.files();
    let names: Vec<_> = files.iter().filter_map(|it| it.to_str()).collect();
    for kind in [
        ".index",
        ".timeindex",
        ".producers",
        "clean-offset.json",
        "start-offset.json",
    ] {
        assert!(
            names.iter().any(|it| it.ends_with(kind)),
            "{kind}: {names:?}"
        );
    }
    let cleaned: BTreeSet<_> = files.iter().filter_map(|it| SegmentName::of(it)).collect();
    assert!(cleaned.iter().filter(|it| it.generation > 0).count() > 2);
    for seed in 0..u64::from(soak_factor()) {
        let mut random = fastrand::Rng::with_seed(seed);
        for file in &files {
            let length = fs::metadata(file).expect("a file").len() as usize;
            for _ in 0..DAMAGES {
                let damage = Damage::some(length, &mut random);
                check_damage(&template, file, damage, is_closed);
                check_damage(&template, file, damage, false);
            }
        }
    }
}

#[test]
fn damaged_files_of_a_compacted_log_that_was_closed() {
    damage_all(true);
}

#[test]
fn damaged_files_of_a_compacted_log_that_was_not() {
    damage_all(false);
}
