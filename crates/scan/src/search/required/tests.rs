//! No match is lost: a line that matches has one of the windows in it.

use proptest::prelude::*;
use tamis_engine::kernel::Kernel;

use super::*;
use crate::search::matcher::tests::{lines, options, patterns, text};
use crate::search::window::Targets;
use crate::search::{LineMatcher, MatcherOptions};

fn plan(pattern: &str) -> Option<Plan> {
    let hir = MatcherOptions::default().expression(&[pattern.to_owned()]);
    required(&hir.expect("a pattern"))
}

/// The targets of a plan as classes of an expression.
fn targets(pattern: &str) -> String {
    let class = |class: &ByteSet| {
        let bytes: Vec<_> = class.iter().collect();
        match bytes[..] {
            [byte] => byte.escape_ascii().to_string(),
            [first, .., last] if usize::from(last - first) + 1 == bytes.len() => {
                format!("[{}-{}]", first.escape_ascii(), last.escape_ascii())
            }
            _ => format!("[{}]", bytes.escape_ascii()),
        }
    };
    match plan(pattern).map(|plan| plan.targets) {
        None => "nothing".to_owned(),
        Some(Targets::Literals(texts)) => {
            let literals = texts
                .iter()
                .map(|text| text.bytes.escape_ascii().to_string());
            literals.collect::<Vec<_>>().join(" | ")
        }
        Some(Targets::Runs(runs)) => {
            let runs = runs
                .iter()
                .map(|run| run.iter().map(class).collect::<String>());
            format!("run {}", runs.collect::<Vec<_>>().join(" | "))
        }
    }
}

#[test]
fn windows_of_common_expressions() {
    for (pattern, expected) in [
        ("foo.*bar", "bar"),
        ("\\bPM_RESUME\\b", "PM_RESUME"),
        ("colou?r_map", "r_map"),
        ("é+", "\\xc3\\xa9"),
        ("[0-9]{4}-[0-9]{2}", "run [0-9][0-9][0-9]-[0-9]"),
        ("(?i)deadlock", "run [Dd][Ll][Oo][Cc]"),
        ("(?i)risk", "run [Rr][Ii][Ss\\xc5][Kk\\xbf\\xe2]"),
        ("(foo|bar)[0-9]+x?", "run [bf][ao][or][0-9]"),
        ("[éè]x", "run [\\xa8-\\xa9]x"),
        ("(?-u:\\xFF)[ab]", "run \\xff[a-b]"),
        ("", "nothing"),
        (".", "nothing"),
        ("x*", "nothing"),
        ("a|b*", "nothing"),
        ("[a&&b]", "nothing"),
    ] {
        assert_eq!(targets(pattern), expected, "{pattern}");
    }
    let class = targets("[A-Z][a-z]+_[0-9]{3,}");
    assert!(class.ends_with("[a-z]_[0-9][0-9][0-9]"), "{class}");
    // Digits of other scripts are several bytes.
    let class = targets("[A-Z][a-z]+_\\d{3,}");
    assert!(class.contains("_[0123456789\\xd9"), "{class}");
}

#[test]
fn texts_are_all_that_matches() {
    let texts = |pattern: &str| {
        let hir = regex_syntax::parse(pattern).expect("a pattern");
        let texts = super::texts(&hir)?;
        let texts = texts
            .iter()
            .map(|text| String::from_utf8_lossy(&text.bytes).into_owned());
        Some(texts.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(texts("ab|cd").as_deref(), Some("ab cd"));
    assert_eq!(texts("(ab|cd)e").as_deref(), Some("abe cde"));
    assert_eq!(texts("colou?r").as_deref(), Some("color colour"));
    assert_eq!(texts("(?i)ak").as_deref(), Some("a\u{212A} ak"));
    for pattern in [
        "[ab]",
        "ab|c+",
        "^ab",
        "ab\\b",
        "a.c",
        "(?i)skskskskskskskskskskskskskskskskks",
    ] {
        assert_eq!(texts(pattern), None, "{pattern}");
    }
}

/// Whether `line` contains one of `sequences`.
fn contains(line: &[u8], sequences: &[Sequence]) -> bool {
    sequences.iter().any(|sequence| {
        let is_at = |start| {
            let bytes = line[start..].iter();
            bytes
                .zip(sequence)
                .all(|(&byte, class)| class.contains(byte))
        };
        (0..(line.len() + 1).saturating_sub(sequence.len())).any(is_at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_match_is_lost(patterns in patterns(), options in options(), bytes in text()) {
        let Ok(hir) = options.expression(&patterns) else {
            return Ok(());
        };
        let matcher = LineMatcher::new(&patterns, &options).expect("a pattern");
        let sets = Facts::of(&hir).sets();
        let windows: Vec<_> = Kernel::available()
            .into_iter()
            .filter_map(|kernel| required(&hir)?.window(kernel))
            .collect();
        for line in lines(&bytes, matcher.line_end().byte()) {
            let line = &bytes[matcher.text(&bytes, &line)];
            if matcher.is_match(&mut matcher.cache(), line) {
                for set in &sets {
                    prop_assert!(contains(line, set), "{:?}", set);
                }
                for window in &windows {
                    prop_assert!(window.find(line, 0).is_some(), "{:?}", window);
                }
            }
        }
    }
}
