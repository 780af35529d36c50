//! Goal: a check in parts gives the report of a check in one piece, whatever the parts, their order and their way.

use proptest::prelude::*;
use tamis_engine::number::Decimal;
use tamis_engine::source::{FileSource, MemorySource, ReadOptions};

use super::*;
use crate::check::Unchecked;
use crate::model::{
    Contract, CsvFacts, ExtraColumns, Metric, Object, Operator, Property, Quality, Severity,
};

/// What an object of the tests has besides its columns.
#[derive(Clone, Copy, Debug)]
struct Traits {
    is_unique: bool,
    has_thresholds: bool,
    has_comments: bool,
    has_escapes: bool,
}

fn orders(traits: Traits) -> Object {
    let mut id = Property::string("id").required().pattern("^T").unwrap();
    let mut memo = Property::string("memo").max_length(6);
    let mut object = Object::new("orders");
    if traits.is_unique {
        id = id.unique();
        let both = Metric::DuplicateValues {
            properties: vec!["amount".into(), "memo".into()],
        };
        object = object.quality(
            Quality::metric(both, Operator::MustBe(Decimal::ZERO)).severity(Severity::Warning),
        );
    }
    if traits.has_thresholds {
        let few = Operator::MustBeLessThan(Decimal::from(20i64));
        memo = memo.quality(Quality::metric(Metric::NullValues, few.clone()).percent());
        let seldom = Metric::DuplicateValues {
            properties: Vec::new(),
        };
        memo = memo.quality(Quality::metric(seldom, few));
        object = object.quality(Quality::metric(
            Metric::RowCount,
            Operator::MustBeGreaterThan(Decimal::from(3i64)),
        ));
    }
    let facts = CsvFacts {
        comment: traits.has_comments.then_some(Some(b'#')),
        escape: traits.has_escapes.then_some(Some(b'\\')),
        ..CsvFacts::default()
    };
    object
        .csv(facts)
        .property(id)
        .property(Property::number("amount").minimum(1))
        .property(memo)
}

fn compiled(object: Object) -> Check {
    let contract = Contract::builder("test").object(object).build();
    Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap()
}

fn traits() -> impl Strategy<Value = Traits> {
    any::<[bool; 4]>().prop_map(
        |[is_unique, has_thresholds, has_comments, has_escapes]| Traits {
            is_unique,
            has_thresholds,
            has_comments,
            has_escapes,
        },
    )
}

/// A CSV with everything that makes cutting one hard.
fn csvs() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => Just("T1,5,x\n"),
        4 => Just("T2,0.5,\"a \"\"b\"\"\nc\"\r\n"),
        3 => Just("\"T3\nT4\",7,\n"),
        2 => Just("\n"),
        2 => Just("T5,9\n"),
        2 => Just("# it's a \"comment\n"),
        1 => Just("X,abc,much too long\r\n"),
        1 => Just("T6,5\" nail,x\n"),
        1 => Just("T7,\"5\\\"\",\"x\\\n\"\n"),
        1 => Just("\"T8,1,x\n"),
        1 => Just("T9,1,\u{e9}\r"),
    ];
    let header = prop_oneof![
        8 => Just("id,amount,memo\n"),
        1 => Just("memo,\"id\",other,amount\r\n"),
        1 => Just("\n# first\nid,id\n"),
        1 => Just(""),
    ];
    let lines = proptest::collection::vec(line, 0..25);
    (header, lines, any::<bool>()).prop_map(|(header, mut lines, is_cut)| {
        if header.is_empty() {
            // It could be the header, and a header that does not end is an error.
            lines.retain(|line| !line.starts_with("\"T8"));
        }
        let mut text = format!("{header}{}", lines.concat()).into_bytes();
        if is_cut && text.last() == Some(&b'\n') {
            text.pop();
        }
        text
    })
}

fn bare(mut report: Report) -> Report {
    report.performance = Default::default();
    report
}

/// Split, scanned, planned and mapped, everything having travelled as bytes.
fn map_all(
    check: &Check,
    sources: &[&dyn Source],
    chunk_bytes: u64,
    options: &CheckOptions,
) -> Vec<Partial> {
    let ranges: Vec<_> = check
        .split(sources, chunk_bytes, Streams::OneRange, options)
        .unwrap()
        .iter()
        .map(|range| InputRange::from_bytes(&range.to_bytes()).unwrap())
        .collect();
    let source = |range: &InputRange| sources[range.input_index() as usize];
    let scans: Vec<_> = ranges
        .iter()
        .rev()
        .map(|range| check.scan(source(range), range, options).unwrap())
        .map(|scan| Scan::from_bytes(&scan.to_bytes()).unwrap())
        .collect();
    let planned = check.plan(&ranges, &scans).unwrap();
    planned
        .iter()
        .map(|range| PlannedRange::from_bytes(&range.to_bytes()).unwrap())
        .map(|range| {
            check
                .map_range(source(range.range()), &range, options)
                .unwrap()
        })
        .map(|partial| Partial::from_bytes(&partial.to_bytes()).unwrap())
        .collect()
}

/// Merges by the shape of a random tree: each step joins two neighbours.
fn merge_as(mut partials: Vec<Partial>, mut steps: impl FnMut(usize) -> usize) -> Partial {
    while partials.len() > 1 {
        let at = steps(partials.len() - 1);
        let right = partials.remove(at + 1);
        let left = partials.remove(at);
        let merged = left.merge(right).unwrap();
        partials.insert(at, Partial::from_bytes(&merged.to_bytes()).unwrap());
    }
    partials.pop().unwrap()
}

/// `TAMIS_SOAK=n` runs `n` times as many cases.
fn soak_factor() -> u32 {
    let factor = std::env::var("TAMIS_SOAK").ok();
    factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150 * soak_factor()))]

    #[test]
    fn parts_in_any_order_and_tree_give_the_report_of_the_whole(
        traits in traits(),
        files in proptest::collection::vec(csvs(), 1..4),
        chunk_bytes in prop_oneof![1..40u64, 1..400u64],
        inner_chunk_bytes in 1..200usize,
        threads in 1..3usize,
        samples_max in prop_oneof![0..6usize, Just(1000)],
        strict: bool,
        is_stream in any::<[bool; 4]>(),
        seed: u64,
    ) {
        let check = compiled(orders(traits));
        let sources: Vec<_> = files
            .iter()
            .zip(is_stream)
            .enumerate()
            .map(|(index, (text, is_stream))| {
                let source = MemorySource::new(format!("{index}.csv"), text.clone());
                // One in eight: streams are one range, which is the dull case.
                if is_stream && seed % 4 == 0 { source.as_stream(7) } else { source }
            })
            .collect();
        let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
        let folder = tempfile::tempdir().unwrap();
        let options = CheckOptions {
            threads,
            chunk_bytes: inner_chunk_bytes,
            samples_max,
            strict,
            spill_dir: Some(folder.path().to_owned()),
            // Less than a partition: also what does not fit is found.
            memory_bytes: 24 * 1024,
            ..CheckOptions::default()
        };
        let expected = bare(check.run(&sources, &options, None, None).unwrap());
        let mut partials = map_all(&check, &sources, chunk_bytes, &options);
        let in_order = Partial::merge_all(partials.clone()).unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut partials);
        let merged = merge_as(partials, |pairs| random.usize(..pairs));
        prop_assert_eq!(&merged, &in_order);
        prop_assert_eq!(merged.pieces.len(), files.len(), "neighbours are one piece");
        let samples: usize = merged.bodies().map(|body| body.samples.len()).sum();
        prop_assert!(samples <= samples_max);
        let report = check.reduce([merged], &options, KeyFiles::Remove).unwrap();
        prop_assert_eq!(bare(report), expected);
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no file is left");
    }

    /// Chunks without a place count as if their records stood in one file, in the order of the merge.
    #[test]
    fn chunks_count_in_the_order_given(
        files in proptest::collection::vec(csvs(), 1..5),
        is_unique: bool,
        samples_max in 0..20usize,
        seed: u64,
    ) {
        let check = compiled(orders(Traits { is_unique, has_thresholds: true, has_comments: true, has_escapes: false }));
        let folder = tempfile::tempdir().unwrap();
        let options = CheckOptions {
            samples_max,
            threads: 1,
            spill_dir: Some(folder.path().to_owned()),
            ..CheckOptions::default()
        };
        let sources: Vec<_> = files.iter().map(|text| MemorySource::new("chunk.csv", text.clone())).collect();
        let inputs: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
        let expected = check.run(&inputs, &options, None, None).unwrap();
        let partials: Vec<_> = inputs.iter().map(|source| check.map_source(*source, &options).unwrap()).collect();
        let mut random = fastrand::Rng::with_seed(seed);
        let merged = merge_as(partials.clone(), |pairs| random.usize(..pairs));
        prop_assert_eq!(&merged, &Partial::merge_all(partials).unwrap());
        let report = check.reduce([merged], &options, KeyFiles::Keep).unwrap();
        prop_assert_eq!(report.rows, expected.rows);
        prop_assert_eq!(&report.violations, &expected.violations);
        prop_assert_eq!(&report.metrics, &expected.metrics);
        prop_assert_eq!(report.inputs.len(), 1);
        let shown = |report: &Report| -> Vec<_> {
            report.samples.iter().map(|sample| (sample.column.clone(), sample.rule.clone(), sample.value.clone(), sample.row.is_some())).collect()
        };
        prop_assert_eq!(shown(&report), shown(&expected));
        prop_assert!(report.samples.iter().filter_map(|sample| sample.row).is_sorted());
    }

    #[test]
    fn json_lines_in_parts_are_those_of_the_whole(
        lines in proptest::collection::vec(prop_oneof![
            Just(r#"{"id":"T1","amount":5,"memo":"x"}"#),
            Just(r#"{"amount":0.5,"id":"T\u0032","other":1}"#),
            Just(r#"{"id":"T1","amount":null}"#),
            Just("not json"),
            Just(""),
        ], 0..20),
        chunk_bytes in 1..80u64,
        is_unique: bool,
        samples_max in 0..20usize,
    ) {
        let object = orders(Traits { is_unique, has_thresholds: is_unique, has_comments: false, has_escapes: false });
        let check = compiled(object.extra_columns(ExtraColumns::Refuse));
        let source = MemorySource::new("a.jsonl", lines.join("\n"));
        let folder = tempfile::tempdir().unwrap();
        let options = CheckOptions { samples_max, spill_dir: Some(folder.path().to_owned()), ..CheckOptions::default() };
        let expected = check.run(&[&source], &options, None, None).unwrap();
        let partials = map_all(&check, &[&source], chunk_bytes, &options);
        let report = check.reduce(partials.into_iter().rev(), &options, KeyFiles::Keep).unwrap();
        prop_assert_eq!(bare(report), bare(expected));
    }

    #[test]
    fn damaged_bytes_are_an_error(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let check = compiled(plain());
        let source = MemorySource::new("a.csv", "id,amount,memo\nX,0,x\nT1,5,x\n");
        let partial = check.map_source(&source, &CheckOptions::default()).unwrap();
        let mut bytes = partial.to_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        match Partial::from_bytes(&bytes) {
            Ok(read) => prop_assert_eq!(read, partial, "only if nothing was damaged"),
            Err(PartialError::Unreadable { .. } | PartialError::Version { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100), body in "[\\[\\]{}:,\"a-z0-9]{0,40}") {
        prop_assert!(Partial::from_bytes(&bytes).is_err());
        let sealed = format!(r#"{{"tamis":"partial","version":{PARTIAL_VERSION},"xxh3":"{:032x}","body":{body}}}"#, xxhash_rust::xxh3::xxh3_128(body.as_bytes()));
        prop_assert!(Partial::from_bytes(sealed.as_bytes()).is_err());
    }
}

fn plain() -> Object {
    orders(Traits {
        is_unique: false,
        has_thresholds: false,
        has_comments: false,
        has_escapes: false,
    })
}

fn unique() -> Object {
    Object::new("orders").property(Property::integer("id").unique())
}

fn partial_error(result: Result<impl std::fmt::Debug, CheckError>) -> PartialError {
    match result {
        Err(CheckError::Partial(error)) => error,
        other => panic!("no error of partials: {other:?}"),
    }
}

#[test]
fn missing_and_doubled_ranges_are_named() {
    let check = compiled(plain());
    let options = CheckOptions::default();
    let source = MemorySource::new("a.csv", "id,amount,memo\nT1,5,x\nT2,5,x\nT3,5,x\n");
    let partials = map_all(&check, &[&source, &source], 7, &options);
    assert_eq!(partials.len(), 6);
    let without = |left_out: &[usize]| {
        let kept = (0..6).filter(|index| !left_out.contains(index));
        let kept: Vec<_> = kept.map(|index| partials[index].clone()).collect();
        partial_error(check.reduce(kept, &options, KeyFiles::Keep)).to_string()
    };
    assert_eq!(without(&[1]), "a range of input `a.csv` missing: 1");
    assert_eq!(without(&[3, 5]), "ranges of input `a.csv` missing: 0, 2");
    assert_eq!(without(&[3, 4, 5]), "a range of input 1 missing: 0");
    let doubled = [partials.clone(), vec![partials[4].clone()]].concat();
    assert_eq!(
        partial_error(check.reduce(doubled, &options, KeyFiles::Keep)).to_string(),
        "range 1 of input `a.csv` was given twice"
    );
    let nothing: [Partial; 0] = [];
    partial_error(check.reduce(nothing, &options, KeyFiles::Keep));

    let ranges = check
        .split(&[&source], 7, Streams::Refuse, &options)
        .unwrap();
    let scan = |range| check.scan(&source, range, &options).unwrap();
    let scans: Vec<_> = ranges.iter().map(scan).collect();
    let missing = partial_error(check.plan(&ranges, &scans[1..]));
    assert!(
        matches!(missing, PartialError::Missing { ordinals, .. } if ordinals.first() == Some(&(0..1)))
    );
    let missing = partial_error(check.plan(&ranges[..2], &scans));
    assert!(
        matches!(missing, PartialError::Missing { ordinals, .. } if ordinals.first() == Some(&(2..3)))
    );
    let missing = partial_error(check.plan(&ranges[1..], &scans));
    assert!(
        matches!(missing, PartialError::Missing { ordinals, .. } if ordinals.first() == Some(&(0..1)))
    );
    let twice = [ranges.clone(), ranges[1..2].to_vec()].concat();
    let doubled = partial_error(check.plan(&twice, &scans));
    assert!(matches!(doubled, PartialError::Doubled { ordinal: 1, .. }));
    let twice = [scans.clone(), scans[1..2].to_vec()].concat();
    partial_error(check.plan(&ranges, &twice));
}

#[test]
fn what_was_made_with_other_rules_or_options_is_refused() {
    let source = MemorySource::new("a.csv", "id,amount,memo\nT1,5,x\n");
    let options = CheckOptions::default();
    let check = compiled(plain());
    let other = compiled(plain().property(Property::string("new")));
    let one = check.map_source(&source, &options).unwrap();
    let another = other.map_source(&source, &options).unwrap();
    assert!(matches!(
        one.clone().merge(another.clone()),
        Err(PartialError::OtherContract { .. })
    ));
    let refused = partial_error(check.reduce([another], &options, KeyFiles::Keep));
    assert!(matches!(refused, PartialError::OtherContract { .. }));
    let strict = CheckOptions {
        strict: true,
        ..options.clone()
    };
    let strict = check.map_source(&source, &strict).unwrap();
    assert!(matches!(
        one.clone().merge(strict),
        Err(PartialError::OtherOptions {
            option: "strict",
            ..
        })
    ));
    let two_plans = [5, 6].map(|chunk_bytes| {
        let mut partials = map_all(&check, &[&source], chunk_bytes, &options);
        partials.remove(0)
    });
    let [left, right] = two_plans;
    assert!(matches!(
        left.merge(right),
        Err(PartialError::OtherPlan { .. })
    ));
    let fail_fast = CheckOptions {
        fail_fast: true,
        ..options
    };
    let refused = partial_error(check.map_source(&source, &fail_fast));
    assert_eq!(refused, PartialError::FailFast);
    // A partial of another version says so, whatever else it holds: the first had no counts of rows that were not computed.
    let text = String::from_utf8(one.to_bytes()).unwrap();
    let of_version = |version: u64| format!("\"version\":{version}");
    for other in [1, PARTIAL_VERSION + 1] {
        let text = text.replacen(&of_version(PARTIAL_VERSION), &of_version(other), 1);
        let refused = Partial::from_bytes(text.as_bytes()).unwrap_err();
        assert_eq!(
            refused,
            PartialError::Version {
                what: "partial",
                found: other,
                expected: PARTIAL_VERSION,
            }
        );
    }
}

#[test]
fn unique_rules_want_a_shared_folder() {
    let check = compiled(unique());
    let source = MemorySource::new("a.csv", "id\n1\n1\n");
    let options = CheckOptions::default();
    let refused = partial_error(check.map_source(&source, &options));
    let early = partial_error(check.split(&[&source], 4, Streams::Refuse, &options));
    assert_eq!(early, refused);
    assert_eq!(
        refused.to_string(),
        "the contract says that `id` must not repeat, which no chunk can tell by itself: \
         pass a folder that all workers and the reducer share (`spill_dir`)"
    );
}

#[test]
fn a_range_mapped_again_writes_the_same_file() {
    let check = compiled(unique());
    let source = MemorySource::new("a.csv", "id\n1\n2\n01\n3\n");
    let folder = tempfile::tempdir().unwrap();
    let options = CheckOptions {
        spill_dir: Some(folder.path().to_owned()),
        ..CheckOptions::default()
    };
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let first = map_all(&check, &[&source], 4, &options);
    let written = files();
    assert_eq!(written.len(), 3);
    assert_eq!(map_all(&check, &[&source], 4, &options), first);
    assert_eq!(files(), written);
    check.map_source(&source, &options).unwrap();
    check.map_source(&source, &options).unwrap();
    assert_eq!(files().len(), 4, "equal chunks share a file");

    // A file that is damaged anywhere is an error, and so is one that is gone.
    let (name, bytes) = &written[0];
    let path = folder.path().join(name);
    let reduce = || check.reduce(first.clone(), &options, KeyFiles::Keep);
    assert_eq!(reduce().unwrap().violations.total, 1);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        std::fs::write(&path, &damaged).unwrap();
        let result = reduce();
        // What is said of rows that are no duplicates is never looked at.
        if let Ok(report) = &result {
            assert_eq!(report.violations.total, 1, "byte {at}");
        } else {
            assert!(matches!(partial_error(result), PartialError::Keys { .. }));
        }
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert!(matches!(partial_error(reduce()), PartialError::Keys { .. }));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(
        partial_error(reduce())
            .to_string()
            .contains("it is not there")
    );
}

#[test]
fn no_partial_names_files_outside_of_the_folder() {
    let check = compiled(unique());
    let source = MemorySource::new("a.csv", "id\n1\n");
    let folder = tempfile::tempdir().unwrap();
    let options = CheckOptions {
        spill_dir: Some(folder.path().to_owned()),
        ..CheckOptions::default()
    };
    let mut partial = check.map_source(&source, &options).unwrap();
    partial.chunks.as_mut().unwrap().body.keys[0].name = "../elsewhere.keys".to_owned();
    let refused = partial_error(check.reduce([partial], &options, KeyFiles::Remove));
    assert!(matches!(refused, PartialError::Keys { .. }));
}

#[test]
fn what_cannot_be_read_from_the_middle_is_refused_or_one_range() {
    let check = compiled(plain());
    let options = CheckOptions::default();
    let stream = MemorySource::new("a.csv", "id,amount,memo\nT1,5,x\n").as_stream(3);
    let refused = check.split(&[&stream], 4, Streams::Refuse, &options);
    let Err(CheckError::Engine(tamis_engine::Error::Unsupported { reason, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("check it as one piece"), "{reason}");
    let ranges = check
        .split(&[&stream], 4, Streams::OneRange, &options)
        .unwrap();
    assert!(ranges.len() == 1 && ranges[0].is_stream());
}

#[test]
fn a_file_that_changes_after_the_split_is_noticed() {
    let check = compiled(plain());
    let options = CheckOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let text = "id,amount,memo\nT1,5,x\nT2,5,x\n";
    std::fs::write(&path, text).unwrap();
    let source = FileSource::new(&path, ReadOptions::default());
    let ranges = check
        .split(&[&source], 10, Streams::Refuse, &options)
        .unwrap();
    let scan = |range| check.scan(&source, range, &options);
    let scans: Vec<_> = ranges.iter().map(|range| scan(range).unwrap()).collect();
    let planned = check.plan(&ranges, &scans).unwrap();
    let is_noticed = |result: Result<Partial, CheckError>| {
        matches!(
            result,
            Err(CheckError::Engine(tamis_engine::Error::Changed { .. }))
        )
    };
    assert!(check.map_range(&source, &planned[1], &options).is_ok());
    std::fs::write(&path, format!("{text}T3,5,x\n")).unwrap();
    assert!(is_noticed(check.map_range(&source, &planned[1], &options)));
    std::fs::write(&path, text).unwrap();
    let touched = std::fs::File::options().write(true).open(&path).unwrap();
    touched
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(is_noticed(check.map_range(&source, &planned[1], &options)));
    assert!(scan(&ranges[0]).is_err());
}

/// Names of all fields of a JSON value.
fn field_names(value: &serde_json::Value, names: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name.clone());
                field_names(value, names);
            }
        }
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| field_names(value, names));
        }
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let check = compiled(unique());
    let folder = tempfile::tempdir().unwrap();
    let options = CheckOptions {
        spill_dir: Some(folder.path().to_owned()),
        ..CheckOptions::default()
    };
    let source = MemorySource::new("a.csv", "other\nx\n");
    let ranges = check
        .split(&[&source], 100, Streams::Refuse, &options)
        .unwrap();
    let planned = check.plan(&ranges, &[]).unwrap();
    let placed = check.map_range(&source, &planned[0], &options).unwrap();
    let unplaced = check.map_source(&source, &options).unwrap();
    let scan = check.scan(&source, &ranges[0], &options).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for bytes in [
        placed.merge(unplaced).unwrap().to_bytes(),
        scan.to_bytes(),
        planned[0].to_bytes(),
    ] {
        field_names(&serde_json::from_slice(&bytes).unwrap(), &mut names);
    }
    assert!(names.len() > 60, "{}", names.len());
    // The index of an input is a key, and no name.
    names.remove("0");
    let text = include_str!("../../../../../docs/partial.md");
    for name in names {
        let marks = [("`", "`"), (".", "`"), ("\"", "\"")];
        let is_named = marks
            .iter()
            .any(|(before, after)| text.contains(&format!("{before}{name}{after}")));
        assert!(is_named, "`{name}` is not described");
    }
}
