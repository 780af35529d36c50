//! CSV facts: the `customProperties` of an object that Tamis reads.

use crate::model::{CsvFacts, Value};

use super::fields::Fields;
use super::reader::Reader;
use super::suggest;
use super::yaml::{Data, Node, Scalar};

/// The custom properties that are ours, in the order they are written.
pub(super) const NAMES: [&str; 9] = [
    "missingValues",
    "delimiter",
    "quote",
    "escape",
    "comment",
    "header",
    "trim",
    "decimalChar",
    "encoding",
];

impl Reader<'_> {
    /// The CSV facts, and the custom properties of other tools as they came.
    pub(super) fn csv_facts(&mut self, node: &Node) -> (CsvFacts, Option<Value>) {
        let mut facts = CsvFacts::default();
        let mut foreign = Vec::new();
        if let Data::Map(entries) = &node.data {
            let help =
                "the standard writes a list: `- property: delimiter` and `value: ;` below it";
            self.warning(
                "wrong-type",
                &node.span,
                "`customProperties` is a mapping",
                help,
            );
            for (key, value) in entries {
                if !self.fact(&mut facts, &key.text, value, &key.span) {
                    let pair = vec![
                        ("property".to_owned(), Value::Text(key.text.clone())),
                        ("value".to_owned(), value.value()),
                    ];
                    foreign.push(Value::Map(pair));
                }
            }
        } else {
            for item in self.list_of("customProperties", node) {
                if !self.custom_property(&mut facts, item) {
                    foreign.push(item.value());
                }
            }
        }
        (facts, (!foreign.is_empty()).then_some(Value::List(foreign)))
    }

    /// Reads one element of the list; whether it was ours.
    fn custom_property(&mut self, facts: &mut CsvFacts, item: &Node) -> bool {
        let Some(mut fields) = Fields::of(self, "a custom property", item) else {
            return true;
        };
        let Some(node) = fields.take("property") else {
            self.error(
                "missing-key",
                &(item.span.start..item.span.start + 1),
                "this custom property has no `property`",
            );
            return true;
        };
        let name = self.text_of("property", node);
        let null = Node {
            span: item.span.clone(),
            data: Data::Scalar {
                text: String::new(),
                kind: Scalar::Null,
            },
        };
        let value = fields.take("value").unwrap_or(&null);
        fields.finish(self, &["description", "id", "vendor"]);
        name.is_some_and(|name| self.fact(facts, &name, value, &node.span))
    }

    /// Reads one fact; whether it was one.
    fn fact(
        &mut self,
        facts: &mut CsvFacts,
        name: &str,
        value: &Node,
        name_span: &std::ops::Range<usize>,
    ) -> bool {
        match name {
            "missingValues" => facts.missing_values = Some(self.texts_of(name, value)),
            "delimiter" => facts.delimiter = self.byte_of(name, value),
            "quote" => facts.quote = self.optional_byte_of(name, value),
            "escape" => facts.escape = self.optional_byte_of(name, value),
            "comment" => facts.comment = self.optional_byte_of(name, value),
            "header" => facts.header = self.boolean_of(name, value),
            "trim" => facts.trim = self.boolean_of(name, value),
            "decimalChar" => facts.decimal_char = self.byte_of(name, value),
            "encoding" => facts.encoding = self.text_of(name, value),
            other => {
                if let Some(nearest) = suggest::nearest(other, NAMES) {
                    let message =
                        format!("the custom property `{other}` is not one that Tamis reads");
                    self.warning(
                        "unknown-key",
                        name_span,
                        message,
                        format!("did you mean `{nearest}`?"),
                    );
                }
                return false;
            }
        }
        true
    }

    /// One ASCII character; `tab` and `\t` are the tabulator.
    fn byte_of(&mut self, key: &str, node: &Node) -> Option<u8> {
        if let Data::Scalar {
            text,
            kind: Scalar::Text | Scalar::Number,
        } = &node.data
        {
            match text.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => return Some(*byte),
                b"tab" | b"\\t" => return Some(b'\t'),
                _ => {}
            }
        }
        self.wrong_type(key, node, "one ASCII character");
        None
    }

    /// One ASCII character, or null, `false` or nothing for "there is none".
    fn optional_byte_of(&mut self, key: &str, node: &Node) -> Option<Option<u8>> {
        match &node.data {
            Data::Scalar {
                kind: Scalar::Null | Scalar::Boolean(false),
                ..
            } => Some(None),
            Data::Scalar { text, .. } if text.is_empty() => Some(None),
            _ => self.byte_of(key, node).map(Some),
        }
    }
}
