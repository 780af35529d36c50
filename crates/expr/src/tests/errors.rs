//! What is said about expressions that cannot be used, and where it points.

use tamis_formats::vector::Type;

use crate::{Expression, Schema};

fn schema() -> Schema {
    Schema::new([
        ("amount", Type::Number),
        ("count", Type::Integer),
        ("country", Type::Text),
        ("Order Date", Type::Date),
        ("at", Type::Timestamp),
        ("is_paid", Type::Boolean),
        ("customer.name", Type::Text),
    ])
}

/// The text with its error below, as a terminal shows it.
fn drawn(text: &str) -> String {
    let error = match Expression::filter(text, &schema()) {
        Ok(_) => return format!("{text}\nno error\n"),
        Err(error) => error,
    };
    let before = text[..error.span.start].chars().count();
    let marked = text[error.span.clone()].chars().count().max(1);
    let mut drawn = format!(
        "{text}\n{}{} {}\n",
        " ".repeat(before),
        "^".repeat(marked),
        error.message
    );
    if let Some(help) = error.help {
        drawn += &format!("  help: {help}\n");
    }
    drawn
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let texts = [
        // Names.
        "amout > 1",
        "amount > 1 && row['order date'] > '2024-01-01'",
        "customer == 'x'",
        "customer.nam == 'x'",
        "row == 1",
        "nothing_like_it > 1",
        "Größe > 1",
        "amount.size > 1",
        "row[1] == 1",
        "(amount).a == 1",
        // Types.
        "amount",
        "country",
        "'text'",
        "amount + 'a' > 1",
        "country + 1 == 'a1'",
        "country > 5",
        "country == 5 || amount == '5'",
        "!amount",
        "amount && is_paid",
        "is_paid > 1",
        "-country == 1",
        "amount == null > 1",
        "amount > null",
        "amount + null > 1",
        "is_paid ? 1 : 'a'",
        "row['Order Date'] > '2024-02-30'",
        "at > 'yesterday'",
        "at + 1 > at",
        "at + at > at",
        "at - at > '5'",
        "count in country",
        "count in ['a']",
        "count in [1, null]",
        "country in ['a', 1]",
        "[1, 2]",
        "at - at",
        // Functions.
        "size(amount) > 1",
        "country.contain('a')",
        "country.contains()",
        "country.contains('a', 'b')",
        "country.contains(1)",
        "upper(country) == 'A'",
        "country.matches(country)",
        "country.matches('(')",
        "country.matches('a{1000}{1000}')",
        "sum(amount) > 1",
        "round(country) > 1",
        "frobnicate(amount)",
        "at.getHours('Europe/Berlin') > 1",
        "row['Order Date'].getYear() > 1",
        "int(row['Order Date']) > 1",
        "bool(1)",
        "min(amount) > 1",
        "coalesce(amount, 'a') > 1",
        "[1].exists(x, x > 1)",
        // Constants.
        "amount > 1 / 0",
        "amount > 9223372036854775807 + 1",
        "amount > 9223372036854775808",
        "amount > 1e400",
        "date('2024-13-01') == null",
        "duration('5 minutes') > duration('1s')",
        // Syntax.
        "",
        "  ",
        "amount >",
        "amount > 1 &&",
        "amount > 1 and count > 1",
        "amount > 1 & count > 1",
        "not is_paid",
        "amount = 1",
        "amount <> 1",
        "country like 'a%'",
        "country is null",
        "count in (1, 2)",
        "amount > 1)",
        "(amount > 1",
        "size(country > 1",
        "[amount > 1)",
        "country == 'a",
        "country == “a”",
        "country == 'a\\q'",
        "amount > 1 count",
        "amount > 1,5",
        "if (amount > 1)",
        "amount ? 1",
        "amount.?b",
        "{'a': 1}",
        "Message{a: 1}",
        "b'abc' == 'abc'",
        "amount > 1; count > 1",
        "`Order Date` > 1",
        "amount > 1 // but why\n  && é > 1",
    ];
    let all: Vec<String> = texts.into_iter().map(drawn).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn deep_and_long_texts_are_refused_or_read() {
    for text in [
        format!("{}count{} > 1", "(".repeat(90), ")".repeat(90)),
        format!("count{} > 1", " + 1".repeat(900)),
        format!("{} > 1", vec!["count"; 400].join(" * 1 + ")),
        vec!["count == 1"; 2_000].join(" || "),
        format!(
            "count in [{}]",
            (0..10_000)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!("{}is_paid", "!".repeat(999)),
    ] {
        assert!(Expression::filter(&text, &schema()).is_ok(), "{:.60}", text);
    }
    for text in [
        format!("{}count{} > 1", "(".repeat(100), ")".repeat(100)),
        format!("{}count{} > 1", "(".repeat(100_000), ")".repeat(100_000)),
        format!("count{} > 1", " + 1".repeat(100_000)),
        format!("{}1", "is_paid ? 1 : ".repeat(400)),
        format!("country{} == ''", ".trim()".repeat(100_000)),
        "(".repeat(1_000_000),
        "[".repeat(999),
        "é".repeat(300_000),
    ] {
        assert!(
            Expression::filter(&text, &schema()).is_err(),
            "{:.60}",
            text
        );
    }
}

#[test]
fn names_are_known_before_types() {
    let names =
        Expression::names("row['Order Date'] > a.b && math.abs(c) in [d] || has(row.e)").unwrap();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["Order Date", "a.b", "c", "d", "e"]
    );
}
