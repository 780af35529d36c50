//! Operators and functions on values whose answer is known.

use tamis_formats::vector::Type;

use super::Table;

/// One row: a constant expression's value.
fn value(text: &str) -> String {
    let table = Table::new(&[("x", Type::Integer, vec!["1".to_owned()])]);
    table.evaluate(text).remove(0)
}

/// The values of an expression over a column `x`.
fn over(ty: Type, values: &[&str], text: &str) -> Vec<String> {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Table::new(&[("x", ty, values)]).evaluate(text)
}

#[test]
fn constants_are_computed() {
    for (text, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 / 2.0", "3.5"),
        ("1 == 1.0", "true"),
        ("9007199254740993 == 9007199254740992.0", "false"),
        ("9007199254740993 > 9007199254740992.0", "true"),
        ("'a' + 'b' == 'ab'", "true"),
        ("'b' > 'a' && !false", "true"),
        ("true ? 1 : 2.5", "1.0"),
        ("null == null", "true"),
        ("null", "null"),
        ("1 in [1, 2]", "true"),
        ("1.5 in [1, 2]", "false"),
        ("2 in [1, 2.0]", "true"),
        ("size('aé☃')", "3"),
        ("'tamis'.substring(1, 3)", "\"am\""),
        ("'tamis'.indexOf('mi')", "2"),
        ("'a-b-c'.replace('-', '')", "\"abc\""),
        ("' x '.trim().upperAscii()", "\"X\""),
        ("'abc'.matches('^a.c$') && matches('abc', 'b')", "true"),
        ("int('42') + int(2.9) + int(true)", "45"),
        ("double('1e3')", "1000.0"),
        (
            "string(1.50) + string(2) + string(2.0) + string(true)",
            "\"1.522true\"",
        ),
        ("bool('TRUE')", "true"),
        ("abs(-3) + abs(3 - 5)", "5"),
        ("math.abs(-2.5)", "2.5"),
        ("round(2.5) + round(-2.5)", "0.0"),
        ("floor(-0.5)", "-1.0"),
        ("ceil(0.2) + trunc(1.9)", "2.0"),
        ("min(3, 1, 2)", "1"),
        ("max(3, 1.5)", "3.0"),
        ("min('b', 'a')", "\"a\""),
        ("max(false, true)", "true"),
        ("coalesce(null, 3)", "3"),
        ("date('2024-02-29')", "19782"),
        ("timestamp('2024-02-29T12:00:00+01:00')", "1709204400000000"),
        ("timestamp(0) == timestamp('1970-01-01')", "true"),
        (
            "int(timestamp('2024-02-29') - timestamp('2024-02-28T23:00:00Z'))",
            "3600",
        ),
        (
            "date('2024-03-01') + duration('-24h') == timestamp('2024-02-29')",
            "true",
        ),
        ("date(timestamp('1969-12-31T23:00:00Z'))", "-1"),
        ("time(timestamp('1969-12-31T23:00:00Z'))", "82800000000"),
        (
            "string(timestamp('1969-12-31T23:00:00.5Z'))",
            "\"1969-12-31T23:00:00.5Z\"",
        ),
        (
            "string(date('2024-02-29')) + string(duration('90m'))",
            "\"2024-02-295400s\"",
        ),
        ("duration('90m') > duration('1h')", "true"),
        ("duration('90m').getMinutes()", "90"),
        (
            "timestamp('2024-12-31T23:59:58.765Z').getFullYear()",
            "2024",
        ),
        ("date('2024-12-31').getMonth()", "11"),
        ("date('2024-12-31').getDate()", "31"),
        ("date('2024-12-31').getDayOfMonth()", "30"),
        ("date('2024-12-31').getDayOfYear()", "365"),
        ("date('2024-12-31').getDayOfWeek()", "2"),
        (
            "timestamp('2024-12-31T23:59:58.765Z').getHours('+01:30')",
            "1",
        ),
        (
            "timestamp('2024-12-31T23:59:58.765Z').getMilliseconds()",
            "765",
        ),
        ("time('23:59:58').getMinutes()", "59"),
        ("0x1f + 0", "31"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807 == 9223372036854775808.0", "false"),
        ("has(x) && has(row['x']) && has(row.x)", "true"),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn null_is_not_matched() {
    let truths = ["true", "false", ""];
    assert_eq!(
        over(Type::Boolean, &truths, "!x"),
        ["false", "true", "null"]
    );
    assert_eq!(
        over(Type::Boolean, &truths, "x && true"),
        ["true", "false", "null"]
    );
    assert_eq!(
        over(Type::Boolean, &truths, "x && false"),
        ["false", "false", "false"]
    );
    assert_eq!(
        over(Type::Boolean, &truths, "x || true"),
        ["true", "true", "true"]
    );
    assert_eq!(
        over(Type::Boolean, &truths, "x || false"),
        ["true", "false", "null"]
    );
    assert_eq!(
        over(Type::Boolean, &truths, "x ? 1 : 2"),
        ["1", "2", "null"]
    );
    assert_eq!(
        over(Type::Boolean, &truths, "x == null"),
        ["false", "false", "true"]
    );
    let numbers = ["1", ""];
    assert_eq!(over(Type::Integer, &numbers, "x + 1"), ["2", "null"]);
    assert_eq!(over(Type::Integer, &numbers, "x != 2"), ["true", "null"]);
    assert_eq!(
        over(Type::Integer, &numbers, "x in [2, 3]"),
        ["false", "null"]
    );
    assert_eq!(
        over(Type::Integer, &numbers, "coalesce(x, -1)"),
        ["1", "-1"]
    );
    assert_eq!(
        over(Type::Integer, &numbers, "x == null ? 0 : x"),
        ["1", "0"]
    );
}

#[test]
fn a_column_without_values_is_null_whatever_is_done_with_it() {
    for text in [
        "x > 1",
        "x + 1.5",
        "x.contains('a')",
        "!x",
        "x in [1]",
        "x.getHours()",
        "x < x",
    ] {
        assert_eq!(
            over(Type::Null, &["", ""], text),
            ["null", "null"],
            "{text}"
        );
    }
    assert_eq!(over(Type::Null, &[""], "x == null && !has(x)"), ["true"]);
    assert_eq!(over(Type::Null, &[""], "x == 1 || true"), ["true"]);
}

#[test]
fn what_cannot_be_computed_fails_alone() {
    let zero = ["2", "0", ""];
    assert_eq!(
        over(Type::Integer, &zero, "10 / x"),
        ["5", "failed", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "10 % x"),
        ["0", "failed", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "1.0 / x"),
        ["0.5", "failed", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "x != 0 && 10 / x > 1"),
        ["true", "false", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "10 / x > 1 && x != 0"),
        ["true", "false", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "x == 0 || 10 / x > 1"),
        ["true", "true", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "x == 0 ? -1 : 10 / x"),
        ["5", "-1", "null"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "coalesce(10 / x, 0)"),
        ["5", "0", "0"]
    );
    assert_eq!(
        over(Type::Integer, &zero, "has(10 / x)"),
        ["true", "false", "false"]
    );
    let ends = ["9223372036854775807", "-9223372036854775808"];
    for (text, expected) in [
        ("x + 1", ["failed", "-9223372036854775807"]),
        ("x - 1", ["9223372036854775806", "failed"]),
        ("x * 2", ["failed", "failed"]),
        ("x / -1", ["-9223372036854775807", "failed"]),
        ("x % -1", ["0", "0"]),
        ("-x", ["-9223372036854775807", "failed"]),
        ("abs(x)", ["9223372036854775807", "failed"]),
        ("x + 1.0", ["9.223372036854776e18", "-9.223372036854776e18"]),
        ("timestamp(x)", ["failed", "failed"]),
    ] {
        assert_eq!(over(Type::Integer, &ends, text), expected, "{text}");
    }
    let texts = ["12", "1.5", "x", ""];
    assert_eq!(
        over(Type::Text, &texts, "int(x)"),
        ["12", "failed", "failed", "null"]
    );
    assert_eq!(
        over(Type::Text, &texts, "double(x)"),
        ["12.0", "1.5", "failed", "null"]
    );
    assert_eq!(
        over(Type::Text, &texts, "x.substring(2)"),
        ["\"\"", "\"5\"", "failed", "null"]
    );
    assert_eq!(
        over(Type::Text, &["t", "yes"], "bool(x)"),
        ["true", "failed"]
    );
    assert_eq!(
        over(Type::Number, &["1e308", "-9.3e18"], "x * 10"),
        ["failed", "-9.3e19"]
    );
    assert_eq!(
        over(Type::Number, &["1e308", "-9.2e18"], "int(x)"),
        ["failed", "-9200000000000000000"]
    );
}

#[test]
fn literals_beside_moments_are_moments() {
    let days = ["2024-01-31", "2024-02-01", ""];
    assert_eq!(
        over(Type::Date, &days, "x >= '2024-02-01'"),
        ["false", "true", "null"]
    );
    assert_eq!(
        over(Type::Date, &days, "x > '2024-01-31T12:00:00Z'"),
        ["false", "true", "null"]
    );
    assert_eq!(
        over(
            Type::Date,
            &days,
            "x in ['2024-02-01', '2024-01-31T00:00:00Z']"
        ),
        ["true", "true", "null"]
    );
    let times = ["2024-01-31T23:59:59Z"];
    assert_eq!(
        over(
            Type::Timestamp,
            &times,
            "x > '2024-01-31' && '2024-02-01' > x"
        ),
        ["true"]
    );
    assert_eq!(
        over(
            Type::Timestamp,
            &times,
            "x - timestamp('2024-01-31') > duration('23h')"
        ),
        ["true"]
    );
    assert_eq!(
        over(Type::Time, &["12:00:00"], "x < '12:00:00.5'"),
        ["true"]
    );
    assert_eq!(
        over(Type::Date, &days, "max(x, '2024-02-01')"),
        ["19754", "19754", "null"]
    );
}
