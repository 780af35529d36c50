//! Expressions with something taken out of them.

use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, LookSet,
    Repetition,
};

/// Whether some part of `hir` can match nothing but `byte`.
pub(super) fn must_match(hir: &Hir, byte: u8) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&byte),
        HirKind::Class(class) => class.literal().is_some_and(|literal| literal == [byte]),
        HirKind::Repetition(repetition) => must_match(&repetition.sub, byte),
        HirKind::Capture(capture) => must_match(&capture.sub, byte),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(|part| must_match(part, byte))
        }
    }
}

/// `hir` with `byte` taken out of its classes; `None` if it asks for nothing else somewhere.
pub(super) fn without(hir: Hir, byte: u8) -> Option<Hir> {
    let all = |parts: Vec<Hir>| -> Option<Vec<Hir>> {
        parts.into_iter().map(|part| without(part, byte)).collect()
    };
    Some(match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Literal(literal) => {
            if literal.0.contains(&byte) {
                return None;
            }
            Hir::literal(literal.0)
        }
        HirKind::Class(class) => Hir::class(class_without(class, byte)?),
        HirKind::Repetition(mut repetition) => {
            *repetition.sub = without(*repetition.sub, byte)?;
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            *capture.sub = without(*capture.sub, byte)?;
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(all(parts)?),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)?),
    })
}

/// `hir` with nothing in place of word boundaries: it matches wherever `hir` does, and elsewhere too.
pub(super) fn without_word_boundaries(hir: &Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(without_word_boundaries).collect();
    match hir.kind() {
        HirKind::Look(look) if LookSet::singleton(*look).contains_word() => Hir::empty(),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(without_word_boundaries(&repetition.sub)),
            ..repetition.clone()
        }),
        HirKind::Capture(capture) => without_word_boundaries(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(branches) => Hir::alternation(all(branches)),
        _ => hir.clone(),
    }
}

/// `None` if nothing is left; a class that was empty before stays so and never matches.
fn class_without(class: Class, byte: u8) -> Option<Class> {
    match class {
        Class::Unicode(mut class) if !class.ranges().is_empty() => {
            let byte = char::from(byte);
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new(byte, byte)]));
            (!class.ranges().is_empty()).then_some(Class::Unicode(class))
        }
        Class::Bytes(mut class) if !class.ranges().is_empty() => {
            class.difference(&ClassBytes::new([ClassBytesRange::new(byte, byte)]));
            (!class.ranges().is_empty()).then_some(Class::Bytes(class))
        }
        empty => Some(empty),
    }
}
