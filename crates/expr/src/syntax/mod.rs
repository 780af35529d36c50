//! Text to [`Tree`]: the CEL grammar, by the parser of the `cel` crate.
//!
//! 1. [`scan`] refuses what is too long or too deep, and names the usual mistakes.
//! 2. `cel` parses. It has no macros here: `has(x)` is a function of ours, and there are no lists to run `all` over.
//! 3. [`convert`] makes our tree of what it gave, with places that span whole operands, and refuses what no column can be:
//!    maps, messages, bytes.
//!
//! All three, and the check behind them, recurse; [`on_deep_stack`] gives them a stack that is deep enough for the deepest
//! text that [`scan`] lets through, whatever thread asked.

mod convert;
mod parse;
mod scan;
mod tree;

pub(crate) use parse::parse;
pub(crate) use tree::{Arithmetic, Call, Comparison, Node, Tree};

use crate::ExprError;

/// Address space, of which only what is touched is ever memory. Enough for [`scan::DEPTH_MAX`] levels of 32 KiB.
const STACK_BYTES: usize = 32 << 20;

/// Runs `work` on a thread of its own with a stack that is deep enough for it.
///
/// # Errors
/// Those of `work`, and one when the system gives no thread, or the parser has a bug.
pub(crate) fn on_deep_stack<T: Send>(
    work: impl FnOnce() -> Result<T, ExprError> + Send,
) -> Result<T, ExprError> {
    let failed = |what: String| Err(ExprError::new(0..0, what));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("expression".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work);
        match thread.map(|thread| thread.join()) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => failed("the parser cannot read this expression".to_owned()),
            Err(error) => failed(format!("cannot start a thread to read it: {error}")),
        }
    })
}
