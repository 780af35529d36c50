//! Options of a number: its range, `multipleOf` and `format`.

use tamis_engine::number::Decimal;

use crate::format::{Format, IntegerFormat};
use crate::model::{BoundValue, Constraints};
use crate::odcs::fields::Fields;
use crate::odcs::reader::Reader;
use crate::odcs::yaml::Node;

impl Reader<'_> {
    pub(super) fn number_options(
        &mut self,
        fields: &mut Fields<'_>,
        constraints: &mut Constraints,
        is_integer: bool,
    ) {
        let number = |reader: &mut Self, key: &str, node: &Node| {
            reader.decimal_of(key, node).map(BoundValue::Number)
        };
        self.range(fields, constraints, number, |a, b| match (a, b) {
            (BoundValue::Number(a), BoundValue::Number(b)) => Some(a.cmp(b)),
            _ => None,
        });
        if let Some(node) = fields.take("multipleOf") {
            constraints.multiple_of = self.decimal_of("multipleOf", node);
            if constraints
                .multiple_of
                .as_ref()
                .is_some_and(|divisor| *divisor <= Decimal::ZERO)
            {
                self.error(
                    "contradiction",
                    &node.span,
                    "`multipleOf` must be greater than zero",
                );
                constraints.multiple_of = None;
            }
        }
        let Some(node) = fields.take("format") else {
            return;
        };
        let Some(name) = self.text_of("format", node) else {
            return;
        };
        constraints.format = match name.as_str() {
            "f32" if !is_integer => Some(Format::Float32),
            "f64" if !is_integer => Some(Format::Float64),
            name if is_integer => IntegerFormat::parse(name).map(Format::Integer),
            _ => None,
        };
        if constraints.format.is_none() {
            let known = IntegerFormat::NAMES;
            let (what, known) = if is_integer {
                ("format of an integer", &known[..])
            } else {
                ("format of a number", &["f32", "f64"][..])
            };
            self.unknown("unknown-value", &node.span, what, &name, known);
        }
    }
}
