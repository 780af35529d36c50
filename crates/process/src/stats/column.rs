//! What is known of one column.
//!
//! A column begins as a [`Dictionary`] of its values. When that is full, the values go where all later ones go: into a
//! [`Spread`], which knows no value any more but what all of them come to. Every part of a spread is a sum, a
//! maximum or a set of flags, so it does not matter when the values went there, nor in which order, nor how many
//! workers had a dictionary of their own before.
//!
//! Null tokens (`NA`) are counted apart, because whether they are null is known only when all columns are.

use tamis_engine::number::Decimal;
use tamis_formats::value::{
    Class, Classes, Reading, is_not_finite, read_moment, read_number, read_text,
};

use super::dictionary::{Dictionary, Family, Full};
use super::extremes::Extremes;
use super::hash::{hash, word_of};
use super::limits::Limits;
use super::moments::Moments;
use super::numbers::Numbers;
use super::plain::Plain;
use super::sample::Sample;
use super::wanted::Wanted;
use crate::infer::column::characters;
use tamis_engine::sketch::HyperLogLog;
use tamis_engine::sketch::Sketch;

/// What is the same for all columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) limits: Limits,
    pub(super) wanted: Wanted,
    /// The byte between integer and fraction.
    pub(super) point: u8,
}

/// One column, so far.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// For each null token, how often it came.
    pub(super) tokens: Vec<u64>,
    pub(super) state: State,
    pub(super) sample: Sample,
    /// Some values came from CSV, where all are texts.
    pub(super) is_untyped: bool,
}

/// Where the values are.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// All of them, with their counts.
    Few(Dictionary),
    /// None of them.
    Many(Box<Spread>),
}

/// What values come to.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    pub(super) values: u64,
    pub(super) classes: Classes,
    /// Shortest and longest value, in characters.
    pub(super) lengths: Option<(u64, u64)>,
    pub(super) texts: Extremes,
    pub(super) distinct: Option<HyperLogLog>,
    /// Floating-point values that are no numbers (NaN, the infinities), which columnar files have.
    pub(super) not_finite: u64,
    pub(super) numbers: Numbers,
    pub(super) sketch: Sketch,
    pub(super) moments: Moments,
    /// All moments so far are written alike, so that their texts are in the order of time.
    pub(super) is_canonical: bool,
    /// What all values so far are, where the column may still be more than text.
    pub(super) mode: Mode,
}

/// What there is to be read from the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing is known yet.
    Open,
    /// Numbers.
    Numbers,
    /// Moments of that class.
    Moments(Class),
    /// Nothing: no type unites the values but text, and that needs no reading.
    Texts,
}

impl Column {
    pub(super) fn new(setting: &Setting, tokens: usize) -> Column {
        let wants_sample = setting.wanted.needs_sample();
        Column {
            tokens: vec![0; tokens],
            state: State::Few(Dictionary::new(&setting.limits)),
            sample: Sample::new(if wants_sample {
                setting.limits.sample_max
            } else {
                0
            }),
            is_untyped: false,
        }
    }

    /// Takes a value `count` times.
    pub(super) fn take(&mut self, setting: &Setting, family: Family, text: &[u8], count: u64) {
        let word = word_of(text);
        let hash = hash(text, word);
        if let State::Few(dictionary) = &mut self.state {
            match dictionary.add(family, text, word, hash, count) {
                Ok(()) => return,
                Err(Full) => self.spread_out(setting),
            }
        }
        if let State::Many(spread) = &mut self.state {
            spread.take(setting, family, text, hash, count);
        }
    }

    /// Gives up the dictionary.
    pub(super) fn spread_out(&mut self, setting: &Setting) {
        if let State::Few(dictionary) = &self.state {
            self.state = State::Many(Box::new(Spread::of(dictionary, setting)));
        }
    }

    /// Takes all values of another one.
    pub(super) fn merge(&mut self, setting: &Setting, mut other: Column) {
        for (count, more) in self.tokens.iter_mut().zip(&other.tokens) {
            *count += more;
        }
        self.sample.merge(&other.sample);
        self.is_untyped |= other.is_untyped;
        if let State::Few(theirs) = &other.state {
            if let State::Few(mine) = &mut self.state {
                let mut union = mine.clone();
                let fits = theirs.values().all(|known| {
                    let added = union.add(
                        known.family,
                        known.text,
                        known.word,
                        known.hash,
                        known.count,
                    );
                    added.is_ok()
                });
                if fits {
                    *mine = union;
                    return;
                }
            }
            other.spread_out(setting);
        }
        self.spread_out(setting);
        if let (State::Many(mine), State::Many(theirs)) = (&mut self.state, other.state) {
            mine.merge(*theirs);
        }
    }
}

impl Spread {
    fn new(setting: &Setting) -> Spread {
        let distinct = setting.wanted.distinct;
        Spread {
            values: 0,
            classes: Classes::default(),
            lengths: None,
            texts: Extremes::default(),
            distinct: distinct.then(|| HyperLogLog::new(setting.limits.precision)),
            not_finite: 0,
            numbers: Numbers::default(),
            sketch: Sketch::new(setting.limits.sketch_bits),
            moments: Moments::default(),
            is_canonical: true,
            mode: Mode::Open,
        }
    }

    /// What the values of a dictionary come to.
    pub(super) fn of(dictionary: &Dictionary, setting: &Setting) -> Spread {
        let mut spread = Spread::new(setting);
        for known in dictionary.values() {
            spread.take(setting, known.family, known.text, known.hash, known.count);
        }
        spread
    }

    /// Takes a value `count` times: the definition of what the loops of [`super::block`] do.
    pub(super) fn take(
        &mut self,
        setting: &Setting,
        family: Family,
        text: &[u8],
        hash: u64,
        count: u64,
    ) {
        if let Some(distinct) = &mut self.distinct {
            distinct.insert(hash);
        }
        self.take_length(characters(text));
        self.texts.take(text);
        self.read(setting, family, text, count);
    }

    pub(super) fn take_length(&mut self, characters: u64) {
        let (shortest, longest) = self.lengths.unwrap_or((characters, characters));
        self.lengths = Some((shortest.min(characters), longest.max(characters)));
    }

    /// Takes what a value is.
    pub(super) fn read(&mut self, setting: &Setting, family: Family, text: &[u8], count: u64) {
        self.values += count;
        let point = setting.point;
        let reading = match family {
            Family::Untyped if self.mode == Mode::Texts => Reading::Other(Class::Text),
            Family::Untyped => match Plain::parse(text, point) {
                Some(plain) => return self.take_plain(plain, count),
                None => read_text(text, point),
            },
            Family::Number => match Plain::parse(text, b'.') {
                Some(plain) => return self.take_plain(plain, count),
                None if is_not_finite(text) => {
                    self.not_finite += count;
                    return self.add_class(Class::Number);
                }
                None => match read_number(text, b'.') {
                    Reading::Other(_) => Reading::Other(Class::Unreadable),
                    number => number,
                },
            },
            Family::String if self.classes.contains(Class::Text) => Reading::Other(Class::Text),
            Family::String => read_moment(text),
            Family::Text => Reading::Other(Class::Text),
            Family::Boolean => Reading::Other(Class::Boolean),
            Family::Object => Reading::Other(Class::Object),
            Family::Array => Reading::Other(Class::Array),
        };
        match reading {
            Reading::Small(value) => {
                self.take_number(Class::Integer, &Decimal::from(value), text, count)
            }
            Reading::Number(class, number) => self.take_number(class, &number, text, count),
            Reading::Moment(class, moment) => {
                self.moments.take(moment, text);
                self.is_canonical &= is_canonical(class, text);
                self.add_class(class);
            }
            Reading::Other(class) => self.add_class(class),
        }
    }

    fn take_plain(&mut self, plain: Plain, count: u64) {
        self.numbers.scale(plain.scale).add(plain.mantissa, count);
        self.sketch.add(plain.to_f64(), count);
        self.add_class(match plain.is_integer {
            true => Class::Integer,
            false => Class::Number,
        });
    }

    fn take_number(&mut self, class: Class, number: &Decimal, text: &[u8], count: u64) {
        self.numbers.add_other(number, text, count);
        self.sketch.add(number.to_f64(), count);
        self.add_class(class);
    }

    /// Notes a class, and what follows for the values to come.
    pub(super) fn add_class(&mut self, class: Class) {
        if self.classes.contains(class) {
            return;
        }
        self.classes.insert(class);
        self.settle_mode();
    }

    fn settle_mode(&mut self) {
        let only = |classes: &[Class]| self.classes.are_only(classes);
        self.mode = if self.classes.is_empty() {
            Mode::Open
        } else if only(&[Class::Integer, Class::Number]) {
            Mode::Numbers
        } else if let Some(class) = [Class::Date, Class::Timestamp, Class::Time]
            .into_iter()
            .find(|&class| only(&[class]))
        {
            Mode::Moments(class)
        } else if only(&[Class::Boolean]) {
            Mode::Open
        } else {
            // Sums of what turned out to be text are of no use to anybody.
            self.numbers = Numbers::default();
            self.moments = Moments::default();
            self.sketch.clear();
            Mode::Texts
        };
    }

    fn merge(&mut self, other: Spread) {
        self.values += other.values;
        self.classes = self.classes.union(other.classes);
        self.lengths = match (self.lengths, other.lengths) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.texts.merge(&other.texts);
        if let (Some(mine), Some(theirs)) = (&mut self.distinct, &other.distinct) {
            mine.merge(theirs);
        }
        self.not_finite += other.not_finite;
        self.numbers.merge(other.numbers);
        self.sketch.merge(&other.sketch);
        self.moments.merge(&other.moments);
        self.is_canonical &= other.is_canonical;
        self.settle_mode();
    }
}

/// Whether moments of that class, all written like this one, are in the order of their texts.
#[inline(always)]
pub(super) fn is_canonical(class: Class, text: &[u8]) -> bool {
    match class {
        Class::Date => text.len() == 10,
        Class::Time => text.len() == 8,
        _ => text.len() == 20 && text[10] == b'T' && text[19] == b'Z',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_a_value_without_a_size() {
        let setting = Setting {
            limits: Limits::of(1),
            wanted: Wanted::all(),
            point: b'.',
        };
        let mut spread = Spread::new(&setting);
        for text in ["1.5", "NaN", "-inf", "2"] {
            spread.take(&setting, Family::Number, text.as_bytes(), 0, 1);
        }
        assert_eq!((spread.values, spread.not_finite), (4, 2));
        assert_eq!(spread.mode, Mode::Numbers);
        let totals = spread.numbers.totals(2).expect("there are two numbers");
        assert_eq!((totals.sum.as_str(), totals.mean), ("3.5", 1.75));
    }
}
