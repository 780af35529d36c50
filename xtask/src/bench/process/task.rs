//! What is done with each table.

/// One line of the tables.
#[derive(Debug)]
pub(super) struct Task {
    /// As the scripts know it.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) input: Input,
    /// Whether Tamis runs with one thread as well.
    pub(super) scales: bool,
}

/// What a task reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Csv,
    Parquet,
}

/// In the order of a round.
pub(super) const TASKS: [Task; 11] = [
    Task {
        name: "group",
        title: "group by a key: count, sum, mean",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "group_all",
        title: "the same, and least, greatest, distinct of another column",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "filter_few",
        title: "filter to CSV, a tenth passes",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "filter_most",
        title: "filter to CSV, nearly all passes",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "stats_core",
        title: "statistics: type, nulls, range, sum, mean, distinct",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "stats_all",
        title: "statistics: deviation, quantiles and texts as well",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "sort",
        title: "sort to CSV",
        input: Input::Csv,
        scales: false,
    },
    Task {
        name: "sort_memory",
        title: "the same, with a fifth of the file as memory",
        input: Input::Csv,
        scales: false,
    },
    Task {
        name: "to_parquet",
        title: "CSV to Parquet (zstd)",
        input: Input::Csv,
        scales: false,
    },
    Task {
        name: "check",
        title: "check against a contract",
        input: Input::Csv,
        scales: true,
    },
    Task {
        name: "check_parquet",
        title: "check Parquet (zstd); the others decode it and do no more",
        input: Input::Parquet,
        scales: true,
    },
];
