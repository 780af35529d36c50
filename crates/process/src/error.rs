//! Why a verb of this crate could not go on.

use tamis_contract::report::shown_value;
use tamis_formats::vector::Type;

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
    /// A contract that describes all columns would be longer than what is read of one.
    #[error(
        "`{input}` has {columns} columns: a contract that describes them would be larger than {} MiB, and none that large is read",
        .limit_bytes >> 20
    )]
    TooManyColumns {
        /// Name of the first input.
        input: String,
        /// Columns of all inputs.
        columns: usize,
        /// The most bytes that are read of a contract.
        limit_bytes: usize,
    },
    /// Texts that an expression puts together grow beyond all bounds.
    #[error(
        "`{input}`: the texts that are computed of one piece of it take more than {} MiB: compute shorter ones, or let `--chunk-size` make smaller pieces",
        .limit_bytes >> 20
    )]
    TextsTooLarge {
        /// Name of the input.
        input: String,
        /// What they may take.
        limit_bytes: usize,
    },
    /// No column has this name.
    #[error("there is no column `{name}`{}", of_these(.known))]
    UnknownColumn {
        /// The name.
        name: String,
        /// The columns there are.
        known: Vec<String>,
    },
    /// The columns of JSON lines are known when all have been read, and these cannot be read twice.
    #[error(
        "`{input}`: its columns are known only at its end, and it can be read once only; name the columns you want, or save it to a file"
    )]
    LateKeys {
        /// Name of the input.
        input: String,
    },
    /// An expression, or a list of columns, that cannot be.
    #[error("`{text}`: {source}")]
    Expression {
        /// The expression.
        text: String,
        /// What is wrong with it, and where.
        source: tamis_expr::ExprError,
    },
    /// Columns that are told apart by their names alone have the same.
    #[error(
        "two columns are called `{name}`, and JSON, Parquet and Arrow tell columns by their names: choose them, one under another name, with `--columns`"
    )]
    SameName {
        /// The name.
        name: String,
    },
    /// A column cannot be written as it was asked for.
    #[error(transparent)]
    Unwritable {
        /// Why not.
        source: tamis_formats::Error,
    },
    /// A figure of a result that its column cannot hold.
    #[error(
        "`{value}` in column `{name}` is no {ty} as columns hold it: CSV and JSON hold any number"
    )]
    Beyond {
        /// Name of the column.
        name: String,
        /// The figure.
        value: String,
        /// The column's type.
        ty: Type,
    },
    /// The share of rows is not a probability.
    #[error("a share of {rate}: expected a number between 0 and 1")]
    Rate {
        /// The rate asked for.
        rate: f64,
    },
    /// A later input lacks a column of the first.
    #[error("`{input}` has no column `{name}`, which `{first}` has")]
    OtherColumns {
        /// Name of the input.
        input: String,
        /// The column.
        name: String,
        /// Name of the first input.
        first: String,
    },
    /// A later input cannot be passed on below the header of the first.
    #[error(
        "`{input}` is written otherwise than `{first}`, or has other columns, or in another order: choose the columns to have them put in order"
    )]
    NotUniform {
        /// Name of the input.
        input: String,
        /// Name of the first input.
        first: String,
    },
    /// A later input is written differently from the first.
    #[error("`{input}` is not of the same format as `{first}`")]
    OtherFormat {
        /// Name of the input.
        input: String,
        /// Name of the first input.
        first: String,
    },
    /// A later input is written in another dialect than the first, and a contract has one.
    #[error(
        "`{input}` has another dialect ({dialect}) than `{first}` ({first_dialect}): a contract holds one, so infer them apart"
    )]
    OtherDialect {
        /// Name of the input.
        input: String,
        /// How it is written.
        dialect: String,
        /// Name of the first input.
        first: String,
        /// How that is written.
        first_dialect: String,
    },
    /// A value is not of its column's type.
    #[error("`{input}`, row {row}: `{value}` in column `{column}` is no {ty}{}", match .is_declared {
        true => ", which the column is declared to be",
        false => ", as the values before it; declare the column's type, for example with `--types '<column>:text'`",
    })]
    Misfit {
        /// Name of the input.
        input: String,
        /// Its row, from 1.
        row: u64,
        /// Name of the column.
        column: String,
        /// The value.
        value: String,
        /// The type it should have.
        ty: Type,
        /// Somebody said so.
        is_declared: bool,
    },
    /// A record cannot be split into fields.
    #[error("`{input}`, row {row}: the record at byte {byte_offset}{}{fault}", before(.fault))]
    Malformed {
        /// Name of the input.
        input: String,
        /// Its row, from 1.
        row: u64,
        /// Where the record starts.
        byte_offset: u64,
        /// What is wrong with it.
        fault: String,
    },
}

/// What stands between a record and its fault: some are said of the record, others name a place of their own.
fn before(fault: &str) -> &'static str {
    match fault.starts_with("has ") || fault.starts_with("is ") {
        true => " ",
        false => ": ",
    }
}

/// The columns there are, as far as somebody reads them.
pub(crate) fn of_these(known: &[String]) -> String {
    const SHOWN: usize = 20;
    let names: Vec<String> = known
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", shown_value(name.as_bytes())))
        .collect();
    match known.len() {
        0 => " (there are none)".to_owned(),
        all if all > SHOWN => format!(": there are {} and {} more", names.join(", "), all - SHOWN),
        _ => format!(": there are {}", names.join(", ")),
    }
}
