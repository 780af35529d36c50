//! Work for all threads that may fail as things in a store do: [`pipeline::run_items`] with the store's errors.

use tamis_engine::pipeline::{self, Flow, Options};

use crate::Result;

/// Runs `map` over all `items` on all threads, and `merge` over what comes of them, in order; up to the first failure, which is
/// what comes back. `name` stands for the items in errors of the engine.
///
/// # Errors
/// The first of `map` or `merge` in the order of the items; [`Error::Engine`](crate::Error::Engine) once cancelled.
pub(crate) fn run_items<T, W, P: Send>(
    name: &str,
    items: impl Iterator<Item = tamis_engine::Result<T>> + Send,
    options: &Options,
    new_worker: impl Fn() -> W + Sync,
    map: impl Fn(&mut W, T) -> Result<P> + Sync,
    mut merge: impl FnMut(P) -> Result<()>,
) -> Result<()> {
    let mut failure = None;
    let run = pipeline::run_items(
        name,
        items,
        options,
        new_worker,
        |worker, item| Ok(map(worker, item)),
        |part| match part.and_then(&mut merge) {
            Ok(()) => Ok(Flow::Continue),
            Err(error) => {
                failure = Some(error);
                Ok(Flow::Stop)
            }
        },
    );
    match failure {
        Some(error) => Err(error),
        None => Ok(run.map(drop)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// Runs over the numbers up to 100; what was merged, and the first failure.
    fn run(fails_in_map: u32, fails_in_merge: u32) -> (Vec<u32>, Option<String>) {
        let fail = |number: u32, at: u32, place: &str| match number == at {
            true => Err(Error::Usage {
                reason: format!("{place} {number}"),
            }),
            false => Ok(number),
        };
        let mut merged = Vec::new();
        let options = Options {
            threads: 3,
            ..Options::default()
        };
        let run = run_items(
            "numbers",
            (0..100).map(Ok),
            &options,
            || (),
            |(), number| fail(number, fails_in_map, "map"),
            |number| {
                merged.push(fail(number, fails_in_merge, "merge")?);
                Ok(())
            },
        );
        (merged, run.err().map(|error| error.to_string()))
    }

    #[test]
    fn the_first_failure_ends_it() {
        assert_eq!(run(7, 50), ((0..7).collect(), Some("map 7".to_owned())));
        assert_eq!(run(50, 7), ((0..7).collect(), Some("merge 7".to_owned())));
        assert_eq!(run(100, 100), ((0..100).collect(), None));
    }
}
