//! The cuts are those of the `fastcdc` crate, on one core and on many, whatever is in the file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fastcdc::v2020::{FastCDC, Normalization, select_masks};
use proptest::prelude::*;

use super::survey::Survey;
use super::*;
use crate::testing::cases;

/// Small ones, so that a file has many chunks; and the odd cases: lengths that are equal, or nearly.
const PARAMETERS: [[u32; 3]; 7] = [
    [64, 256, 1024],
    [254, 256, 1024],
    [64, 1024, 1024],
    [1024, 1024, 1024],
    [128, 1026, 4096],
    [2048, 8192, 16384],
    [4096, 16384, 65536],
];

const PERIODS: [usize; 8] = [1, 2, 3, 7, 64, 100, 4096, 5000];

fn chunker([min_bytes, avg_bytes, max_bytes]: [u32; 3]) -> Chunker {
    Chunker::new(Parameters {
        min_bytes,
        avg_bytes,
        max_bytes,
    })
    .expect("the parameters are valid")
}

/// What the crate says.
fn reference(chunker: &Chunker, bytes: &[u8]) -> Vec<usize> {
    let Parameters {
        min_bytes,
        avg_bytes,
        max_bytes,
    } = *chunker.parameters();
    let lengths = [min_bytes, avg_bytes, max_bytes].map(|bytes| bytes as usize);
    let chunks = FastCDC::new(bytes, lengths[0], lengths[1], lengths[2]);
    chunks.map(|chunk| chunk.length).collect()
}

fn sequential(chunker: &Chunker, bytes: &[u8]) -> Vec<usize> {
    let mut rest = bytes;
    let mut lengths = Vec::new();
    while !rest.is_empty() {
        lengths.push(chunker.cut(rest));
        rest = &rest[lengths[lengths.len() - 1]..];
    }
    lengths
}

/// What so many threads say, each with its own bytes only; segments that are zeros are cut without any.
fn parallel(chunker: &Chunker, bytes: &[u8], segment_bytes: u32, threads: usize) -> Vec<usize> {
    let segments = Segments::new(chunker, bytes.len() as u64, segment_bytes);
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let segment = next.fetch_add(1, Ordering::Relaxed);
            if segment >= segments.count() {
                return done;
            }
            let range = segments.range(segment);
            let own = &bytes[range.start as usize..range.end as usize];
            let runs = if !segment.is_multiple_of(3) && own.iter().all(|byte| *byte == 0) {
                segments.cut_hole(segment)
            } else {
                segments.cut(segment, own)
            };
            done.push((segment, runs.expect("nobody gives up")));
        }
    };
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.flatten().collect::<Vec<_>>()
    });
    done.sort_by_key(|(segment, _)| *segment);
    lengths(
        &done
            .into_iter()
            .flat_map(|(_, runs)| runs)
            .collect::<Vec<_>>(),
    )
}

/// The lengths of all chunks, which follow one another.
fn lengths(runs: &[Run]) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut end = 0;
    for run in runs {
        assert_eq!(run.byte_offset, end);
        end = run.end();
        lengths.extend((0..run.count).map(|_| run.chunk_bytes as usize));
    }
    lengths
}

fn random(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

fn periodic(len: usize, period: usize, seed: u64) -> Vec<u8> {
    random(period, seed).into_iter().cycle().take(len).collect()
}

/// Lines of words that come again.
fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bytes = Vec::with_capacity(len + 32);
    while bytes.len() < len {
        let word = rng.u32(..) >> rng.u32(12..32);
        bytes.extend_from_slice(format!("GET /page/{word} 200\n").as_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Any kind of stretch, of any length up to `len_max`.
fn stretch(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    let len = 0..len_max;
    prop_oneof![
        (len.clone(), any::<u64>()).prop_map(|(len, seed)| random(len, seed)),
        (len.clone(), any::<u64>()).prop_map(|(len, seed)| text(len, seed)),
        (len.clone(), any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        len.clone().prop_map(|len| vec![0; len]),
        (len, 1..5000_usize, any::<u64>())
            .prop_map(|(len, period, seed)| periodic(len, period, seed)),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(stretch(60_000), 0..5).prop_map(|stretches| stretches.concat())
}

fn any_chunker() -> impl Strategy<Value = Chunker> {
    prop::sample::select(&PARAMETERS[..]).prop_map(chunker)
}

/// One file of each kind.
fn files(len: usize) -> Vec<Vec<u8>> {
    let mut files = vec![random(len, 1), text(len, 2), vec![0; len], vec![0xff; len]];
    files.extend(PERIODS.map(|period| periodic(len, period, period as u64)));
    let mut interrupted = random(len, 3);
    interrupted[len / 3..len / 2].fill(0);
    interrupted[len / 2..len / 2 + len / 5].copy_from_slice(&periodic(len / 5, 7, 4));
    files.push(interrupted);
    files
}

#[test]
fn masks_are_those_of_the_crate_for_every_average() {
    for avg_bytes in (256..=4 << 20).step_by(2) {
        let masks = Masks::for_average(avg_bytes);
        let expected = select_masks(avg_bytes as usize, Normalization::Level1);
        assert_eq!(
            (masks.of(Half::Early), masks.of(Half::Late)),
            expected,
            "{avg_bytes}"
        );
    }
}

#[test]
fn cuts_are_those_of_the_crate() {
    for parameters in PARAMETERS {
        let chunker = chunker(parameters);
        for bytes in files(200_001) {
            for len in [
                0, 1, 63, 64, 65, 257, 1023, 5_000, 131_073, 200_000, 200_001,
            ] {
                let bytes = &bytes[..len];
                assert_eq!(sequential(&chunker, bytes), reference(&chunker, bytes));
            }
        }
    }
}

#[test]
fn cuts_by_default_are_those_of_the_crate() {
    let chunker = Chunker::new(Parameters::default()).unwrap();
    for bytes in files(3_000_001) {
        let expected = reference(&chunker, &bytes);
        assert_eq!(sequential(&chunker, &bytes), expected);
        assert_eq!(parallel(&chunker, &bytes, 512 << 10, 3), expected);
    }
}

#[test]
fn any_number_of_threads_and_any_segments_cut_alike() {
    for parameters in [PARAMETERS[0], PARAMETERS[4]] {
        let chunker = chunker(parameters);
        let max_bytes = parameters[2];
        for bytes in files(150_001) {
            let expected = reference(&chunker, &bytes);
            for threads in [1, 2, 3, 7] {
                for segment_bytes in [max_bytes / 3, max_bytes, 3 * max_bytes + 1, 7 * max_bytes] {
                    let found = parallel(&chunker, &bytes, segment_bytes, threads);
                    assert_eq!(found, expected, "{threads} threads, {segment_bytes}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_file_is_cut_as_by_the_crate(
        chunker in any_chunker(),
        bytes in file(),
        segment_bytes in 1000..100_000_u32,
        threads in 1..4_usize,
    ) {
        let expected = reference(&chunker, &bytes);
        prop_assert_eq!(&sequential(&chunker, &bytes), &expected);
        prop_assert_eq!(&parallel(&chunker, &bytes, segment_bytes, threads), &expected);
    }

    #[test]
    fn a_survey_cuts_from_anywhere_like_the_chunker(
        chunker in any_chunker(),
        bytes in file(),
        start in any::<prop::sample::Index>(),
        surveyed in any::<prop::sample::Index>(),
    ) {
        let survey = Survey::of(&chunker, &bytes, surveyed.index(bytes.len() + 1));
        let start = start.index(bytes.len() + 1);
        prop_assert_eq!(survey.cut(start), chunker.cut(&bytes[start..]));
    }
}

/// The share of a segment's bytes that is hashed while the next worker waits, and at most for how many chunks more.
fn assert_little_is_scanned(kind: &str, bytes: &[u8], share: f64) {
    let chunker = Chunker::new(Parameters::default()).unwrap();
    let max = chunker.parameters().max_bytes as usize;
    let len = bytes.len() - max;
    let survey = Survey::of(&chunker, bytes, len);
    let mut at = 4321;
    while at < len {
        at += survey.cut(at);
    }
    let scanned = survey.scanned_bytes() as f64;
    let limit = len as f64 * share + max as f64;
    assert!(scanned <= limit, "{kind}: {scanned} of {len} bytes");
}

#[test]
fn little_of_a_segment_is_left_to_do_in_turn() {
    let len = 8 << 20;
    assert_little_is_scanned("random", &random(len, 1), 0.03);
    assert_little_is_scanned("text", &text(len, 1), 0.05);
    for byte in 0..=255 {
        assert_little_is_scanned("constant", &vec![byte; len / 8], 0.005);
    }
    for period in (1..40).chain([64, 100, 1000, 4095, 4096, 5000, 20_000, 300_000]) {
        let kind = format!("period {period}");
        assert_little_is_scanned(&kind, &periodic(len, period, period as u64), 0.125);
    }
}

#[test]
fn matches_at_every_byte_do_not_stop_a_survey() {
    // Of 256 constant runs some match the mask of an average of 256 bytes everywhere.
    let chunker = chunker(PARAMETERS[0]);
    let matching = (0..=255).filter(|byte| chunker.cut(&[*byte; 1024]) < 1024);
    let bytes: Vec<u8> = matching.flat_map(|byte| [byte; 20_000]).collect();
    assert!(!bytes.is_empty());
    let survey = Survey::of(&chunker, &bytes, bytes.len());
    for start in (0..bytes.len()).step_by(777) {
        assert_eq!(survey.cut(start), chunker.cut(&bytes[start..]));
    }
}

#[test]
fn a_hole_of_a_terabyte_is_a_run_for_each_segment() {
    let chunker = Chunker::new(Parameters::default()).unwrap();
    let len_bytes = (1 << 40) + 12_345;
    let segments = Segments::new(&chunker, len_bytes, 8 << 20);
    let mut end = 0;
    for segment in 0..segments.count() {
        let runs = segments.cut_hole(segment).unwrap();
        assert!(runs.len() <= 2);
        for run in runs {
            assert_eq!((run.byte_offset, run.count > 0), (end, true));
            end = run.end();
        }
    }
    assert_eq!(end, len_bytes);
}

#[test]
fn holes_end_as_zeros_do() {
    for parameters in PARAMETERS {
        let chunker = chunker(parameters);
        let max = parameters[2] as usize;
        for len in [
            1,
            64,
            65,
            max - 2,
            max - 1,
            max,
            3 * max - 1,
            3 * max + 1,
            40_001,
        ] {
            let segments = Segments::new(&chunker, len as u64, 10_000);
            let holes =
                (0..segments.count()).flat_map(|segment| segments.cut_hole(segment).unwrap());
            let found = lengths(&holes.collect::<Vec<_>>());
            assert_eq!(found, reference(&chunker, &vec![0; len]), "{len} zeros");
        }
    }
}

#[test]
fn giving_up_wakes_who_waits_and_stops_who_comes() {
    let chunker = chunker(PARAMETERS[0]);
    let bytes = random(10_000, 1);
    let segments = Segments::new(&chunker, 10_000, 2048);
    let part = |segment| {
        let range = segments.range(segment);
        &bytes[range.start as usize..range.end as usize]
    };
    thread::scope(|scope| {
        let data = scope.spawn(|| segments.cut(1, part(1)));
        let hole = scope.spawn(|| segments.cut_hole(2));
        thread::sleep(Duration::from_millis(5));
        drop(segments.guard());
        assert_eq!(data.join().unwrap(), Err(Abandoned));
        assert_eq!(hole.join().unwrap(), Err(Abandoned));
    });
    assert_eq!(segments.cut(0, part(0)), Err(Abandoned));
}

#[test]
fn a_panic_gives_up_and_a_success_does_not() {
    let chunker = chunker(PARAMETERS[0]);
    let segments = Segments::new(&chunker, 10_000, 5000);
    let bytes = random(10_000, 1);
    segments.guard().disarm();
    assert!(segments.cut(0, &bytes[..6024]).is_ok());
    thread::scope(|scope| {
        let too_short = scope.spawn(|| segments.cut(1, &bytes[5000..9000]));
        assert!(too_short.join().is_err());
    });
    assert_eq!(segments.cut(1, &bytes[5000..]), Err(Abandoned));
}

#[test]
fn a_segment_is_cut_once() {
    let chunker = chunker(PARAMETERS[0]);
    let bytes = random(1000, 1);
    let segments = Segments::new(&chunker, 1000, 5000);
    assert!(segments.cut(0, &bytes).is_ok());
    assert_eq!(segments.cut(0, &bytes), Err(Abandoned));
}

#[test]
fn parameters_keep_the_limits_of_the_crate() {
    for [min_bytes, avg_bytes, max_bytes] in [
        [62, 256, 1024],
        [65, 256, 1024],
        [64, 257, 1024],
        [64, 254, 1024],
        [64, 256, 1022],
        [64, 256, 1025],
        [512, 256, 1024],
        [64, 2048, 1024],
        [(1 << 20) + 2, 2 << 20, 4 << 20],
        [64, (4 << 20) + 2, 16 << 20],
        [64, 256, (16 << 20) + 2],
        [0, 0, 0],
        [u32::MAX; 3],
    ] {
        let parameters = Parameters {
            min_bytes,
            avg_bytes,
            max_bytes,
        };
        assert!(parameters.validate().is_err(), "{parameters:?}");
        assert!(Chunker::new(parameters).is_err());
    }
    for parameters in PARAMETERS {
        assert_eq!(chunker(parameters).parameters().min_bytes, parameters[0]);
    }
    assert!(Parameters::default().validate().is_ok());
}
