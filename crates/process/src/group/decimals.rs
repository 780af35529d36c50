//! A column of numbers as integers of one unit, exactly as they are written.
//!
//! The unit follows the column: it begins at 1 and becomes as small as the number with the most digits after its point asks for,
//! up to [`SCALE_MAX`]. What does not fit such an integer (`1e-30`, twenty digits) is kept as the number it is.

use tamis_engine::kernel::Kernel;
use tamis_engine::number::Decimal;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::value::is_not_finite;
use tamis_formats::vector::{Misfit, Nulls, Type, Values, Vector};
use tamis_formats::{Block, Kind};

/// The most digits after the point that the unit has.
pub(super) const SCALE_MAX: u8 = 12;

/// The numbers of one column of a block.
#[derive(Debug)]
pub(super) struct Decimals {
    /// Whether numbers may have a fraction.
    ty: Type,
    /// Digits of the unit after the point; it only grows.
    pub(super) scale: u8,
    /// For each row the number in that unit; 0 in rows that have none.
    pub(super) mantissas: Vec<i64>,
    /// The bits of the rows that have one.
    pub(super) present: Vec<u64>,
    /// Rows whose number does not fit.
    pub(super) others: Vec<(usize, Decimal)>,
    unquoted: Vec<u32>,
    decoded: Vec<u8>,
}

/// How numbers are written in the input at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writing<'w> {
    /// `None`: not as CSV.
    pub(super) dialect: Option<&'w Dialect>,
    pub(super) point: u8,
    pub(super) nulls: &'w Nulls,
    pub(super) kernel: Kernel,
}

/// What a text that is no plain number of the unit is.
enum Other {
    Null,
    Number(Decimal),
    /// It asks for a smaller unit.
    Scale(u8),
    Misfit,
}

impl Decimals {
    /// For a column of integers or numbers.
    pub(super) fn new(ty: Type) -> Decimals {
        Decimals {
            ty,
            scale: 0,
            mantissas: Vec::new(),
            present: Vec::new(),
            others: Vec::new(),
            unquoted: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// Reads a column of a block.
    pub(super) fn read(
        &mut self,
        block: &Block<'_>,
        column: usize,
        writing: Writing<'_>,
    ) -> Result<(), Misfit> {
        // Ends: each turn has a smaller unit.
        while let Some(scale) = self.read_in_unit(block, column, writing)? {
            self.scale = scale;
        }
        Ok(())
    }

    /// Takes integers that were computed.
    pub(super) fn set(&mut self, vector: &Vector) {
        self.mantissas.clear();
        self.others.clear();
        self.present.clone_from(&vector.present);
        let Values::Integer(values) = &vector.values else {
            // They are all null.
            self.present.fill(0);
            return self.mantissas.resize(vector.rows, 0);
        };
        let values = values.iter().enumerate();
        self.mantissas
            .extend(values.map(|(row, &value)| match vector.is_null(row) {
                true => 0,
                false => value,
            }));
    }

    /// The rows that have a number, of either kind.
    pub(super) fn each_present(&self, rows: usize) -> impl Iterator<Item = usize> + '_ {
        let plain = (0..rows).filter(|&row| self.is_plain(row));
        plain.chain(self.others.iter().map(|(row, _)| *row))
    }

    /// Whether a row has a number in `mantissas`.
    #[inline(always)]
    pub(super) fn is_plain(&self, row: usize) -> bool {
        self.present[row / 64] >> (row % 64) & 1 == 1
    }

    /// Reads the column in the unit there is; the scale of a smaller one, if a number asks for it.
    fn read_in_unit(
        &mut self,
        block: &Block<'_>,
        column: usize,
        writing: Writing<'_>,
    ) -> Result<Option<u8>, Misfit> {
        self.mantissas.clear();
        self.others.clear();
        self.present.clear();
        self.present.resize(block.rows.div_ceil(64), 0);
        let mut unquoted = std::mem::take(&mut self.unquoted);
        let spans = match writing.dialect {
            Some(dialect) => csv::unquote_column(block, column, dialect, &mut unquoted),
            None => None,
        };
        let spans = spans.unwrap_or_else(|| block.column(column));
        let (out, suspects) = (&mut self.mantissas, &mut self.present);
        let Writing { kernel, point, .. } = writing;
        kernel.parse_fixed(&spans, point, self.scale, out, suspects);
        if let Some((kinds, stride)) = block.each_kind(column) {
            let is_number = |kind: Kind| matches!(kind, Kind::Number | Kind::Text);
            for (row, &kind) in kinds.iter().step_by(stride).take(block.rows).enumerate() {
                suspects[row / 64] |= u64::from(!is_number(kind)) << (row % 64);
            }
        } else if !matches!(block.only_kind(column), Some(Kind::Number | Kind::Text)) {
            suspects.fill(u64::MAX);
        }
        // From here on a bit says that there is a number.
        self.unquoted = unquoted;
        let mut scale = None;
        for at in 0..self.present.len() {
            let mut suspects = self.present[at];
            self.present[at] = !suspects;
            if let Some(last) = block.rows.checked_sub(64 * at).filter(|rest| *rest < 64) {
                let all = (1 << last) - 1;
                self.present[at] &= all;
                suspects &= all;
            }
            while suspects != 0 {
                let row = 64 * at + suspects.trailing_zeros() as usize;
                suspects &= suspects - 1;
                self.mantissas[row] = 0;
                match self.other(block, column, row, writing) {
                    Other::Null => {}
                    Other::Number(number) => self.others.push((row, number)),
                    Other::Scale(wanted) => scale = scale.max(Some(wanted)),
                    Other::Misfit => return Err(misfit(block, column, row, writing)),
                }
            }
        }
        Ok(scale)
    }

    fn other(
        &mut self,
        block: &Block<'_>,
        column: usize,
        row: usize,
        writing: Writing<'_>,
    ) -> Other {
        let raw = block.column(column).field(row);
        let kind = block.kind(row, column);
        let point = kind.point(writing.point);
        let text = match (kind, writing.dialect) {
            (Kind::Null | Kind::Missing, _) => return Other::Null,
            (Kind::Text, _) if raw.is_empty() => return Other::Null,
            (Kind::Text, Some(dialect)) => csv::decode(raw, dialect, &mut self.decoded),
            (Kind::Text | Kind::Number, _) => raw,
            _ => return Other::Misfit,
        };
        if kind == Kind::Text && writing.nulls.is_null(text, self.ty) {
            return Other::Null;
        }
        if kind == Kind::Number && is_not_finite(text) {
            return Other::Null;
        }
        let fits = match Type::of_text(text, point) {
            Type::Integer => true,
            Type::Number => self.ty == Type::Number,
            _ => false,
        };
        if !fits {
            return Other::Misfit;
        }
        let place = text.iter().position(|&byte| byte == point);
        let decimals = place.map_or(0, |place| text.len() - place - 1);
        let is_plain = text
            .iter()
            .all(|&byte| byte.is_ascii_digit() || byte == point || byte == b'-');
        // Of JSON the loop reads integers alone where the texts of the table have another point.
        let is_of_unit = point == writing.point && is_plain;
        if is_of_unit && usize::from(self.scale) < decimals && decimals <= SCALE_MAX.into() {
            return Other::Scale(decimals as u8);
        }
        match Decimal::parse_with_point(text, point) {
            Some(number) => Other::Number(number),
            None => Other::Misfit,
        }
    }
}

#[cold]
fn misfit(block: &Block<'_>, column: usize, row: usize, writing: Writing<'_>) -> Misfit {
    let raw = block.column(column).field(row);
    let mut decoded = Vec::new();
    let (text, ty) = match (block.kind(row, column), writing.dialect) {
        (Kind::Text, Some(dialect)) => {
            let text = csv::decode(raw, dialect, &mut decoded);
            (text, Type::of_text(text, writing.point))
        }
        (Kind::Text, None) => (raw, Type::of_text(raw, writing.point)),
        (Kind::String, _) => (raw, Type::of_string(raw)),
        (Kind::EscapedString, _) => {
            let text = tamis_formats::jsonl::decode_string(raw, &mut decoded);
            (text, Type::of_string(text))
        }
        (kind, _) => (raw, Type::of_json(kind, raw)),
    };
    Misfit {
        row,
        text: text.to_vec(),
        ty,
    }
}

#[cfg(test)]
mod tests {
    use tamis_formats::columns::{Batch, Columns};

    use super::*;

    /// Numbers as they are not written in CSV.
    fn writing(nulls: &Nulls) -> Writing<'_> {
        Writing {
            dialect: None,
            point: b'.',
            nulls,
            kernel: Kernel::detect(),
        }
    }

    fn read(texts: &[&str], ty: Type) -> (u8, Vec<Option<String>>) {
        let mut rows = Columns::new(1);
        for text in texts {
            rows.column(0).text(text).unwrap();
            rows.end_row();
        }
        let mut decimals = Decimals::new(ty);
        let mut found = Vec::new();
        rows.for_each_block(&mut |block| {
            decimals.read(block, 0, writing(&Nulls::common())).unwrap();
            found = vec![None; block.rows];
            for (row, text) in found.iter_mut().enumerate() {
                *text = decimals
                    .is_plain(row)
                    .then(|| decimals.mantissas[row].to_string());
            }
            for (row, number) in &decimals.others {
                found[*row] = Some(format!("other {number}"));
            }
        })
        .unwrap();
        (decimals.scale, found)
    }

    #[test]
    fn the_unit_follows_the_column() {
        let some = |text: &str| Some(text.to_owned());
        let (scale, found) = read(&["1", "", "NA", "0.25", "-3", "1e3", ".5"], Type::Number);
        assert_eq!(scale, 2);
        let expected = [
            some("100"),
            None,
            None,
            some("25"),
            some("-300"),
            some("other 1000"),
            some("other 0.5"),
        ];
        assert_eq!(found, expected);
        let (scale, found) = read(&["0.0000000000001", "9223372036854775807"], Type::Number);
        assert_eq!(
            (scale, found[0].clone()),
            (0, some("other 0.0000000000001"))
        );
        assert_eq!(found[1], some("other 9223372036854775807"));
    }

    #[test]
    fn what_is_not_finite_is_null() {
        let mut rows = Columns::new(1);
        for number in ["NaN", "-inf", "2.5"] {
            rows.column(0).number(number).unwrap();
            rows.end_row();
        }
        rows.for_each_block(&mut |block| {
            let mut decimals = Decimals::new(Type::Number);
            decimals.read(block, 0, writing(&Nulls::common())).unwrap();
            assert_eq!(decimals.each_present(3).collect::<Vec<_>>(), [2]);
        })
        .unwrap();
    }

    #[test]
    fn what_is_no_number_is_a_misfit() {
        let reading = |text: &str, ty| {
            let mut rows = Columns::new(1);
            rows.column(0).text(text).unwrap();
            rows.end_row();
            let mut result = Ok(());
            rows.for_each_block(&mut |block| {
                result = Decimals::new(ty).read(block, 0, writing(&Nulls::common()));
            })
            .unwrap();
            result.map_err(|misfit| misfit.ty)
        };
        assert_eq!(reading("x", Type::Number), Err(Type::Text));
        assert_eq!(reading("007", Type::Integer), Err(Type::Text));
        assert_eq!(reading("1.5", Type::Integer), Err(Type::Number));
        assert_eq!(reading("2024-01-01", Type::Number), Err(Type::Date));
        assert_eq!(reading("1.5", Type::Number), Ok(()));
    }
}
