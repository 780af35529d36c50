//! Goal: rules across columns count exactly the records for which their expression is false.

use super::*;

fn orders() -> Object {
    Object::new("orders")
        .property(Property::date("ordered"))
        .property(Property::date("shipped"))
        .property(Property::integer("count"))
        .property(Property::number("price"))
        .property(Property::number("total"))
}

const ORDERS: &str = "\
ordered,shipped,count,price,total
2026-01-01,2026-01-02,2,1.5,3
2026-01-02,2026-01-01,2,1.5,3
2026-01-02,,2,1.5,4
2026-01-02,soon,,1.5,4
2026-01-02,2026-01-02,007,\"2\",14.0
2026-01-02,2026-01-02,9223372036854775807,2,14
";

#[test]
fn a_record_breaks_an_expression_that_is_false() {
    let object = orders()
        .quality(Quality::expression("shipped >= ordered").name("no time travel"))
        .quality(Quality::expression("total == count * price").severity(Severity::Warning));
    let report = run(&object, ORDERS, &CheckOptions::default());
    assert_eq!(
        counts(&report),
        [
            ".expression: 2",
            ".expression: no time travel: 1",
            "shipped.type: 1"
        ],
        "what is null or of another type says nothing"
    );
    let broken: Vec<_> = report
        .samples
        .iter()
        .filter(|sample| sample.rule.starts_with("expression"))
        .map(|sample| {
            (
                sample.row.unwrap(),
                sample.value.as_deref().unwrap(),
                sample.message.as_str(),
            )
        })
        .collect();
    assert_eq!(
        broken,
        [
            (
                2,
                "2026-01-01, 2026-01-02",
                "must be such that `shipped >= ordered`"
            ),
            (3, "4, 2, 1.5", "must be such that `total == count * price`"),
            (
                6,
                "14, 9223372036854775807, 2",
                "must be such that `total == count * price`"
            ),
        ]
    );
    assert_eq!((report.rows.invalid, report.passed), (2, false));
}

#[test]
fn a_property_may_have_one_and_a_threshold_tolerates_some() {
    let limit = |limit: i64| {
        let mut quality = Quality::expression("price > 1.6");
        quality.kind = QualityKind::Expression {
            text: "price > 1.6".to_owned(),
            threshold: Some((Operator::MustBeLessThan(Decimal::from(limit)), Unit::Rows)),
        };
        let price = Property::number("price").quality(quality);
        Object::new("orders")
            .property(price)
            .extra_columns(ExtraColumns::Allow)
    };
    let report = run(&limit(5), ORDERS, &CheckOptions::default());
    assert!(report.passed && report.rows.invalid == 0);
    let report = run(&limit(4), ORDERS, &CheckOptions::default());
    assert!(!report.passed && report.rows.invalid == 0);
    assert_eq!(counts(&report), ["price.expression: 1"]);
}

#[test]
fn every_format_and_every_cut_gives_the_same() {
    let object = orders().quality(Quality::expression("shipped >= ordered && count < 100"));
    let lines = "\
{\"ordered\":\"2026-01-01\",\"shipped\":\"2026-01-02\",\"count\":2}
{\"ordered\":\"2026-01-02\",\"shipped\":\"2026-01-01\",\"count\":2}
{\"ordered\":\"2026-01-02\",\"shipped\":null,\"count\":200}
{\"shipped\":\"2026-01-02\",\"count\":2.0}
";
    for kernel in Kernel::available() {
        for (threads, chunk_bytes) in [(1, 1 << 20), (2, 40), (3, 1)] {
            let options = CheckOptions {
                threads,
                chunk_bytes,
                kernel,
                ..CheckOptions::default()
            };
            let csv = run(&object, ORDERS, &options);
            assert_eq!(counts(&csv), [".expression: 2", "shipped.type: 1"]);
            let source = MemorySource::new("orders.jsonl", lines.as_bytes().to_vec());
            let json = run_source(&object, &source, &options);
            assert_eq!(counts(&json), [".expression: 2"]);
        }
    }
}

#[test]
fn rows_that_cannot_be_computed_are_counted_whatever_the_cut() {
    let object = orders()
        .quality(Quality::expression("total / count > 1.0"))
        .quality(Quality::expression("count * 2 > 0").name("even more"))
        .quality(Quality::expression("count == 0 || total / count > 1.0"))
        .quality(Quality::expression("total >= 0.0"));
    let rows =
        "2026-01-01,,0,1,9\n,,2,1,9\n,,,1,9\n,,9223372036854775807,1,9\n2026-01-01,soon,0,1,x\n";
    let input = format!("ordered,shipped,count,price,total\n{}", rows.repeat(700));
    let mut reports = Vec::new();
    for kernel in Kernel::available() {
        for (threads, chunk_bytes) in [(1, 1 << 20), (2, 4_000), (3, 100)] {
            let options = CheckOptions {
                threads,
                chunk_bytes,
                kernel,
                ..CheckOptions::default()
            };
            let sources =
                ["a.csv", "b.csv"].map(|name| MemorySource::new(name, input.clone().into_bytes()));
            let contract = contract(object.clone());
            let check = Check::compile(&contract, &object, Unchecked::Refuse).unwrap();
            let sources: Vec<&dyn Source> = sources.iter().map(|source| source as _).collect();
            let whole = check.run(&sources, &options, None, None).unwrap();
            let partials = sources
                .iter()
                .map(|source| check.map_source(*source, &options));
            let partials: Vec<_> = partials.map(Result::unwrap).collect();
            let reduced = check.reduce(partials, &options, KeyFiles::Keep).unwrap();
            assert_eq!(reduced.notes, whole.notes);
            assert_eq!(
                counts(&whole),
                [
                    ".expression: even more: 2800",
                    ".expression: 1400",
                    ".expression: 1400",
                    "shipped.type: 1400",
                    "total.type: 1400"
                ]
            );
            reports.push(whole.notes);
        }
    }
    let notes: Vec<_> = reports[0]
        .iter()
        .map(|note| (note.input.as_deref(), note.count, note.message.as_str()))
        .collect();
    assert_eq!(
        notes,
        [
            (
                None,
                Some(1400),
                "rule `total / count > 1.0` could not be computed for 1,400 rows (such as a division by zero or an overflow); they count as not violated"
            ),
            (
                None,
                Some(1400),
                "rule `even more` could not be computed for 1,400 rows (such as a division by zero or an overflow); they count as not violated"
            ),
        ]
    );
    assert!(reports.iter().all(|notes| *notes == reports[0]));
}

#[test]
fn missing_columns_say_nothing_and_physical_names_are_known() {
    let object = Object::new("orders")
        .property(Property::integer("count").physical_name("n").optional())
        .property(Property::integer("limit"))
        .quality(Quality::expression("count < limit"))
        .quality(Quality::expression("n < limit"));
    let report = run(&object, "n,limit\n5,3\n1,3\n", &CheckOptions::default());
    assert_eq!(counts(&report), [".expression: 1", ".expression: 1"]);
    let report = run(&object, "limit\n3\n", &CheckOptions::default());
    assert!(report.passed, "{:?}", counts(&report));
}

#[test]
fn what_does_not_compile_is_never_dropped() {
    let object = orders().quality(Quality::expression("shiped >= ordered"));
    let contract = contract(object.clone());
    let error = Check::compile(&contract, &object, Unchecked::Refuse).unwrap_err();
    assert!(matches!(error, CheckError::Unchecked { .. }), "{error}");
}
