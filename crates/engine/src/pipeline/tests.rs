//! Goal: chunks hold exactly the records of the input, whatever the threads, chunk size, source and kernel.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::framing::{Machine, Quoting, State, Terminator};
use crate::source::{MemorySource, Source};

fn source(bytes: &[u8], read_bytes: Option<usize>) -> Opened {
    let source = MemorySource::new("test", bytes.to_vec());
    match read_bytes {
        None => source.open().unwrap(),
        Some(read_bytes) => source.as_stream(read_bytes).open().unwrap(),
    }
}

/// The chunks of a run as (offset, bytes), in the order of the merge.
fn chunks(input: Opened, framing: Framing, options: &Options) -> Result<Vec<(u64, Vec<u8>, bool)>> {
    let mut found = Vec::new();
    run(
        input,
        framing,
        options,
        || (),
        |(), chunk| Ok((chunk.byte_offset, chunk.bytes.to_vec(), chunk.at_end)),
        |part| {
            found.push(part);
            Ok(Flow::Continue)
        },
    )?;
    Ok(found)
}

/// Whether a record, comment or blank line may start at each offset, by the strict machine.
fn may_start(framing: Framing, bytes: &[u8]) -> Vec<bool> {
    let machine = Machine::new(framing);
    let mut state = State::RecordStart;
    let mut starts = Vec::new();
    for &byte in bytes {
        let is_second_half = state == State::AfterCarriageReturn && byte == b'\n';
        starts.push(state.is_between_records() && !is_second_half);
        state = machine.step(state, byte);
    }
    starts
}

fn assert_chunks_are_exact(
    framing: Framing,
    bytes: &[u8],
    options: &Options,
    read_bytes: Option<usize>,
) {
    let starts = may_start(framing, bytes);
    let mut next = options.start;
    for (byte_offset, chunk, at_end) in chunks(source(bytes, read_bytes), framing, options).unwrap()
    {
        assert_eq!(
            byte_offset, next,
            "a chunk starts where the one before ended"
        );
        assert!(!chunk.is_empty());
        assert!(
            starts[byte_offset as usize],
            "a record starts at {byte_offset}"
        );
        assert_eq!(chunk, bytes[next as usize..next as usize + chunk.len()]);
        next += chunk.len() as u64;
        let is_last = next == bytes.len() as u64;
        assert!(is_last || !at_end, "only the last chunk is at the end");
        let is_complete = Machine::new(framing)
            .run(State::RecordStart, &chunk)
            .is_between_records();
        assert!(
            at_end || is_complete,
            "only at the end a record may lack its terminator"
        );
    }
    assert_eq!(
        next,
        bytes.len().max(options.start as usize) as u64,
        "all bytes have an owner"
    );
}

fn framings() -> impl Strategy<Value = Framing> {
    let quoting = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(quote, escape, comment, trim, old_macintosh)| Quoting {
            quote: quote.then_some(b'"'),
            escape: (quote && escape).then_some(b'\\'),
            comment: comment.then_some(b'#'),
            trim,
            terminator: if old_macintosh {
                Terminator::CarriageReturn
            } else {
                Terminator::Newline
            },
            ..Quoting::RFC4180
        });
    prop_oneof![
        1 => Just(Framing::Lines),
        1 => Just(Framing::Terminated(b',')),
        3 => Just(Framing::Quoted(Quoting::RFC4180)),
        3 => quoting.prop_map(Framing::Quoted),
    ]
}

/// Mostly well-formed records, with now and then a quote, comment or line end where it hurts.
fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => Just(b"abc,12.5,x\n".to_vec()),
        3 => Just(b"\"a, \"\"b\"\"\nc\",1,\"\"\r\n".to_vec()),
        1 => Just(b"5\" nail,1,2\n".to_vec()),
        1 => Just(b"\"open,1\n2,3\n".to_vec()),
        1 => Just(b"# it's \"quoted\n".to_vec()),
        1 => Just(b"a\\\"b,\"c\\\"d\"\r".to_vec()),
        2 => proptest::collection::vec(proptest::sample::select(b"ab,\"\"\n\r\\# ".to_vec()), 0..20),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// `TAMIS_SOAK=n` runs `n` times as many cases.
fn soak_factor() -> u32 {
    let factor = std::env::var("TAMIS_SOAK").ok();
    factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300 * soak_factor()))]

    #[test]
    fn chunks_are_exact(
        bytes in inputs(),
        framing in framings(),
        threads in 1..4usize,
        chunk_bytes in 1..40usize,
        read_bytes in proptest::option::of(1..20usize),
        kernel in proptest::sample::select(Kernel::available()),
    ) {
        let options = Options { threads, chunk_bytes, kernel, ..Options::default() };
        assert_chunks_are_exact(framing, &bytes, &options, read_bytes);
    }

    #[test]
    fn a_run_may_start_behind_a_header(bytes in inputs(), chunk_bytes in 1..20usize, is_stream: bool) {
        let framing = Framing::Quoted(Quoting::RFC4180);
        let header = Machine::new(framing).record_end(State::RecordStart, &bytes).unwrap_or(bytes.len());
        let options = Options { threads: 2, chunk_bytes, start: header as u64, ..Options::default() };
        assert_chunks_are_exact(framing, &bytes, &options, is_stream.then_some(7));
    }

    /// What map/reduce over machines stands on: each range by itself, with the state that the scans of the ranges
    /// before it give, and together exactly the records of the whole.
    #[test]
    fn any_ranges_give_the_records_of_the_whole(
        bytes in inputs(),
        framing in framings(),
        cuts in proptest::collection::vec(0..250usize, 0..6),
        threads in 1..3usize,
        chunk_bytes in 1..40usize,
        kernel in proptest::sample::select(Kernel::available()),
    ) {
        let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.min(bytes.len()) as u64).collect();
        cuts.extend([0, bytes.len() as u64]);
        cuts.sort_unstable();
        let strict = Machine::new(framing);
        let mut start_state = State::RecordStart;
        let mut next = 0;
        for cut in cuts.windows(2) {
            let (start, end) = (cut[0], cut[1]);
            prop_assert_eq!(start_state, strict.run(State::RecordStart, &bytes[..start as usize]));
            let options = Options { threads, chunk_bytes, kernel, start, end: Some(end), start_state, ..Options::default() };
            for (byte_offset, chunk, at_end) in chunks(source(&bytes, None), framing, &options).unwrap() {
                prop_assert_eq!(byte_offset, next, "a chunk starts where the one before ended");
                prop_assert!((start..end).contains(&byte_offset), "it starts in its range");
                next += chunk.len() as u64;
                prop_assert_eq!(&chunk, &bytes[byte_offset as usize..next as usize]);
                prop_assert_eq!(at_end, next == bytes.len() as u64 && at_end);
                prop_assert!(may_start(framing, &bytes)[byte_offset as usize]);
            }
            let Opened::Random(access) = source(&bytes, None) else { unreachable!("memory") };
            let transition = scan_range(access.as_ref(), framing, start..end, kernel, &Cancel::new()).unwrap();
            for state in State::ALL {
                let expected = strict.run(state, &bytes[start as usize..end as usize]);
                let reached = transition.apply(state).expect("nothing is unknown");
                // Lines know two states only: what the others lead to means nothing.
                let is_met = match framing {
                    Framing::Lines | Framing::Terminated(_) => {
                        state == State::RecordStart || state == State::Field
                    }
                    Framing::Quoted(quoting) if quoting.is_parity_valid() => {
                        !matches!(state, State::Escaped | State::Comment)
                            && (quoting.quote.is_some() || !matches!(state, State::Quoted | State::QuoteInQuoted))
                    }
                    Framing::Quoted(_) => true,
                };
                prop_assert!(!is_met || reached == expected, "{state:?} leads to {reached:?}, not {expected:?}");
            }
            start_state = transition.apply(start_state).expect("nothing is unknown");
        }
        prop_assert_eq!(next, bytes.len() as u64, "all bytes have an owner");
    }

    #[test]
    fn too_long_is_too_long_for_any_cut(
        bytes in inputs(),
        limit in 4..40usize,
        chunk_bytes in 1..60usize,
        is_stream: bool,
    ) {
        let framing = Framing::Quoted(Quoting::RFC4180);
        let expected = chunks(source(&bytes, None), framing, &Options { record_bytes_max: limit, ..Options::default() });
        let options = Options { threads: 2, chunk_bytes, record_bytes_max: limit, ..Options::default() };
        let found = chunks(source(&bytes, is_stream.then_some(5)), framing, &options);
        match (expected, found) {
            (Ok(_), Ok(_)) => {}
            (Err(Error::RecordTooLong { byte_offset: left, quote_byte_offset: left_quote, .. }),
             Err(Error::RecordTooLong { byte_offset: right, quote_byte_offset: right_quote, .. })) => {
                prop_assert_eq!((left, left_quote), (right, right_quote));
            }
            (expected, found) => prop_assert!(false, "{expected:?} against {found:?}"),
        }
    }
}

#[test]
fn a_record_longer_than_many_chunks_has_one_owner() {
    let mut bytes = b"a,b\n\"".to_vec();
    bytes.extend(std::iter::repeat_n(*b"x\n", 50_000).flatten());
    bytes.extend_from_slice(b"\",end\nc,d\n");
    for (threads, read_bytes) in [(1, None), (3, None), (3, Some(1000))] {
        let options = Options {
            threads,
            chunk_bytes: 512,
            ..Options::default()
        };
        assert_chunks_are_exact(
            Framing::Quoted(Quoting::RFC4180),
            &bytes,
            &options,
            read_bytes,
        );
    }
}

#[test]
fn a_stream_has_no_ranges() {
    let options = Options {
        end: Some(2),
        ..Options::default()
    };
    let refused = chunks(source(b"a\nb\n", Some(1)), Framing::Lines, &options);
    assert!(matches!(refused, Err(Error::Unsupported { .. })));
}

#[test]
fn parts_arrive_in_order_and_stop_when_asked() {
    let bytes = b"1\n".repeat(5000);
    for threads in [1, 4] {
        let mut seen = 0;
        let outcome = run(
            source(&bytes, None),
            Framing::Lines,
            &Options {
                threads,
                chunk_bytes: 10,
                ..Options::default()
            },
            || (),
            |(), chunk| Ok(chunk.byte_offset),
            |offset| {
                assert_eq!(offset, seen * 10);
                seen += 1;
                Ok(if seen == 7 {
                    Flow::Stop
                } else {
                    Flow::Continue
                })
            },
        )
        .unwrap();
        assert!(outcome.stopped);
        assert_eq!((seen, outcome.bytes), (7, 70));
    }
}

#[test]
fn a_panic_in_a_worker_is_an_error_of_the_run() {
    for (threads, read_bytes) in [(1, None), (3, None), (3, Some(10))] {
        let result = run(
            source(&b"1\n".repeat(1000), read_bytes),
            Framing::Lines,
            &Options {
                threads,
                chunk_bytes: 20,
                ..Options::default()
            },
            || (),
            |(), chunk| {
                if chunk.byte_offset >= 400 {
                    panic!("boom at {}", chunk.byte_offset)
                } else {
                    Ok(())
                }
            },
            |()| Ok(Flow::Continue),
        );
        match result {
            Err(Error::Panicked { input, message }) => {
                assert_eq!((input.as_str(), message.as_str()), ("test", "boom at 400"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_first_error_in_input_order_wins() {
    let result = run(
        source(&b"\"a\"\n".repeat(1000), None),
        Framing::Quoted(Quoting::RFC4180),
        &Options {
            threads: 4,
            chunk_bytes: 8,
            ..Options::default()
        },
        || (),
        |(), chunk| match chunk.byte_offset {
            0..200 => Ok(()),
            byte_offset => {
                // Later chunks fail first.
                std::thread::sleep(Duration::from_micros(4000u64.saturating_sub(byte_offset)));
                Err(Error::Unsupported {
                    input: String::new(),
                    reason: byte_offset.to_string(),
                })
            }
        },
        |()| Ok(Flow::Continue),
    );
    assert!(
        matches!(&result, Err(Error::Unsupported { reason, .. }) if reason == "200"),
        "{result:?}"
    );
}

#[test]
fn cancelling_ends_the_run() {
    let cancel = Cancel::new();
    let options = Options {
        threads: 2,
        chunk_bytes: 10,
        cancel: cancel.clone(),
        ..Options::default()
    };
    let mut seen = 0;
    let result = run(
        source(&b"1\n".repeat(10_000), None),
        Framing::Lines,
        &options,
        || (),
        |(), _| Ok(()),
        |()| {
            seen += 1;
            if seen == 3 {
                cancel.cancel();
            }
            Ok(Flow::Continue)
        },
    );
    assert!(matches!(result, Err(Error::Interrupted)));
    assert!(seen < 100, "{seen} chunks were merged after all");
}

#[test]
fn an_empty_input_has_no_chunks() {
    for read_bytes in [None, Some(1)] {
        let options = Options {
            threads: 2,
            ..Options::default()
        };
        assert_eq!(
            chunks(source(b"", read_bytes), Framing::Lines, &options).unwrap(),
            []
        );
    }
}

#[test]
fn items_are_merged_in_their_order() {
    for threads in [1, 2, 7] {
        let options = Options {
            threads,
            ..Options::default()
        };
        let mut merged = Vec::new();
        let outcome = run_items(
            "numbers",
            (0..1000u64).map(Ok),
            &options,
            || 0,
            |mapped, item| {
                *mapped += 1;
                // The workers fall out of step.
                std::thread::sleep(Duration::from_micros(item % 7));
                Ok(item)
            },
            |item| {
                merged.push(item);
                Ok(Flow::Continue)
            },
        );
        assert!(!outcome.unwrap().stopped);
        assert_eq!(merged, Vec::from_iter(0..1000));
    }
}

/// What a worker has taken, which the next one goes on with.
struct Heir<'a> {
    taken: Vec<u32>,
    left: &'a Mutex<Vec<Vec<u32>>>,
}

impl Drop for Heir<'_> {
    fn drop(&mut self) {
        let mut left = self.left.lock().unwrap();
        left.push(std::mem::take(&mut self.taken));
    }
}

#[test]
fn who_goes_on_with_what_a_worker_left_gets_later_items() {
    let left = Mutex::new(Vec::new());
    let slow = AtomicBool::new(true);
    let new_worker = || {
        // One of the two comes when the other is done.
        if slow.swap(false, Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let taken = left.lock().unwrap().pop().unwrap_or_default();
        Heir { taken, left: &left }
    };
    let options = Options {
        threads: 2,
        ..Options::default()
    };
    let ran = run_items(
        "numbers",
        (0..4).map(Ok),
        &options,
        new_worker,
        |heir, number| {
            heir.taken.push(number);
            Ok(())
        },
        |()| Ok(Flow::Continue),
    );
    ran.unwrap();
    let left = left.into_inner().unwrap();
    assert!(left.iter().all(|taken| taken.is_sorted()), "{left:?}");
    assert_eq!(left.concat().len(), 4);
}

#[test]
fn an_iterator_may_fail_or_panic() {
    let run_to = |items: &mut (dyn Iterator<Item = Result<u64>> + Send), threads| {
        let options = Options {
            threads,
            ..Options::default()
        };
        let mut merged = 0;
        let result = run_items(
            "numbers",
            items,
            &options,
            || (),
            |(), item| Ok(item),
            |_| {
                merged += 1;
                Ok(Flow::Continue)
            },
        );
        (result.unwrap_err().to_string(), merged)
    };
    let failing = |item| match item {
        50 => Err(Error::Producer {
            input: "numbers".to_owned(),
            source: "out of numbers".into(),
        }),
        item => Ok(item),
    };
    for threads in [1, 3] {
        let answer = run_to(&mut (0..100).map(failing), threads);
        assert_eq!(answer, ("`numbers`: out of numbers".to_owned(), 50));
        let answer = run_to(
            &mut (0..100).map(|item| {
                assert_ne!(item, 50, "no such number");
                Ok(item)
            }),
            threads,
        );
        assert!(answer.0.contains("no such number"), "{}", answer.0);
        assert_eq!(answer.1, 50);
    }
}
