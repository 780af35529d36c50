//! What patterns accept, what shapes they have, and where their errors lie.

use proptest::prelude::*;

use super::{Pattern, Position, Shape};

fn is_match(pattern: &str, text: &str) -> bool {
    Pattern::compile(pattern).expect(pattern).is_match(text)
}

/// The bytes of the pattern that its error points at, and the message.
fn fault(pattern: &str) -> (&str, String) {
    let error = Pattern::compile(pattern).expect_err(pattern);
    (&pattern[error.span], error.message)
}

#[test]
fn the_dialect_is_ecma_with_ascii_classes() {
    for (pattern, yes, no) in [
        (r"^\d$", "7", "７"),
        (r"^\w+$", "aZ_9", "é"),
        (r"^\s$", "\u{b}", "\u{a0}"),
        (r"^\D$", "é", "1"),
        ("^.$", "€", "\u{2028}"),
        ("^a$", "a", "a\n"),
        ("b", "abc", "ac"),
        ("^a|b$", "xb", "xbx"),
        ("^[^,]+$", "é", ","),
        ("^[^]$", "\n", ""),
        ("^[[&&~~-]$", "&", "]"),
        ("^[+--]$", ",", "."),
        (r"^[\w-]$", "-", "."),
        (r"^[\b]$", "\u{8}", "b"),
        (r"^\u00e9\x41\u{1F600}\0$", "éA😀\0", "é"),
        (r"^\/\-\.$", "/-.", "/-x"),
        (
            "^(?i)Straße$",
            "sTRASSE".replace("SS", "ß").leak(),
            "strase",
        ),
        ("^(?i:a)b$", "Ab", "AB"),
        ("^(?<year>[0-9]{4})$", "2024", "24"),
        (r"\bfoo\b", "a foo b", "afoo"),
        (r"^\p{Script=Greek}+$", "αβγ", "abc"),
        ("^a{2,3}?$", "aaa", "a"),
        ("^a{2,}$", "aaaa", "a"),
    ] {
        assert!(is_match(pattern, yes), "{pattern} should match {yes:?}");
        assert!(!is_match(pattern, no), "{pattern} should not match {no:?}");
    }
    assert!(
        !is_match("[]", "anything"),
        "an empty class matches nothing"
    );
    assert!(is_match("", ""), "an empty pattern matches everything");
}

#[test]
fn errors_point_into_the_pattern() {
    for (pattern, at, message) in [
        (r"^(?=a)b", "(?=", "lookaround is not supported"),
        (r"a(?<!b)", "(?<!", "lookaround is not supported"),
        (r"(a)\1", r"\1", "back-references are not supported"),
        ("a(b", "(", "`(` is never closed"),
        ("ab)", ")", "`)` closes nothing"),
        ("x[a-", "[", "`[` is never closed"),
        ("[z-a]", "z-a", "the range runs backwards"),
        (
            r"[\d-z]",
            r"\d-z",
            "a range needs one character at each end",
        ),
        ("a++", "++", "a quantifier cannot be repeated"),
        ("*a", "*", "there is nothing to repeat here"),
        ("a{2", "{", "`{` opens no quantifier here"),
        ("a{x}", "{x}", "expected `{n}`, `{n,}` or `{n,m}`"),
        ("a{3,2}", "{3,2}", "the smaller count comes first"),
        (
            "a{99999999999}",
            "{99999999999}",
            "more than 65535 repetitions",
        ),
        (r"\Aa", r"\A", "not an anchor of this dialect"),
        (r"a\", r"\", "the pattern ends in a backslash"),
        (r"\q", r"\q", "this escape is not part of the dialect"),
        (r"\p{Nope}", r"\p{Nope}", "no such Unicode property"),
        (
            r"\xz",
            r"\x",
            "expected 2 hexadecimal digits that name a character",
        ),
        ("(?m)a", "(?", "this kind of group is not supported"),
        (
            "((((a{1000}){1000}){1000}){1000})",
            "((((a{1000}){1000}){1000}){1000})",
            "the pattern is too large",
        ),
    ] {
        assert_eq!(fault(pattern), (at, message.to_owned()), "{pattern}");
    }
    assert_eq!(
        fault(&"(".repeat(100_000)).1,
        "groups are nested too deeply"
    );
}

#[test]
fn common_patterns_have_shapes() {
    let shape = |pattern: &str| Pattern::compile(pattern).expect(pattern).shape().clone();
    let position = |ranges: &[(u8, u8)]| Position {
        ranges: ranges.to_vec(),
    };
    let digit = position(&[(b'0', b'9')]);
    let mut transaction = vec![position(&[(b'T', b'T')]), position(&[(b'X', b'X')])];
    transaction.extend(vec![digit.clone(); 10]);
    assert_eq!(shape(r"^TX\d{10}$"), Shape::Template(transaction));
    assert_eq!(
        shape("^[A-Z]{2}$"),
        Shape::Template(vec![position(&[(b'A', b'Z')]); 2])
    );
    assert!(
        matches!(shape(r"^\d{4}-\d{2}-\d{2}$"), Shape::Template(positions) if positions.len() == 10)
    );
    let uuid = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$";
    assert!(matches!(shape(uuid), Shape::Template(positions) if positions.len() == 36));
    assert_eq!(
        shape("^(US|DE|FR)$"),
        Shape::Set(
            ["DE", "FR", "US"]
                .map(|word| word.as_bytes().into())
                .to_vec()
        )
    );
    assert!(matches!(shape("^(yes|no)?$"), Shape::Set(words) if words.len() == 3));
    assert_eq!(
        shape("^ACC[0-9]{5,17}$"),
        Shape::Repeat {
            prefix: (*b"ACC").into(),
            class: digit,
            min: 5,
            max: Some(17)
        }
    );
    let letters = position(&[(b' ', b' '), (b'A', b'Z'), (b'a', b'z')]);
    assert_eq!(
        shape("^[A-Za-z ]+$"),
        Shape::Repeat {
            prefix: Box::default(),
            class: letters,
            min: 1,
            max: None
        }
    );
    for pattern in ["abc", "^abc", "^a|b$", "^.{3}$", r"^\d+-\d+$", "^é[^a]$"] {
        assert_eq!(shape(pattern), Shape::Dfa, "{pattern}");
    }
}

#[test]
fn short_templates_have_a_kernel() {
    let has_kernel = |pattern: &str| {
        Pattern::compile(pattern)
            .expect(pattern)
            .shape()
            .kernel_template()
            .is_some()
    };
    for pattern in [r"^TX\d{10}$", "^[0-9a-fA-F]{8}$", "^[A-Za-z]-[A-Z_a-z]$"] {
        assert!(has_kernel(pattern), "{pattern}");
    }
    for pattern in ["^$", "^[aceg]$", "^[0-9]{33}$", "^[0-9]+$", "^[0-9A-Fa-e]$"] {
        assert!(!has_kernel(pattern), "{pattern}");
    }
}

#[test]
fn large_unicode_patterns_run_on_the_lazy_automaton() {
    let pattern = Pattern::compile(r"^\p{Letter}{1,40}$").expect("within the limits");
    assert!(pattern.is_match("Ελληνικά"));
    assert!(!pattern.is_match("Ελληνικά 1"));
}

/// Patterns whose meaning is the same in the `regex` crate.
fn plain_pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[a-c]".prop_map(String::from),
        Just("[ab]".to_owned()),
        Just("[0-9]".to_owned()),
        Just("[^a]".to_owned()),
        Just("(?:ab|c)".to_owned()),
        Just("(?:a|bc|)".to_owned()),
        Just("é".to_owned()),
    ];
    let quantifier = prop_oneof![
        Just(""),
        Just("*"),
        Just("+"),
        Just("?"),
        Just("{2}"),
        Just("{1,3}"),
        Just("{2,}")
    ];
    let term = (atom, quantifier).prop_map(|(atom, quantifier)| format!("{atom}{quantifier}"));
    let sequence = proptest::collection::vec(term, 0..4).prop_map(|terms| terms.concat());
    (any::<bool>(), sequence, any::<bool>()).prop_map(|(start, body, end)| {
        format!(
            "{}{body}{}",
            if start { "^" } else { "" },
            if end { "$" } else { "" }
        )
    })
}

proptest! {
    #[test]
    fn matches_are_those_of_the_regex_crate(pattern in plain_pattern(), texts in proptest::collection::vec("[abcé0\n]{0,6}", 20)) {
        let ours = Pattern::compile(&pattern).expect("plain patterns compile");
        let theirs = regex_automata::meta::Regex::new(&pattern).expect("plain patterns compile");
        for text in texts {
            prop_assert_eq!(ours.is_match(&text), theirs.is_match(&text), "{} on {:?}", pattern, text);
            if let Some(shaped) = ours.shape().is_match(text.as_bytes()) {
                prop_assert_eq!(shaped, theirs.is_match(&text), "shape of {} on {:?}", pattern, text);
            }
        }
    }

    #[test]
    fn no_text_makes_the_compiler_panic(pattern in r"[\[\](){}|?*+^$.\\a-dpPuxbB0-9,:<>=!&~é-]{0,24}", text in "[abé]{0,5}") {
        if let Ok(pattern) = Pattern::compile(&pattern) {
            let shaped = pattern.shape().is_match(text.as_bytes());
            prop_assert!(shaped.is_none_or(|shaped| shaped == pattern.is_match(&text)));
        }
    }
}
