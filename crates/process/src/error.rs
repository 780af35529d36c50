//! Why a verb of this crate could not go on.

/// Why a data set could not be made or described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not read or write, or was cancelled.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
    /// More rows were asked for than there are distinct transaction ids.
    #[error("cannot generate {rows} rows: ten digits give at most {limit} distinct ids")]
    TooManyRows {
        /// The rows asked for.
        rows: u64,
        /// The most that can be made.
        limit: u64,
    },
    /// The share of bad rows is not a probability.
    #[error("bad rate {rate}: expected a number between 0 and 1")]
    BadRate {
        /// The rate asked for.
        rate: f64,
    },
    /// An input's format cannot be settled.
    #[error("`{input}`: {source}")]
    Format {
        /// Name of the input.
        input: String,
        /// What is wrong.
        source: tamis_formats::Error,
    },
    /// JSON lines whose keys are data, such as a map by user id.
    #[error(
        "`{input}` has more than {limit} different keys: they are data, which no contract can list"
    )]
    TooManyKeys {
        /// Name of the input.
        input: String,
        /// The most keys a contract is inferred for.
        limit: usize,
    },
}
