//! Goal: no text in the place of `tamis.toml` makes its reader panic, and whatever is refused is told of.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(findings) = tamis::config::check_text(text) {
        assert!(!findings.is_empty());
    }
});
