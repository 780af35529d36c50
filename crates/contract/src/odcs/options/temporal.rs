//! Options of a date, a timestamp or a time: `format`, the range and `timezone`.
//!
//! A bound is written in ISO 8601 or in the property's own `format`; the model has it in ISO 8601.

use crate::format::{DateFormat, Format};
use crate::model::{BoundValue, Constraints, LogicalType};
use crate::odcs::fields::Fields;
use crate::odcs::reader::{Reader, shortened};
use crate::odcs::yaml::Node;

impl Reader<'_> {
    pub(super) fn temporal_options(
        &mut self,
        fields: &mut Fields<'_>,
        constraints: &mut Constraints,
        logical_type: Option<LogicalType>,
    ) {
        let is_time = logical_type == Some(LogicalType::Time);
        let format = fields
            .take("format")
            .and_then(|node| self.date_format(node, is_time));
        let iso = if is_time {
            DateFormat::iso_time()
        } else {
            DateFormat::iso_timestamp()
        };
        let bound = |reader: &mut Self, key: &str, node: &Node| {
            let text = reader.text_of(key, node)?;
            let instant = iso.parse(text.as_bytes());
            let written = format
                .as_ref()
                .and_then(|format| format.parse(text.as_bytes()));
            match (instant, written) {
                (Some(_), _) => Some(BoundValue::Temporal(text)),
                (None, Some(instant)) => Some(BoundValue::Temporal(crate::format::to_iso(
                    instant, is_time,
                ))),
                (None, None) => {
                    let example = if is_time {
                        "`23:59:59`"
                    } else {
                        "`2024-12-31` or `2024-12-31T23:59:59Z`"
                    };
                    let message = format!(
                        "`{key}` is no date or time that exists: `{}`",
                        shortened(&text)
                    );
                    reader.error_with_help(
                        "wrong-type",
                        &node.span,
                        message,
                        format!("write it in ISO 8601, as {example}"),
                    );
                    None
                }
            }
        };
        self.range(fields, constraints, bound, |a, b| match (a, b) {
            (BoundValue::Temporal(a), BoundValue::Temporal(b)) => {
                Some(iso.parse(a.as_bytes())?.cmp(&iso.parse(b.as_bytes())?))
            }
            _ => None,
        });
        if logical_type != Some(LogicalType::Date) {
            constraints.timezone = fields.boolean(self, "timezone");
        }
        constraints.format = format.map(Format::Temporal);
    }

    fn date_format(&mut self, node: &Node, is_time: bool) -> Option<DateFormat> {
        let text = self.text_of("format", node)?;
        match DateFormat::compile(&text) {
            Ok(format) if is_time && !format.has_time() => {
                self.error(
                    "invalid-date-format",
                    &node.span,
                    "the format of a time names no hour",
                );
                None
            }
            Ok(format) if !is_time && !format.has_date() => {
                let message = "the format names no day: it needs a year, a month and a day";
                self.error("invalid-date-format", &node.span, message);
                None
            }
            Ok(format) => Some(format),
            Err(error) => {
                let span = self.inside(node, &error.span);
                match error.help {
                    Some(help) => {
                        self.error_with_help("invalid-date-format", &span, error.message, help)
                    }
                    None => self.error("invalid-date-format", &span, error.message),
                }
                None
            }
        }
    }
}
