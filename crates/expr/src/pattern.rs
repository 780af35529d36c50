//! Patterns for `matches`.

use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;

/// Memory that a compiled pattern may take, in bytes. RE2 gives itself 8 MiB.
const SIZE_BYTES_MAX: usize = 8 << 20;

/// As many patterns may be in an expression.
pub(crate) const COUNT_MAX: usize = 64;

/// How deep a pattern nests at most.
const NEST_MAX: u32 = 100;

/// Compiles a pattern in the syntax of the `regex` crate, which is near RE2's.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn compile(source: &str) -> Result<Regex, String> {
    let config = Config::new().nfa_size_limit(Some(SIZE_BYTES_MAX));
    let syntax = syntax::Config::new().nest_limit(NEST_MAX);
    let built = Regex::builder()
        .configure(config)
        .syntax(syntax)
        .build(source);
    built.map_err(|error| match error.size_limit() {
        Some(_) => format!("this pattern needs more than {} MiB", SIZE_BYTES_MAX >> 20),
        None => {
            // The parser draws the pattern; the last line says what is wrong.
            let said = error
                .syntax_error()
                .map_or_else(|| error.to_string(), ToString::to_string);
            let line = said.lines().last().unwrap_or_default();
            format!("no pattern: {}", line.trim_start_matches("error: "))
        }
    })
}
