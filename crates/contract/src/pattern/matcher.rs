//! The automaton behind a pattern.
//!
//! Almost every pattern of a contract becomes a dense table small enough for the cache: one load
//! per byte, nothing to lock, nothing to allocate. The few that would grow (large Unicode classes
//! repeated many times) run on the lazy automata of `regex-automata`, which build the table as
//! they go, within a fixed budget.

use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::Hir;

/// A dense table may be this large; half of a typical second-level cache.
const DENSE_BYTES_MAX: usize = 512 << 10;
/// Beyond this a pattern is refused: it would take long to compile and longer to run.
const NFA_BYTES_MAX: usize = 4 << 20;

/// Says whether a text matches.
#[derive(Clone)]
pub(super) enum Matcher {
    /// A table of all states, and the state to start in.
    Dense(std::sync::Arc<dense::DFA<Vec<u32>>>, StateID),
    /// States are made as texts need them.
    Lazy(meta::Regex),
}

impl Matcher {
    /// Builds the automaton; `None` if it grows too large.
    pub(super) fn new(hir: &Hir) -> Option<Self> {
        // Only whether there is a match counts, so neither captures nor where an empty match may lie.
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(NFA_BYTES_MAX));
        let nfa = thompson::Compiler::new()
            .configure(config)
            .build_from_hir(hir)
            .ok()?;
        let config = dense::Config::new()
            .start_kind(regex_automata::dfa::StartKind::Unanchored)
            .dfa_size_limit(Some(DENSE_BYTES_MAX))
            .determinize_size_limit(Some(4 * DENSE_BYTES_MAX));
        if let Ok(dfa) = dense::Builder::new().configure(config).build_from_nfa(&nfa) {
            let start = dfa
                .start_state(&start::Config::new().anchored(Anchored::No))
                .ok()?;
            return Some(Self::Dense(std::sync::Arc::new(dfa), start));
        }
        let config = meta::Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(NFA_BYTES_MAX));
        meta::Builder::new()
            .configure(config)
            .build_from_hir(hir)
            .ok()
            .map(Self::Lazy)
    }

    /// Whether the pattern matches anywhere in `text`.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Dense(dfa, start) => is_match(dfa, *start, text),
            Self::Lazy(regex) => regex
                .search_half(&Input::new(text).earliest(true))
                .is_some(),
        }
    }
}

/// Runs the table over the text. Matches are reported one byte late, hence the last step.
fn is_match(dfa: &dense::DFA<Vec<u32>>, start: StateID, text: &[u8]) -> bool {
    let mut state = start;
    for &byte in text {
        if dfa.is_special_state(state) {
            if dfa.is_match_state(state) {
                return true;
            }
            if dfa.is_dead_state(state) {
                return false;
            }
        }
        state = dfa.next_state(state, byte);
    }
    dfa.is_match_state(state) || dfa.is_match_state(dfa.next_eoi_state(state))
}
