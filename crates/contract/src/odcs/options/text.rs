//! Options of a text: its length, `pattern` and `format`.

use crate::format::{Format, TextFormat};
use crate::model::{Constraints, Extra, UncheckedKind};
use crate::odcs::fields::Fields;
use crate::odcs::reader::Reader;
use crate::odcs::yaml::Node;
use crate::pattern::Pattern;

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

impl Reader<'_> {
    pub(super) fn text_options(
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

    /// A pattern; its error points into the text.
    pub(in crate::odcs) fn pattern_of(&mut self, key: &str, node: &Node) -> Option<Pattern> {
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
}
