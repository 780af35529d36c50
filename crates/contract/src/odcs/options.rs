//! `logicalTypeOptions`: the limits on a property's values.

use std::cmp::Ordering;
use std::ops::Range;

use tamis_engine::number::Decimal;

use crate::format::{DateFormat, Format, IntegerFormat, TextFormat};
use crate::model::{
    Bound, BoundValue, Constraints, Extra, Inclusion, LogicalType, Property, UncheckedKind,
};
use crate::pattern::Pattern;

use super::fields::Fields;
use super::reader::Reader;
use super::yaml::{Data, Node, Scalar};

/// Options of the standard that Tamis does not check, with what they need.
const UNCHECKED: [(&str, &str); 6] = [
    (
        "defaultTimezone",
        "values without an offset are compared as UTC",
    ),
    ("maxItems", "lengths of lists are not checked"),
    ("minItems", "lengths of lists are not checked"),
    (
        "uniqueItems",
        "elements of lists are not compared with each other",
    ),
    ("maxProperties", "members of records are not counted"),
    ("minProperties", "members of records are not counted"),
];

/// String formats people write that say nothing Tamis could check.
const UNCHECKED_FORMATS: [&str; 8] = [
    "binary",
    "byte",
    "duration",
    "idn-email",
    "idn-hostname",
    "iri",
    "json-pointer",
    "password",
];

/// Whether an option sets the lower or the upper end of the range.
#[derive(Clone, Copy)]
enum End {
    Minimum,
    Maximum,
}

impl Reader<'_> {
    /// The limits; what is not checked is listed and, for writing, put into `carried`.
    pub(super) fn options(
        &mut self,
        node: &Node,
        logical_type: Option<LogicalType>,
        members: &mut [Property],
        carried: &mut Extra,
    ) -> Constraints {
        let mut constraints = Constraints::default();
        let Some(mut fields) = Fields::of(self, "logicalTypeOptions", node) else {
            return constraints;
        };
        let mut kept = Extra::new();
        match logical_type {
            None | Some(LogicalType::String) => {
                self.text_options(&mut fields, &mut constraints, &mut kept)
            }
            Some(LogicalType::Integer | LogicalType::Number) => {
                self.number_options(
                    &mut fields,
                    &mut constraints,
                    logical_type == Some(LogicalType::Integer),
                );
            }
            Some(LogicalType::Date | LogicalType::Timestamp | LogicalType::Time) => {
                self.temporal_options(&mut fields, &mut constraints, logical_type);
            }
            Some(LogicalType::Object) => self.required_members(&mut fields, members),
            Some(LogicalType::Array | LogicalType::Boolean) => {}
        }
        let applicable = applicable_unchecked(logical_type);
        for (key, node) in fields.rest() {
            if let Some((rule, reason)) = UNCHECKED
                .iter()
                .find(|(rule, _)| *rule == key.text && applicable.contains(rule))
            {
                self.not_checked(UncheckedKind::Rule, &key.span, *rule, *reason);
                kept.push((key.text.clone(), node.value()));
            } else if let Some(owner) = owner_of(&key.text) {
                let type_name =
                    logical_type.map_or("a property without `logicalType`", LogicalType::name);
                let message = format!("`{}` does not apply to {type_name}", key.text);
                self.error_with_help(
                    "contradiction",
                    &key.span,
                    message,
                    format!("it applies to {owner}"),
                );
            }
        }
        let reported = |key: &str| applicable.contains(&key) || owner_of(key).is_some();
        let ignored: Vec<&'static str> = ALL_OPTIONS
            .iter()
            .copied()
            .filter(|key| reported(key))
            .collect();
        fields.finish(self, &ignored);
        if !kept.is_empty() {
            carried.push((
                "logicalTypeOptions".to_owned(),
                crate::model::Value::Map(kept),
            ));
        }
        constraints
    }

    fn text_options(
        &mut self,
        fields: &mut Fields<'_>,
        constraints: &mut Constraints,
        kept: &mut Extra,
    ) {
        constraints.min_length = fields.count(self, "minLength");
        let longest = fields.take("maxLength");
        constraints.max_length = longest.and_then(|node| self.count_of("maxLength", node));
        if let (Some(min), Some(max), Some(node)) =
            (constraints.min_length, constraints.max_length, longest)
            && min > max
        {
            let message = format!("no text is at least {min} and at most {max} characters long");
            self.error("contradiction", &node.span, message);
        }
        constraints.pattern = fields
            .take("pattern")
            .and_then(|node| self.pattern_of("pattern", node));
        let Some(node) = fields.take("format") else {
            return;
        };
        let Some(name) = self.text_of("format", node) else {
            return;
        };
        constraints.format = TextFormat::parse(&name).map(Format::Text);
        if constraints.format.is_none() && UNCHECKED_FORMATS.contains(&name.as_str()) {
            self.not_checked(
                UncheckedKind::Rule,
                &node.span,
                "format",
                format!("the format `{name}` is not checked"),
            );
            kept.push(("format".to_owned(), node.value()));
        } else if constraints.format.is_none() {
            let known = TextFormat::ALL.map(TextFormat::name);
            self.unknown(
                "unknown-value",
                &node.span,
                "format of a string",
                &name,
                &known,
            );
        }
    }

    fn number_options(
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

    fn temporal_options(
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
                        super::reader::shortened(&text)
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

    /// Reads both ends of the range and refuses an empty one.
    fn range(
        &mut self,
        fields: &mut Fields<'_>,
        constraints: &mut Constraints,
        value: impl Fn(&mut Self, &str, &Node) -> Option<BoundValue>,
        compare: impl Fn(&BoundValue, &BoundValue) -> Option<Ordering>,
    ) {
        let minimum = self.end(fields, End::Minimum, &value, &compare);
        let maximum = self.end(fields, End::Maximum, &value, &compare);
        if let (Some((min, _)), Some((max, span))) = (&minimum, &maximum) {
            let is_point =
                min.inclusion == Inclusion::Inclusive && max.inclusion == Inclusion::Inclusive;
            let is_empty = match compare(&min.value, &max.value) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => !is_point,
                _ => false,
            };
            if is_empty {
                self.error(
                    "contradiction",
                    span,
                    "no value lies between the minimum and the maximum",
                );
            }
        }
        constraints.minimum = minimum.map(|(bound, _)| bound);
        constraints.maximum = maximum.map(|(bound, _)| bound);
    }

    /// One end of the range: `minimum`, and `exclusiveMinimum` in both its spellings.
    fn end(
        &mut self,
        fields: &mut Fields<'_>,
        end: End,
        value: &impl Fn(&mut Self, &str, &Node) -> Option<BoundValue>,
        compare: &impl Fn(&BoundValue, &BoundValue) -> Option<Ordering>,
    ) -> Option<(Bound, Range<usize>)> {
        let (inclusive_key, exclusive_key) = match end {
            End::Minimum => ("minimum", "exclusiveMinimum"),
            End::Maximum => ("maximum", "exclusiveMaximum"),
        };
        let limit = fields.take(inclusive_key);
        let mut bound = limit.and_then(|node| {
            Some((
                Bound::inclusive(value(self, inclusive_key, node)?),
                node.span.clone(),
            ))
        });
        let Some(node) = fields.take(exclusive_key) else {
            return bound;
        };
        // 3.0 writes a flag beside the limit; 3.1 and later write the limit itself.
        if let Data::Scalar {
            kind: Scalar::Boolean(is_exclusive),
            ..
        } = node.data
        {
            match &mut bound {
                Some((bound, _)) if is_exclusive => bound.inclusion = Inclusion::Exclusive,
                None if is_exclusive && limit.is_none() => {
                    let help = format!(
                        "add `{inclusive_key}`, or write the limit itself: `{exclusive_key}: 0`"
                    );
                    self.error_with_help(
                        "contradiction",
                        &node.span,
                        format!("`{exclusive_key}: true` without `{inclusive_key}`"),
                        help,
                    );
                }
                _ => {}
            }
            return bound;
        }
        let exclusive = value(self, exclusive_key, node)
            .map(|value| (Bound::exclusive(value), node.span.clone()));
        match (bound, exclusive) {
            (Some(inclusive), Some(exclusive)) => {
                let help = "keep one of them; the narrower one is used";
                self.warning(
                    "contradiction",
                    &node.span,
                    format!("`{inclusive_key}` and `{exclusive_key}` are both given"),
                    help,
                );
                let order =
                    compare(&exclusive.0.value, &inclusive.0.value).unwrap_or(Ordering::Equal);
                let exclusive_is_narrower = match end {
                    End::Minimum => order.is_ge(),
                    End::Maximum => order.is_le(),
                };
                Some(if exclusive_is_narrower {
                    exclusive
                } else {
                    inclusive
                })
            }
            (inclusive, exclusive) => inclusive.or(exclusive),
        }
    }

    /// A pattern; its error points into the text.
    pub(super) fn pattern_of(&mut self, key: &str, node: &Node) -> Option<Pattern> {
        let text = self.text_of(key, node)?;
        match Pattern::compile(&text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let span = self.inside(node, &error.span);
                match error.help {
                    Some(help) => {
                        self.error_with_help("invalid-pattern", &span, error.message, help)
                    }
                    None => self.error("invalid-pattern", &span, error.message),
                }
                None
            }
        }
    }

    /// `required` of an object names the members that must not be null.
    fn required_members(&mut self, fields: &mut Fields<'_>, members: &mut [Property]) {
        let Some(node) = fields.take("required") else {
            return;
        };
        for name in self.texts_of("required", node) {
            match members.iter_mut().find(|member| member.name == name) {
                Some(member) => member.required = true,
                None => self.error(
                    "unknown-value",
                    &node.span,
                    format!("`required` names `{name}`, which is not among the properties"),
                ),
            }
        }
    }
}

/// Every option of the standard.
const ALL_OPTIONS: [&str; 17] = [
    "defaultTimezone",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "timezone",
    "uniqueItems",
];

/// The options in [`UNCHECKED`] that a type may have.
fn applicable_unchecked(logical_type: Option<LogicalType>) -> &'static [&'static str] {
    match logical_type {
        Some(LogicalType::Timestamp | LogicalType::Time) => &["defaultTimezone"],
        Some(LogicalType::Array) => &["maxItems", "minItems", "uniqueItems"],
        Some(LogicalType::Object) => &["maxProperties", "minProperties"],
        _ => &[],
    }
}

/// The types an option applies to, in words; `None` for what is no option at all.
fn owner_of(option: &str) -> Option<&'static str> {
    Some(match option {
        "minLength" | "maxLength" | "pattern" => "`string`",
        "multipleOf" => "`integer` and `number`",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            "`integer`, `number`, `date`, `timestamp` and `time`"
        }
        "format" => "text, numbers, dates and times",
        "timezone" | "defaultTimezone" => "`timestamp` and `time`",
        "minItems" | "maxItems" | "uniqueItems" => "`array`",
        "minProperties" | "maxProperties" | "required" => "`object`",
        _ => return None,
    })
}
