//! Every kind of finding, with the bytes it points at.

use crate::model::{
    Bound, BoundValue, Contract, Inclusion, Metric, Operator, QualityKind, UncheckedKind,
    parse_decimal,
};

use super::{HEAD, clean, findings, read, with_property};

/// The findings of a contract whose only property has these keys.
fn of_property(keys: &str) -> Vec<String> {
    findings(&with_property(keys))
}

fn of_options(logical_type: &str, options: &str) -> Vec<String> {
    of_property(&format!(
        "logicalType: {logical_type}\nlogicalTypeOptions: {{{options}}}"
    ))
}

#[test]
fn unknown_keys_are_errors_at_every_level() {
    let text = format!(
        "{HEAD}onwer: me\nschema:\n  - name: t\n    colour: red\n    properties:\n      - name: p\n        requird: true\n"
    );
    assert_eq!(
        findings(&text),
        [
            "error unknown-key @onwer: unknown key `onwer`",
            "error unknown-key @colour: unknown key `colour`",
            "error unknown-key @requird: unknown key `requird`",
        ]
    );
    let error = read("c.yaml", text.as_bytes()).expect_err("it has errors");
    assert_eq!(
        error.diagnostics[2].help.as_deref(),
        Some("did you mean `required`?")
    );
    assert!(
        error.to_string().ends_with(
            "c.yaml:12:9: error: unknown key `requird` (hint: did you mean `required`?)"
        ),
        "{error}"
    );
    assert_eq!(
        of_options("integer", "minimun: 1"),
        ["error unknown-key @minimun: unknown key `minimun`"]
    );
    let rule = "quality:\n  - metric: invalidValues\n    arguments: {validValue: [a], pattern: a}\n    mustbe: 0\n    mustBe: 0";
    assert_eq!(
        of_property(rule),
        [
            "error unknown-key @validValue: unknown key `validValue`",
            "error unknown-key @mustbe: unknown key `mustbe`"
        ]
    );
}

#[test]
fn the_top_level_must_be_a_contract() {
    assert_eq!(
        findings("id: 7\nversion: 1.0.0\nstatus: x"),
        [
            "error missing-key @: `apiVersion` is missing",
            "error missing-key @: `kind` is missing",
            "error missing-key @: `schema` is missing, so there is nothing to check",
            "warning not-text @7: `id` should be text, this is a number",
        ]
    );
    assert_eq!(
        findings("[]"),
        ["error wrong-type @[]: `a contract` must be a mapping, this is a list"]
    );
    assert_eq!(findings(""), ["error yaml-syntax @: the contract is empty"]);
    assert_eq!(
        findings("# nothing\n"),
        ["error yaml-syntax @# nothing\n: the contract is empty"]
    );
    for version in ["v2.2.2", "v3.3.0", "v4.0.0", "latest"] {
        let text = format!("{}schema: []\n", HEAD.replace("v3.2.0", version));
        let expected = format!(
            "error unsupported-version @{version}: version `{version}` of the standard is not supported"
        );
        assert_eq!(findings(&text), [expected]);
    }
}

#[test]
fn broken_yaml_is_an_error_at_its_place() {
    assert!(
        findings("a: 1\na: 2\n")
            .contains(&"error duplicate-key @a: the key `a` is given twice".to_owned())
    );
    assert!(findings("a: [1, 2\nb: é }")[0].starts_with("error yaml-syntax @"));
    assert!(findings("é: 'x\n")[0].starts_with("error yaml-syntax @"));
    assert_eq!(
        findings("a: 1\n---\nb: 1\n"),
        ["error yaml-syntax @---: a contract is one YAML document; a second one starts here"]
    );
    assert_eq!(
        findings("{[a]: 1}"),
        ["error yaml-syntax @[a]: a key must be plain text"]
    );
    assert_eq!(
        findings("&a [*a]"),
        ["error yaml-syntax @*a: an alias inside the node it stands for"]
    );
    assert_eq!(
        read("x", b"a: \xff").expect_err("not UTF-8").diagnostics[0].span,
        3..6
    );
    assert!(findings(&"[".repeat(100_000))[0].starts_with("error yaml-syntax"));
    assert!(findings(&"- ".repeat(100_000))[0].contains("nested deeper than 64 levels"));
    let bomb: String = (1..40)
        .map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1))
        .collect();
    assert!(findings(&format!("a0: &a0 x\n{bomb}"))[0].contains("more than 500000 values"));
}

#[test]
fn values_of_the_wrong_type_are_errors() {
    assert_eq!(
        of_property("required: yes"),
        ["error wrong-type @yes: `required` must be `true` or `false`, this is text"]
    );
    assert_eq!(
        of_property("logicalType: strng"),
        ["error unknown-value @strng: unknown logicalType `strng`"]
    );
    assert_eq!(
        of_property("quality: none"),
        ["error wrong-type @none: `quality` must be a list, this is text"]
    );
    assert_eq!(
        of_options("integer", "minimum: 'one'"),
        ["error wrong-type @'one': `minimum` must be a number, this is text"]
    );
    assert_eq!(
        of_options("integer", "minimum: .inf"),
        ["error wrong-type @.inf: `minimum` cannot be held exactly: `.inf`"]
    );
    assert_eq!(
        of_options("string", "minLength: -1"),
        ["error wrong-type @-1: `minLength` must be a whole number from 0"]
    );
    assert_eq!(
        of_options("date", "minimum: '2023-02-29'"),
        ["error wrong-type @'2023-02-29': `minimum` is no date or time that exists: `2023-02-29`"]
    );
}

#[test]
fn contradictions_are_errors() {
    for options in [
        "minimum: 2, maximum: 1",
        "minimum: 1, exclusiveMaximum: 1",
        "exclusiveMinimum: 1.0, maximum: 1",
    ] {
        let found = of_options("number", options);
        assert!(
            found[0].contains("no value lies between the minimum and the maximum"),
            "{options}: {found:?}"
        );
    }
    assert_eq!(of_options("number", "minimum: 1, maximum: 1"), [""; 0]);
    assert!(
        of_options("date", "minimum: '2024-01-02', maximum: '2024-01-01'")[0]
            .contains("no value lies")
    );
    assert_eq!(
        of_options("string", "minLength: 3, maxLength: 2"),
        ["error contradiction @2: no text is at least 3 and at most 2 characters long"]
    );
    assert_eq!(
        of_options("number", "multipleOf: 0"),
        ["error contradiction @0: `multipleOf` must be greater than zero"]
    );
    assert_eq!(
        of_options("integer", "maxLength: 3"),
        ["error contradiction @maxLength: `maxLength` does not apply to integer"]
    );
    assert_eq!(
        of_options("integer", "exclusiveMinimum: true"),
        ["error contradiction @true: `exclusiveMinimum: true` without `minimum`"]
    );
    assert_eq!(
        of_options("integer", "minimum: 1, exclusiveMinimum: 1"),
        ["warning contradiction @1: `minimum` and `exclusiveMinimum` are both given"]
    );
    assert_eq!(
        of_property("enum: []"),
        ["error contradiction @[]: an empty `enum` allows no value at all"]
    );
    let twice = with_property("physicalName: a") + "      - name: p\n      - name: a\n";
    assert_eq!(
        findings(&twice),
        [
            "error duplicate-name @name: p: two properties are named `p`",
            "error duplicate-name @name: a: two properties describe the column `a`",
        ]
    );
}

#[test]
fn errors_in_patterns_point_inside_them() {
    assert_eq!(
        of_options("string", "pattern: '^a(?!b)'"),
        ["error invalid-pattern @(?!: lookaround is not supported"]
    );
    assert_eq!(
        of_options("string", r#"pattern: "é[z-a]""#),
        ["error invalid-pattern @z-a: the range runs backwards"]
    );
    // Escapes make the text differ from what is written: the whole value is shown.
    assert_eq!(
        of_options("string", r#"pattern: "\x61[z-a]""#),
        [r#"error invalid-pattern @"\x61[z-a]": the range runs backwards"#]
    );
    assert_eq!(
        of_options("date", "format: yyyy-QQ"),
        ["error invalid-date-format @QQ: `QQ` is not supported in a date pattern"]
    );
    assert_eq!(
        of_options("date", "format: HH:mm"),
        [
            "error invalid-date-format @HH:mm: the format names no day: it needs a year, a month and a day"
        ]
    );
    assert_eq!(
        of_options("string", "format: emial"),
        ["error unknown-value @emial: unknown format of a string `emial`"]
    );
    assert_eq!(
        of_options("integer", "format: i33"),
        ["error unknown-value @i33: unknown format of an integer `i33`"]
    );
}

#[test]
fn quality_rules_must_be_complete() {
    let of_rule = |rule: &str| of_property(&format!("quality: [{rule}]"));
    assert_eq!(
        of_rule("{metric: nullValues}"),
        ["error missing-key @{: this quality rule has no threshold"]
    );
    assert_eq!(
        of_rule("{mustBe: 0}"),
        ["error missing-key @{: this quality rule has no `metric`"]
    );
    assert!(
        of_rule("{metric: nullValues, mustBe: 0, mustNotBe: 1}")[0].contains("several thresholds")
    );
    assert_eq!(
        of_rule("{metric: nullValues, mustBeBetween: [2, 1]}"),
        ["error contradiction @[2, 1]: `mustBeBetween`: the smaller number comes first"]
    );
    assert_eq!(
        of_rule("{metric: nullValues, mustBeBetween: [2]}"),
        ["error wrong-type @[2]: `mustBeBetween` must be a list of two numbers"]
    );
    assert_eq!(
        of_rule("{metric: invalidValues, mustBe: 0}"),
        ["error missing-key @{: `invalidValues` does not say what is valid"]
    );
    assert_eq!(
        of_rule("{metric: nullValues, mustBe: 0, unit: rwos}"),
        ["error unknown-value @rwos: unknown unit `rwos`"]
    );
    assert_eq!(
        of_rule("{metric: nullValues, mustBe: 0, severity: critical}"),
        ["warning unknown-value @critical: the severity `critical` counts as `error`"]
    );
    let of_object = |rule: &str| {
        findings(&format!(
            "{HEAD}schema: [{{name: t, properties: [{{name: a}}], quality: [{rule}]}}]"
        ))
    };
    assert!(of_object("{metric: duplicateValues, mustBe: 0}")[0].contains("names no properties"));
    assert!(
        of_object("{metric: duplicateValues, arguments: {properties: [b]}, mustBe: 0}")[0]
            .contains("unknown property `b`")
    );
    assert_eq!(
        of_object("{metric: rowCount, mustBeGreaterOrEqualTo: 1}"),
        [""; 0]
    );
}

#[test]
fn rules_that_cannot_be_checked_are_listed() {
    let text = with_property(
        "logicalType: array
logicalTypeOptions: {uniqueItems: true}
relationships: [{to: other.id}]
quality:
  - {type: sql, query: SELECT 1, mustBe: 1}
  - {type: custom, engine: soda, implementation: {checks: []}}
  - {type: text, description: be nice}
  - {rule: nullCheck, mustBe: 0}
  - {metric: rowCount, mustBe: 1}",
    );
    let reading = clean(&text);
    let listed: Vec<_> = reading
        .contract
        .unchecked
        .iter()
        .map(|rule| (rule.rule.as_str(), rule.kind, &text[rule.span.clone()]))
        .collect();
    assert_eq!(
        listed,
        [
            ("uniqueItems", UncheckedKind::Rule, "uniqueItems"),
            ("sql", UncheckedKind::Rule, "query"),
            ("custom", UncheckedKind::Rule, "soda"),
            ("text", UncheckedKind::Text, "text"),
            ("nullCheck", UncheckedKind::Rule, "nullCheck"),
            ("rowCount", UncheckedKind::Rule, "rowCount"),
            ("relationships", UncheckedKind::Rule, "relationships"),
        ]
    );
    assert!(
        reading
            .contract
            .unchecked
            .iter()
            .all(|rule| rule.location == "t.p")
    );
    let vector = clean(&with_property(
        "logicalType: vector\nlogicalTypeOptions: {dimensions: 3}",
    ));
    assert_eq!(
        vector.contract.unchecked[0].reason,
        "values of type `vector` are not checked"
    );
}

#[test]
fn bounds_are_exact_and_known_in_both_spellings() {
    let bounds = |options: &str| {
        let reading = clean(&with_property(&format!(
            "logicalType: number\nlogicalTypeOptions: {{{options}}}"
        )));
        let Contract { objects, .. } = reading.contract;
        objects[0].properties[0].constraints.minimum.clone()
    };
    let bound = |text: &str, inclusion| {
        Some(Bound {
            value: BoundValue::Number(parse_decimal(text).expect("a number")),
            inclusion,
        })
    };
    let huge = "9007199254740993.00000000000000000000000000000000001";
    assert_eq!(
        bounds(&format!("minimum: {huge}")),
        bound(huge, Inclusion::Inclusive)
    );
    assert_eq!(
        bounds("exclusiveMinimum: 0.1"),
        bound("0.1", Inclusion::Exclusive)
    );
    assert_eq!(
        bounds("minimum: 0.1, exclusiveMinimum: true"),
        bound("0.1", Inclusion::Exclusive)
    );
    assert_eq!(
        bounds("minimum: 0.1, exclusiveMinimum: false"),
        bound("0.1", Inclusion::Inclusive)
    );
}

#[test]
fn csv_facts_come_from_custom_properties() {
    let text = format!(
        "{HEAD}schema:
  - name: t
    customProperties:
      - {{property: missingValues, value: [NA, '-', null]}}
      - {{property: delimiter, value: ;}}
      - {{property: quote, value: null}}
      - {{property: header, value: false}}
      - {{property: decimalChar, value: ','}}
      - {{property: owner, value: me}}
"
    );
    let reading = clean(&text);
    let object = &reading.contract.objects[0];
    assert_eq!(
        object.csv.missing_values.as_deref(),
        Some(&["NA".to_owned(), "-".to_owned()][..])
    );
    assert_eq!(
        (object.csv.delimiter, object.csv.quote, object.csv.header),
        (Some(b';'), Some(None), Some(false))
    );
    assert_eq!(object.csv.decimal_char, Some(b','));
    assert_eq!(
        object.extra.len(),
        1,
        "other tools' properties are carried along"
    );
    assert_eq!(
        findings(&text.replace("delimiter, value: ;", "delimiter, value: '||'")),
        ["error wrong-type @'||': `delimiter` must be one ASCII character, this is text"]
    );
    assert_eq!(
        findings(&text.replace("delimiter", "delimeter")),
        [
            "warning unknown-key @delimeter: the custom property `delimeter` is not one that Tamis reads"
        ]
    );
}

#[test]
fn names_of_earlier_versions_are_understood() {
    let reading = clean(&with_property(
        "quality: [{rule: duplicateCount, mustBeLessThan: 10, unit: percent}]",
    ));
    let QualityKind::Metric {
        metric, operator, ..
    } = &reading.contract.objects[0].properties[0].quality[0].kind
    else {
        panic!("a metric");
    };
    assert_eq!(
        *metric,
        Metric::DuplicateValues {
            properties: Vec::new()
        }
    );
    assert_eq!(*operator, Operator::MustBeLessThan(10i64.into()));
}

#[test]
fn presence_is_true_or_false_and_what_other_columns_mean_a_known_word() {
    let custom = |value: &str| of_property(&format!("customProperties: [{value}]"));
    assert_eq!(
        custom("{property: tamis.optional, value: maybe}"),
        ["error wrong-type @maybe: `tamis.optional` must be `true` or `false`, this is text"]
    );
    assert_eq!(
        custom("{property: tamis.optional}"),
        ["error missing-key @tamis.optional: `tamis.optional` has no `value`"]
    );
    assert_eq!(
        custom("{property: tamis.optionl, value: true}"),
        [
            "warning unknown-key @tamis.optionl: the custom property `tamis.optionl` is not one that Tamis reads"
        ]
    );
    assert_eq!(custom("{property: theirs, value: 1}, whatever"), [""; 0]);
    let text = with_property("logicalType: string");
    for name in ["tamis.extraColumns", "tamis.duplicateColumns"] {
        let fact = |value: &str| {
            let custom = format!(
                "- name: t\n    customProperties: [{{property: {name}, value: {value}}}]\n"
            );
            findings(&text.replace("- name: t\n", &custom))
        };
        assert_eq!(fact("refuse"), [""; 0]);
        assert_eq!(
            fact("alow"),
            [format!("error unknown-value @alow: unknown {name} `alow`")]
        );
    }
}

#[test]
fn expressions_are_held_to_the_columns() {
    let of = |rule: &str| {
        let text = format!(
            "{HEAD}schema:\n  - name: t\n    properties:\n      - {{name: amount, logicalType: number}}\n      - {{name: at, logicalType: date}}\n    quality:\n      - {{type: custom, engine: tamis, implementation: {rule}}}\n"
        );
        findings(&text)
    };
    assert_eq!(of("\"amount > 1 && at > date('2026-01-01')\""), [""; 0]);
    let found = of("\"amout > 1\"");
    assert_eq!(
        found,
        ["error wrong-expression @\"amout > 1\": no column is named `amout`, at `amout`"]
    );
    let found = of("\"amount + 1\"");
    assert_eq!(found.len(), 1, "{found:?}");
    let found = of("\"amount > 1\", mustBeLessThan: 5, unit: percents");
    assert_eq!(
        found,
        ["error unknown-value @percents: unknown unit `percents`"]
    );
}

#[test]
fn expressions_are_written_as_they_were_read() {
    let text = format!(
        "{HEAD}schema:\n  - name: t\n    properties:\n      - {{name: amount, logicalType: number}}\n    quality:\n      - {{name: few, type: custom, engine: tamis, implementation: amount > 1, mustBeLessThan: 5, unit: percent}}\n      - {{type: custom, engine: tamis, implementation: amount < 9, severity: warning}}\n      - {{type: custom, engine: other, implementation: {{a: 1}}}}\n"
    );
    let contract = read("c.yaml", text.as_bytes())
        .expect("it is clean")
        .contract;
    let kinds: Vec<_> = contract.objects[0]
        .quality
        .iter()
        .map(|rule| &rule.kind)
        .collect();
    assert!(matches!(
        kinds[0],
        QualityKind::Expression {
            threshold: Some(_),
            ..
        }
    ));
    assert!(matches!(
        kinds[1],
        QualityKind::Expression {
            threshold: None,
            ..
        }
    ));
    assert!(matches!(kinds[2], QualityKind::Custom { .. }));
    let written = crate::odcs::to_yaml(&contract);
    let again = read("c.yaml", written.as_bytes())
        .expect("what is written can be read")
        .contract;
    assert_eq!(again.objects, contract.objects);
}
