//! What the reader finds, where, and that what is written reads back.

mod findings;
mod published;
mod round_trip;

use crate::diagnostic::ContractError;

use super::{Reading, read};

/// A contract with this text as its only property's keys, indented by eight spaces.
fn with_property(keys: &str) -> String {
    let keys: String = keys
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    format!(
        "{}schema:\n  - name: t\n    properties:\n      - name: p\n{keys}",
        HEAD
    )
}

/// The keys every contract has.
const HEAD: &str =
    "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n";

/// The contract in `text`, which must give no finding.
fn clean(text: &str) -> Reading {
    let reading = read("test", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(reading.diagnostics, [], "{text}");
    reading
}

/// Each finding as `code: bytes it points at: message`.
fn findings(text: &str) -> Vec<String> {
    let (text, diagnostics) = match read("test", text.as_bytes()) {
        Ok(Reading {
            source_text,
            diagnostics,
            ..
        })
        | Err(ContractError {
            source_text,
            diagnostics,
        }) => (source_text.text, diagnostics),
    };
    let show = |diagnostic: &crate::diagnostic::Diagnostic| {
        let crate::diagnostic::Diagnostic {
            code,
            span,
            message,
            level,
            ..
        } = diagnostic;
        format!(
            "{} {code} @{}: {message}",
            level.name(),
            &text[span.clone()]
        )
    };
    diagnostics.iter().map(show).collect()
}
