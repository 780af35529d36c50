//! The cheapest way to find one of the sequences that every match contains.
//!
//! Each sequence is cut to a window: shorter is faster to look for, longer is rarer. A plan has a
//! price per byte of text, for the search itself and for the lines that it hands on in vain; prices
//! are nanoseconds on the machine they were measured on, and only their proportions matter.

use tamis_engine::kernel::{ByteSet, ClassRun, Kernel};

use super::frequency::{Rates, rate};
use super::literals::Literals;
use super::required::{Sequence, union};
use super::text::{Text, letter};

/// What a candidate costs: to find its line, and to run the expression on it.
pub(super) const LINE_COST: f64 = 150.0;
/// One literal, by `memmem`.
const LITERAL_COST: f64 = 0.06;
/// Several literals, and each of them up to some: by Teddy or by sampling.
const LITERALS_COST: f64 = 0.12;
const EACH_LITERAL_COST: f64 = 0.008;
const LITERALS_COST_MAX: f64 = 0.6;
/// A run of classes, and each of its positions.
const RUN_COST: f64 = 0.03;
const POSITION_COST: f64 = 0.015;
/// If it is one run of letters alone, some of either case.
const LETTER_COST: f64 = 0.005;
/// Each of several sequences of classes costs so much more than one alone.
const SEQUENCES_FACTOR: f64 = 2.0;

/// Most sequences of classes that are looked for at once, and that are made one.
const SEQUENCES_MAX: usize = 3;
const JOINED_MAX: usize = 64;
/// The shortest and the longest window of classes.
const POSITIONS_MIN: usize = 2;
const POSITIONS_MAX: usize = 8;

/// What to look for, one of which every match contains.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) targets: Targets,
    /// Nanoseconds per byte of text.
    pub(super) cost: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Targets {
    Literals(Vec<Text>),
    Runs(Vec<Sequence>),
}

impl Plan {
    /// The cheapest plan for a set of sequences.
    pub(super) fn best(sequences: &[Sequence]) -> Option<Plan> {
        let plans = [
            Plan::literals(sequences),
            Plan::runs(sequences),
            Plan::joined_run(sequences),
        ];
        cheapest(plans.into_iter().flatten())
    }

    /// A text out of each sequence.
    pub(super) fn literals(sequences: &[Sequence]) -> Option<Plan> {
        let plain = |class: ByteSet| class.len() == 1;
        let letters = |class: ByteSet| letter(class).is_some();
        let plans = [
            Plan::texts(sequences, plain),
            Plan::texts(sequences, letters),
        ];
        cheapest(plans.into_iter().flatten())
    }

    /// The rarest text out of each sequence with these classes alone.
    fn texts(sequences: &[Sequence], is_letter: impl Fn(ByteSet) -> bool) -> Option<Plan> {
        let mut total = 0.0;
        let mut texts = Vec::new();
        for sequence in sequences {
            let stretches = sequence.split(|class| !is_letter(*class));
            let rates = stretches.filter(|stretch| !stretch.is_empty());
            let rates = rates.map(|stretch| (rate(stretch), stretch));
            let (rate, stretch) = rates.min_by(|one, other| one.0.total_cmp(&other.0))?;
            total += rate;
            texts.push(Text::of(stretch)?);
        }
        let search = match texts.len() {
            0 => return None,
            1 if texts[0].is_plain() => LITERAL_COST,
            count if texts.iter().all(Text::is_plain) => {
                let each = EACH_LITERAL_COST * count as f64;
                (LITERALS_COST + each).min(LITERALS_COST_MAX)
            }
            _ => LITERALS_COST_MAX,
        };
        Some(Plan {
            targets: Targets::Literals(texts),
            cost: search + total * LINE_COST,
        })
    }

    /// A window of each sequence.
    fn runs(sequences: &[Sequence]) -> Option<Plan> {
        if sequences.len() > SEQUENCES_MAX {
            return None;
        }
        let mut total = 0.0;
        let mut windows = Vec::new();
        for sequence in sequences {
            let cheapest = Cheapest::of(sequence, sequences.len());
            let (window, cost) = cheapest.of_any_length()?;
            total += cost;
            windows.push(window.to_vec());
        }
        ClassRun::new(&slices(&windows))?;
        let factor = if windows.len() == 1 {
            1.0
        } else {
            SEQUENCES_FACTOR
        };
        Some(Plan {
            targets: Targets::Runs(windows),
            cost: total * factor,
        })
    }

    /// A window of each sequence, all of one length and made one.
    fn joined_run(sequences: &[Sequence]) -> Option<Plan> {
        if sequences.len() > JOINED_MAX {
            return None;
        }
        let windows: Vec<_> = sequences
            .iter()
            .map(|sequence| Cheapest::of(sequence, 1))
            .collect();
        let longest = windows.iter().map(|cheapest| cheapest.0.len()).min()?;
        let plans = (0..longest).map(|index| {
            let window = union(windows.iter().map(|cheapest| cheapest.0[index].0));
            let cost = run_cost(&window, rate(&window), 1);
            let targets = Targets::Runs(vec![window]);
            Plan { targets, cost }
        });
        cheapest(plans)
    }

    /// What finds it.
    pub(super) fn window(&self, kernel: Kernel) -> Option<Window> {
        match &self.targets {
            Targets::Literals(texts) => Literals::new(texts.clone()).map(Window::Literals),
            // One byte after the other it is slower than the expression itself.
            Targets::Runs(_) if kernel == Kernel::scalar() => None,
            Targets::Runs(windows) => {
                let run = ClassRun::new(&slices(windows))?;
                Some(Window::Run(kernel, Box::new(run)))
            }
        }
    }
}

fn cheapest(plans: impl Iterator<Item = Plan>) -> Option<Plan> {
    plans.min_by(|one, other| one.cost.total_cmp(&other.cost))
}

/// Of a window, one of so many.
fn run_cost(window: &[ByteSet], rate: f64, count: usize) -> f64 {
    let are_letters = count == 1
        && window.iter().all(|class| letter(*class).is_some())
        && window.iter().any(|class| class.len() > 1);
    let position = match are_letters {
        true => LETTER_COST,
        false => POSITION_COST,
    };
    RUN_COST + position * window.len() as f64 + rate * LINE_COST
}

/// The cheapest window of a sequence with two classes, with three, and so on, and what it costs.
struct Cheapest<'a>(Vec<(&'a [ByteSet], f64)>);

impl<'a> Cheapest<'a> {
    /// Of a sequence, one of so many.
    fn of(sequence: &'a [ByteSet], count: usize) -> Self {
        let rates = Rates::of(sequence);
        let longest = POSITIONS_MAX.min(sequence.len());
        let lengths = (POSITIONS_MIN..=longest).map(|len| (&sequence[..len], f64::INFINITY));
        let mut cheapest: Vec<_> = lengths.collect();
        for start in 0..sequence.len() {
            let rates = rates.from(start).take(longest).skip(POSITIONS_MIN - 1);
            for (best, (rate, len)) in cheapest.iter_mut().zip(rates.zip(POSITIONS_MIN..)) {
                let window = &sequence[start..start + len];
                let cost = run_cost(window, rate, count);
                if cost < best.1 {
                    *best = (window, cost);
                }
            }
        }
        Cheapest(cheapest)
    }

    fn of_any_length(&self) -> Option<(&'a [ByteSet], f64)> {
        let windows = self.0.iter().copied();
        windows.min_by(|one, other| one.1.total_cmp(&other.1))
    }
}

fn slices(sequences: &[Sequence]) -> Vec<&[ByteSet]> {
    sequences.iter().map(Vec::as_slice).collect()
}

/// Finds candidates.
#[derive(Debug)]
pub(super) enum Window {
    Literals(Literals),
    Run(Kernel, Box<ClassRun>),
}

impl Window {
    /// Where the next one is, at or after `from`: a byte of it.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match self {
            Window::Literals(literals) => literals.find(bytes, from),
            Window::Run(kernel, run) => kernel.find_class_run(run, bytes, from),
        }
    }
}
