//! Goal: no bytes make the contract reader panic or hang; what it takes is written so that it reads back the
//! same, and compiles; what it refuses it can show.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis_contract::check::{Check, Unchecked};
use tamis_contract::diagnostic::{ContractText, Diagnostic};
use tamis_contract::model::{Contract, UncheckedRule};
use tamis_contract::odcs::{read, to_yaml};

fuzz_target!(|bytes: &[u8]| {
    match read("fuzz.yaml", bytes) {
        Ok(reading) => {
            look_at(&reading.source_text, &reading.diagnostics);
            let text = to_yaml(&reading.contract);
            let again = read("again.yaml", text.as_bytes());
            let again = again
                .unwrap_or_else(|error| panic!("{error:?}\n{text}"))
                .contract;
            assert_eq!(
                without_places(&again),
                without_places(&reading.contract),
                "{text}"
            );
            assert_eq!(to_yaml(&again), text);
            for object in &reading.contract.objects {
                // May be refused, must not panic.
                let _ = Check::compile(&reading.contract, object, Unchecked::Allow);
            }
        }
        Err(error) => {
            assert!(!error.diagnostics.is_empty());
            look_at(&error.source_text, &error.diagnostics);
        }
    }
});

/// Every finding must point into the text.
fn look_at(text: &ContractText, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let span = &diagnostic.span;
        assert!(text.text.get(span.clone()).is_some(), "{diagnostic:?}");
        assert!(text.line_column(span.start) <= text.line_column(span.end));
    }
}

/// The contract without what depends on how its text is laid out.
fn without_places(contract: &Contract) -> Contract {
    let bare = |rule: &UncheckedRule| UncheckedRule {
        span: 0..0,
        ..rule.clone()
    };
    Contract {
        unchecked: contract.unchecked.iter().map(bare).collect(),
        api_version: String::new(),
        ..contract.clone()
    }
}
