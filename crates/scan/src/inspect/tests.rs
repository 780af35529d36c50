//! Goal: headers are read as other programs wrote them, whichever way the bytes come; and no bytes at all make a parser
//! panic, hang or answer differently.
//!
//! The samples are those the fuzzer starts with: written by Pillow, FFmpeg, pyarrow, `SQLite`, Python's `zipfile` and
//! `wave`, binutils. What larger files contain is compared in `tests/oracle/headers.py`.

use std::fs;
use std::ops::Range;
use std::path::Path;

use tamis_engine::source::{MemorySource, Opened, RandomAccess, Source};

use super::*;

fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/inspect");
    let entries = fs::read_dir(folder).unwrap();
    let mut samples: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    samples.sort();
    assert!(samples.len() > 20);
    samples
}

fn sample(name: &str) -> Vec<u8> {
    let mut samples = samples().into_iter();
    samples.find(|(found, _)| found == name).unwrap().1
}

fn options() -> InspectOptions {
    InspectOptions {
        parts_max: 100,
        entries_max: 100,
        ..InspectOptions::default()
    }
}

/// Memory that has to be asked for each range, as a file that is not mapped.
#[derive(Debug)]
struct ByPosition(MemorySource);

#[derive(Debug)]
struct Region(Box<dyn RandomAccess>);

impl Source for ByPosition {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        Ok(match self.0.open()? {
            Opened::Random(access) => Opened::Random(Box::new(Region(access))),
            stream @ Opened::Stream(_) => stream,
        })
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl RandomAccess for Region {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    fn backend(&self) -> &'static str {
        "read"
    }

    fn with_range(
        &self,
        range: Range<u64>,
        visit: &mut dyn FnMut(&[u8]),
    ) -> tamis_engine::Result<()> {
        assert!(range.end <= self.len_bytes(), "{range:?}");
        self.0.with_range(range, visit)
    }

    fn release(&self, range: Range<u64>) {
        self.0.release(range);
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        self.0.verify()
    }
}

/// Inspects the bytes in memory and by position; both must say the same.
fn inspected(bytes: &[u8]) -> Inspection {
    let source = MemorySource::new("m", bytes.to_vec());
    let whole = inspect(&source, &options()).unwrap();
    let by_position = inspect(&ByPosition(source), &options()).unwrap();
    assert_eq!(whole, by_position);
    whole
}

#[test]
fn samples_are_what_their_writers_made_them() {
    for (name, bytes) in samples() {
        let found = inspected(&bytes);
        assert_eq!(found.damage, None, "{name}");
        let kind = found.kind.unwrap();
        assert!(name.starts_with(kind.name()), "{name}: {kind:?}");
        let is_inside = |part: &Part| part.offset + part.bytes <= bytes.len() as u64;
        assert!(found.parts.listed.iter().all(is_inside), "{name}");
        let entries = found.entries.as_ref();
        assert_eq!(entries.is_some(), kind.entry_noun().is_some(), "{name}");
        assert!(
            entries.is_none_or(|it| it.listed.iter().all(is_inside)),
            "{name}"
        );
        let stream = MemorySource::new("m", bytes).as_stream(100);
        assert_eq!(inspect(&stream, &options()).unwrap(), found, "{name}");
    }
}

#[test]
fn pictures_are_as_large_as_others_say() {
    for (name, bytes) in samples() {
        let Ok(size) = imagesize::blob_size(&bytes) else {
            continue;
        };
        let found = inspected(&bytes).dimensions.unwrap();
        assert_eq!(
            (found.width, found.height),
            (size.width as u64, size.height as u64),
            "{name}"
        );
    }
}

#[test]
fn films_are_as_another_parser_reads_them() {
    for name in ["mp4", "mp4_fragments", "mov"] {
        let bytes = sample(name);
        let film = mp4parse::read_mp4(&mut bytes.as_slice()).unwrap();
        let found = inspected(&bytes);
        let entries = found.entries.unwrap();
        assert_eq!(entries.count, film.tracks.len() as u64, "{name}");
        let shown = film.tracks[0].tkhd.as_ref().unwrap();
        let size = found.dimensions.unwrap();
        assert_eq!(
            (shown.width >> 16, shown.height >> 16),
            (size.width as u32, size.height as u32)
        );
        for (track, entry) in film.tracks.iter().zip(&entries.listed) {
            let kind = match track.track_type {
                mp4parse::TrackType::Video => "video",
                mp4parse::TrackType::Audio => "audio",
                _ => unreachable!("there are no others"),
            };
            assert_eq!(entry.facts.get("kind"), Some(&Value::from(kind)));
            let ticks = track
                .duration
                .map(|duration| duration.0)
                .filter(|ticks| *ticks > 0);
            let seconds = ticks.map(|ticks| ticks as f64 / track.timescale.unwrap().0 as f64);
            assert_eq!(
                entry.facts.get("seconds"),
                seconds.map(Value::from).as_ref()
            );
        }
    }
}

/// Goal: a file that was cut off is noticed wherever it was cut, unless what is left is whole.
#[test]
fn cut_files_are_damaged() {
    for (name, bytes) in samples() {
        let whole = inspected(&bytes);
        let borders: Vec<u64> = whole.parts.listed.iter().map(|part| part.offset).collect();
        for end in 0..bytes.len() {
            let found = inspected(&bytes[..end]);
            let is_told = found.kind.is_none() || found.damage.is_some();
            // Boxes one after the other are a film, whether or not all of them are there.
            let is_box = matches!(found.kind, Some(Kind::Mp4 | Kind::Mov));
            let is_film = is_box && borders.contains(&(end as u64));
            assert!(is_told || is_film, "{name} up to byte {end}: {found:?}");
        }
    }
}

#[test]
fn flipped_bits_make_no_parser_panic() {
    let mut chance = fastrand::Rng::with_seed(5);
    for (_, bytes) in samples() {
        for _ in 0..1500 {
            let mut bytes = bytes.clone();
            for _ in 0..chance.usize(1..6) {
                let at = chance.usize(..bytes.len());
                bytes[at] = match chance.u8(..4) {
                    0 => 0xff,
                    1 => 0,
                    2 => bytes[at] ^ 1 << chance.u8(..8),
                    _ => chance.u8(..),
                };
            }
            let found = inspected(&bytes);
            let mut page = String::new();
            let text_options = text::TextOptions {
                limit: 5,
                entries: true,
            };
            text::write(&found, text_options, &mut page).unwrap();
            assert!(serde_json::to_string(&found).is_ok());
        }
    }
}

/// The damage in a sample with some bytes replaced.
fn damage_of(name: &str, at: usize, bytes: &[u8]) -> String {
    let mut sample = sample(name);
    sample[at..at + bytes.len()].copy_from_slice(bytes);
    let found = inspected(&sample);
    found
        .damage
        .map(|damage| damage.to_string())
        .unwrap_or_default()
}

#[test]
fn damage_has_a_place_and_a_reason() {
    let cases = [
        (
            damage_of("png", 8, &[0xff; 4]),
            "at byte 8: expected a length below 2^31, found 4294967295",
        ),
        (
            damage_of("png", 33, &[0x7f, 0xff, 0xff, 0xff]),
            "at byte 41: expected the content of `pHYs` (2147483647 bytes), found the end of the file at byte 90",
        ),
        (
            damage_of("png", 16, &[0, 0, 0, 0]),
            "at byte 29: expected the checksum bd1f0ebc of the chunk, found 5b36c5f8",
        ),
        (
            damage_of("jpeg", 20, &[0]),
            "at byte 20: expected a marker (0xff), found 0x00",
        ),
        (
            damage_of("gif", 25, &[0x20]),
            "at byte 25: expected a block or the trailer, found 0x20",
        ),
        (
            damage_of("wav", 40, &[0xff, 0xff, 0xff, 0x7f]),
            "at byte 44: expected the content of `data` (2147483647 bytes), found the end of the file at byte 444",
        ),
        (
            damage_of("mp4", 36, &[0, 0, 0, 7]),
            "at byte 36: expected a size of `mdat` of at least 8, found 7",
        ),
        (
            damage_of("zip", 298, &[9]),
            "at byte 288: expected 9 entries in the directory, found 3",
        ),
        (
            damage_of("zip64", 360, &[0xff; 8]),
            "at byte 388: expected the directory at byte 18446744073709551615, found it at byte 161",
        ),
        (
            damage_of("elf_64", 52, &[0xff; 2]),
            "at byte 52: expected a header inside of the file's 5032 bytes, found one of 65535",
        ),
        (
            damage_of("elf_32_big", 40, &[0xff; 2]),
            "at byte 40: expected a header inside of the file's 404 bytes, found one of 65535",
        ),
        (
            damage_of("elf_64", 54, &[1]),
            "at byte 64: expected headers of 56 bytes in the table of segments, found 1",
        ),
        (
            damage_of("elf_32_big", 46, &[0xff; 2]),
            "at byte 204: expected the table of sections (327675 bytes), found the end of the file at byte 404",
        ),
        (
            damage_of("parquet", 905, &[0xff; 4]),
            "at byte 905: expected a footer of at most 901 bytes, found 4294967295",
        ),
        (
            damage_of("sqlite", 16, &[3]),
            "at byte 16: expected a power of two from 512 on as the size of a page, or 1 for 65,536, found 768",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn damage_can_be_an_error() {
    let source = MemorySource::new("a.png", sample("png")[..40].to_vec());
    let error = inspect(&source, &options()).unwrap().sound().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a.png` is no sound PNG image: at byte 37: expected the name of a chunk, found the end of the file at byte 40"
    );
}

/// Goal: a tree of pages that is none ends.
#[test]
fn a_schema_that_leads_to_itself_ends() {
    let mut bytes = sample("sqlite");
    // The root becomes an inner page whose last child is page 3, which becomes one whose last child is page 3.
    for (at, page) in [(100, 3), (1024, 3)] {
        bytes[at] = 5;
        bytes[at + 3..at + 5].fill(0);
        bytes[at + 8..at + 12].copy_from_slice(&u32::to_be_bytes(page));
    }
    let damage = inspected(&bytes).damage.unwrap();
    assert_eq!(damage.found, "a page that leads to itself");
}

#[test]
fn streams_that_are_unknown_are_not_read_on() {
    let source = MemorySource::new("m", vec![b'x'; 10 << 20]).as_stream(1 << 16);
    let found = inspect(&source, &options()).unwrap();
    assert_eq!((found.kind, found.bytes), (None, None));
    let empty = MemorySource::new("m", Vec::new()).as_stream(1);
    assert_eq!(inspect(&empty, &options()).unwrap().bytes, Some(0));
}
