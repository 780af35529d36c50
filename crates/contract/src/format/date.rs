//! Dates as a contract writes them: patterns of the JDK's `DateTimeFormatter`, compiled.
//!
//! A pattern becomes a short list of items that is run over the bytes of a value; nothing is
//! allocated. Where the JDK guesses we do not: an impossible day (30 February) is refused rather
//! than moved, and text must match to its last byte. Where the standard's own examples are loose we
//! follow them: an unquoted `T` stands for itself, and `Z` also accepts the letter `Z` and `+01:00`.
//!
//! ```
//! use tamis_contract::format::DateFormat;
//!
//! let format = DateFormat::compile("dd/MM/yyyy HH:mm")?;
//! let earlier = format.parse(b"28/02/2024 23:59").expect("a date");
//! let later = format.parse(b"01/03/2024 00:00").expect("a date");
//! assert!(earlier < later);
//! assert_eq!(format.parse(b"30/02/2024 00:00"), None);
//! # Ok::<(), tamis_contract::format::DateFormatError>(())
//! ```

mod compile;
mod iso;
mod run;

pub use iso::IsoShape;

use std::ops::Range;

use tamis_engine::kernel::Moment;
use tamis_formats::calendar;

/// How dates, times or timestamps are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat {
    pattern: String,
    items: Vec<Item>,
}

/// Why a date pattern does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DateFormatError {
    /// Bytes of the pattern at fault.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// The way out, if one is known.
    pub help: Option<String>,
}

/// One step of reading a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// These bytes.
    Literal(Box<[u8]>),
    /// A number of `min` to `max` digits.
    Number { field: Field, min: u8, max: u8 },
    /// Year of two digits, from 2000.
    ShortYear,
    /// Any one of these bytes.
    OneOf(&'static [u8]),
    /// Fraction of a second in `min` to `max` digits (1 to 9).
    Fraction { min: u8, max: u8 },
    /// English name of a month, long or three letters.
    MonthName(Length),
    /// English name of a day, long or three letters; must fit the date.
    DayName(Length),
    /// `AM` or `PM`.
    HalfDay,
    /// Distance from UTC.
    Offset(OffsetStyle),
    /// All of these or none.
    Optional(Vec<Item>),
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 1 to 12, beside AM or PM.
    HalfDayHour,
    Minute,
    Second,
}

/// Whether names are whole or cut to three letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Short,
    Full,
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffsetStyle {
    /// `X`, `XX`, `XXX`, `x`, ...
    Iso {
        minutes: Minutes,
        colon: bool,
        zulu: bool,
    },
    /// `Z`: any of `+0100`, `+01:00`, `+01` and `Z`.
    Loose,
}

/// Whether an offset holds minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minutes {
    /// `X`: may be left out.
    Optional,
    Required,
}

impl DateFormat {
    /// Compiles a pattern of the JDK.
    ///
    /// # Errors
    /// [`DateFormatError`] for letters Tamis does not support (time zone names, week dates, eras)
    /// and for unbalanced quotes and brackets.
    pub fn compile(pattern: &str) -> Result<Self, DateFormatError> {
        Ok(Self {
            pattern: pattern.to_owned(),
            items: compile::items(pattern)?,
        })
    }

    /// ISO 8601 as it is written in practice: a date, then perhaps `T` or a space, hours and
    /// minutes, seconds, a fraction of up to nine digits, and `Z` or an offset.
    pub fn iso_timestamp() -> Self {
        let pattern = "yyyy-MM-dd['T'HH:mm[:ss[.S]][Z]]".to_owned();
        let mut items = iso_date();
        let mut time = vec![Item::OneOf(b"T ")];
        time.extend(iso_time());
        items.push(Item::Optional(time));
        Self { pattern, items }
    }

    /// The time of day of [`iso_timestamp`](Self::iso_timestamp), alone.
    pub fn iso_time() -> Self {
        Self {
            pattern: "HH:mm[:ss[.S]][Z]".to_owned(),
            items: iso_time(),
        }
    }

    /// Reads a value; `None` if it is not written in this format or names no real moment.
    pub fn parse(&self, text: &[u8]) -> Option<Moment> {
        run::parse(&self.items, text)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether values name a day: a year, and a month and day or a day of the year.
    pub fn has_date(&self) -> bool {
        let has = |field| {
            self.has(|item| matches!(item, Item::Number { field: found, .. } if *found == field))
        };
        let year = has(Field::Year) || self.has(|item| *item == Item::ShortYear);
        let month = has(Field::Month) || self.has(|item| matches!(item, Item::MonthName(_)));
        year && (has(Field::DayOfYear) || month && has(Field::Day))
    }

    /// Whether values name an hour.
    pub fn has_time(&self) -> bool {
        let is_hour = |field| matches!(field, Field::Hour | Field::HalfDayHour);
        self.has(|item| matches!(item, Item::Number { field, .. } if is_hour(*field)))
    }

    fn has(&self, wanted: impl Fn(&Item) -> bool) -> bool {
        fn any(items: &[Item], wanted: &dyn Fn(&Item) -> bool) -> bool {
            items.iter().any(|item| match item {
                Item::Optional(inner) => any(inner, wanted),
                item => wanted(item),
            })
        }
        any(&self.items, &wanted)
    }
}

fn iso_date() -> Vec<Item> {
    let hyphen = || Item::Literal((*b"-").into());
    let number = |field, digits| Item::Number {
        field,
        min: digits,
        max: digits,
    };
    vec![
        number(Field::Year, 4),
        hyphen(),
        number(Field::Month, 2),
        hyphen(),
        number(Field::Day, 2),
    ]
}

fn iso_time() -> Vec<Item> {
    let two = |field| Item::Number {
        field,
        min: 2,
        max: 2,
    };
    let colon = || Item::Literal((*b":").into());
    let fraction = Item::Optional(vec![Item::OneOf(b"."), Item::Fraction { min: 1, max: 9 }]);
    let seconds = Item::Optional(vec![colon(), two(Field::Second), fraction]);
    let offset = Item::Optional(vec![Item::Offset(OffsetStyle::Loose)]);
    vec![
        two(Field::Hour),
        colon(),
        two(Field::Minute),
        seconds,
        offset,
    ]
}

/// The moment in ISO 8601; of a time of day, the time alone.
pub fn to_iso(moment: Moment, is_time: bool) -> String {
    let second = moment.seconds.rem_euclid(86_400);
    let mut text = String::new();
    if !is_time {
        let (year, month, day) = calendar::civil(moment.seconds.div_euclid(86_400));
        text = format!("{year:04}-{month:02}-{day:02}T");
    }
    text += &format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    if moment.nanos > 0 {
        text += format!(".{:09}", moment.nanos).trim_end_matches('0');
    }
    text
}

#[cfg(test)]
mod tests;
