//! What is to be found out: everything, or less and faster.

/// One of the things that can be found out of a column, beside its type and its nulls, which always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The type and the nulls, and nothing else.
    Type,
    /// The number of distinct values.
    Distinct,
    /// Smallest and largest value, shortest and longest.
    Range,
    /// Sum and mean.
    Sum,
    /// Standard deviation.
    Deviation,
    /// Quantiles.
    Quantiles,
    /// The most frequent values.
    Top,
    /// What texts look like.
    Shapes,
    /// A histogram.
    Histogram,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 9] = [
        Measure::Type,
        Measure::Distinct,
        Measure::Range,
        Measure::Sum,
        Measure::Deviation,
        Measure::Quantiles,
        Measure::Top,
        Measure::Shapes,
        Measure::Histogram,
    ];

    /// Those of `--core`: what costs least.
    pub const CORE: [Measure; 4] = [
        Measure::Type,
        Measure::Distinct,
        Measure::Range,
        Measure::Sum,
    ];

    /// As it is written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Type => "type",
            Measure::Distinct => "distinct",
            Measure::Range => "range",
            Measure::Sum => "sum",
            Measure::Deviation => "deviation",
            Measure::Quantiles => "quantiles",
            Measure::Top => "top",
            Measure::Shapes => "shapes",
            Measure::Histogram => "histogram",
        }
    }

    /// The measure of that name.
    pub fn by_name(name: &str) -> Option<Measure> {
        Measure::ALL
            .into_iter()
            .find(|measure| measure.name() == name)
    }
}

/// A set of measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub(super) distinct: bool,
    pub(super) range: bool,
    pub(super) sum: bool,
    pub(super) deviation: bool,
    pub(super) quantiles: bool,
    pub(super) top: bool,
    pub(super) shapes: bool,
    pub(super) histogram: bool,
}

impl Wanted {
    /// These and no others.
    pub fn only(measures: &[Measure]) -> Wanted {
        let has = |measure| measures.contains(&measure);
        Wanted {
            distinct: has(Measure::Distinct),
            range: has(Measure::Range),
            sum: has(Measure::Sum),
            deviation: has(Measure::Deviation),
            quantiles: has(Measure::Quantiles),
            top: has(Measure::Top),
            shapes: has(Measure::Shapes),
            histogram: has(Measure::Histogram),
        }
    }

    /// Everything.
    pub fn all() -> Wanted {
        Wanted::only(&Measure::ALL)
    }

    /// Type, nulls, distinct values, range, sum and mean.
    pub fn core() -> Wanted {
        Wanted::only(&Measure::CORE)
    }

    /// Whether values of columns with many distinct ones must be looked at again at the end.
    pub(super) fn needs_sample(&self) -> bool {
        self.top || self.shapes || self.quantiles || self.histogram
    }

    /// Whether it matters how large numbers are, one by one.
    pub(super) fn needs_sketch(&self) -> bool {
        self.quantiles || self.histogram
    }
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted::all()
    }
}
