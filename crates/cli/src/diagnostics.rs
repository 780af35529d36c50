//! Findings about a contract or a configuration, drawn with the lines they are about.
//!
//! ```text
//! error[unknown-key]: unknown key `minimun`
//!  --> orders.odcs.yaml:9:31
//!   |
//! 9 |         logicalTypeOptions: { minimun: 1 }
//!   |                               ^^^^^^^
//!   |
//!   = help: did you mean `minimum`?
//! ```

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};
use tamis_contract::diagnostic::{ContractText, Diagnostic, Level};
use tamis_contract::model::{UncheckedKind, UncheckedRule};
use tamis_contract::odcs::Reading;
use tamis_expr::ExprError;

/// The findings one after the other, in colour, an empty line between them.
pub(crate) fn render(text: &ContractText, diagnostics: &[Diagnostic]) -> String {
    let renderer = Renderer::styled();
    let drawn = diagnostics
        .iter()
        .map(|diagnostic| renderer.render(&[group(text, diagnostic)]));
    let mut rendered = drawn.collect::<Vec<_>>().join("\n\n");
    rendered.push('\n');
    rendered
}

/// What is wrong with an expression of the command line, drawn below it.
pub(crate) fn of_expression(text: &str, error: &ExprError) -> String {
    let title = Title::ERROR.primary_title(error.message.as_str());
    let snippet =
        Snippet::source(text).annotation(AnnotationKind::Primary.span(error.span.clone()));
    let mut group = Group::with_title(title).element(snippet);
    if let Some(help) = &error.help {
        group = group.element(Title::HELP.message(help.as_str()));
    }
    let mut drawn = Renderer::styled().render(&[group]);
    drawn.push('\n');
    drawn
}

/// All there is to say about a contract that can be used: what the reader found, and the rules
/// that will not be checked.
pub(crate) fn of_reading(reading: &Reading) -> Vec<Diagnostic> {
    let unchecked = reading.contract.unchecked.iter().map(unchecked_rule);
    let mut all: Vec<_> = reading
        .diagnostics
        .iter()
        .cloned()
        .chain(unchecked)
        .collect();
    all.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    all
}

fn unchecked_rule(rule: &UncheckedRule) -> Diagnostic {
    let (level, help) = match rule.kind {
        UncheckedKind::Text => (Level::Note, None),
        UncheckedKind::Rule => (
            Level::Warning,
            Some("a check refuses to run without `--allow-unchecked`".to_owned()),
        ),
    };
    Diagnostic {
        level,
        code: "not-checked",
        message: format!("`{}` is not checked: {}", rule.rule, rule.reason),
        span: rule.span.clone(),
        help,
    }
}

fn group<'a>(text: &'a ContractText, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.level {
        Level::Note => Title::NOTE,
        Level::Warning => Title::WARNING,
        Level::Error => Title::ERROR,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code);
    let group = match excerpt(&text.text, &diagnostic.span) {
        Some((line, span)) => title.element(
            // One line, not the whole text: drawing must not cost the length of the contract.
            Snippet::source(line)
                .path(text.name.as_str())
                .line_start(text.line_column(diagnostic.span.start).0)
                .annotation(AnnotationKind::Primary.span(span)),
        ),
        None => title.element(Origin::path(text.name.as_str())),
    };
    match &diagnostic.help {
        Some(help) => group.element(Title::HELP.message(help.as_str())),
        None => group,
    }
}

/// The line on which the span begins, and the part of the span that lies on it.
///
/// What goes on below (a query of twenty lines) would be drawn as a wall of bars. `None` for an
/// empty text.
fn excerpt<'a>(text: &'a str, span: &Range<usize>) -> Option<(&'a str, Range<usize>)> {
    if text.is_empty() {
        return None;
    }
    let at = text.floor_char_boundary(span.start.min(text.len()));
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or("");
    let from = at - start;
    let to = span.end.saturating_sub(start).min(line.trim_end().len());
    let to = line.ceil_char_boundary(to.max(from).min(line.len()));
    Some((line, from.min(line.len())..to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line() {
        let text = "a: é1\nsql: |\n  SELECT\n";
        assert_eq!(excerpt(text, &(3..6)), Some(("a: é1", 3..6)));
        assert_eq!(excerpt(text, &(12..23)), Some(("sql: |", 5..6)));
        assert_eq!(
            excerpt(text, &(4..5)),
            Some(("a: é1", 3..5)),
            "inside a character"
        );
        assert_eq!(
            excerpt(text, &(5..40)),
            Some(("a: é1", 5..6)),
            "beyond the end of the line"
        );
        assert_eq!(
            excerpt(text, &(99..99)),
            Some(("", 0..0)),
            "beyond the text"
        );
        assert_eq!(excerpt("", &(0..0)), None);
    }
}
