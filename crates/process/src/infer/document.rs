//! The contract as a whole, and the account of how it came about.

use tamis_contract::model::{Contract, CsvFacts, LogicalType, Object, Property, Value};
use tamis_contract::report::text;

use super::Tally;
use super::column::Column;
use super::decide::Decision;
use super::nulls::{Fate, Tokens};
use super::tree::Member;
use tamis_formats::value::Class;

use super::typing::{Typing, logical_type};
use super::worker::Layout;

/// Everything a contract is made of.
pub(super) struct Document<'a> {
    pub(super) source_name: &'a str,
    pub(super) layout: &'a Layout,
    pub(super) names: &'a [String],
    pub(super) duplicates: &'a [usize],
    pub(super) facts: CsvFacts,
    pub(super) tokens: &'a Tokens,
    pub(super) tally: &'a Tally,
}

impl Document<'_> {
    /// The contract, and what there is to say about it.
    pub(super) fn write(self) -> (Contract, Vec<String>) {
        let described: Vec<usize> = (0..self.names.len())
            .filter(|index| !self.duplicates.contains(index))
            .collect();
        let columns: Vec<&Column> = described
            .iter()
            .map(|&index| &self.tally.columns[index])
            .collect();
        let names: Vec<&str> = described
            .iter()
            .map(|&index| self.names[index].as_str())
            .collect();
        let fates = self.tokens.decide(&columns);
        let decision = Decision {
            typing: match self.layout {
                Layout::Csv { .. } => Typing::Text,
                Layout::Jsonl => Typing::Json,
            },
            rows: self.tally.rows(),
            tokens: self.tokens,
            fates: &fates,
        };
        let mut notes = self.notes_on_tokens(&fates, &names);
        for &index in self.duplicates {
            notes.push(format!(
                "column {} repeats the name `{}` and is not described; a check will complain about it",
                index + 1,
                self.names[index]
            ));
        }
        let mut object = Object::new(stem(self.source_name));
        object.properties = match self.layout {
            Layout::Csv { .. } => {
                let pairs = names.iter().copied().zip(columns.iter().copied());
                properties(pairs, |name, _, column| {
                    notes.extend(note_on_type(&decision, name, column));
                    decision.property(name, column)
                })
            }
            Layout::Jsonl => members(&self.tally.root, &decision, &mut Vec::new(), &mut notes),
        };
        object.csv = self.facts;
        let declared = self.tokens.texts.iter().zip(&fates);
        let declared: Vec<String> = declared
            .filter(|(_, fate)| matches!(fate, Fate::Null(_)))
            .map(|(text, _)| text.clone())
            .collect();
        object.csv.missing_values = (!declared.is_empty()).then_some(declared);
        let purpose = format!(
            "Inferred from the {} of {}: a draft, to be read and corrected.",
            text::counted(decision.rows, "row"),
            file_name(self.source_name)
        );
        let mut contract = Contract::builder(object.name.clone())
            .object(object)
            .build();
        let description = vec![("purpose".to_owned(), Value::Text(purpose))];
        contract
            .extra
            .push(("description".to_owned(), Value::Map(description)));
        (contract, notes)
    }

    fn notes_on_tokens(&self, fates: &[Fate], names: &[&str]) -> Vec<String> {
        if self.tokens.are_given {
            return Vec::new();
        }
        let mut notes = Vec::new();
        for (token, fate) in self.tokens.texts.iter().zip(fates) {
            match fate {
                Fate::Null(columns) => notes.push(format!(
                    "`{token}` is null: without it {} {} a type",
                    listed(columns, names),
                    if columns.len() == 1 { "has" } else { "have" },
                )),
                Fate::Kept { by, wanted_by } if !wanted_by.is_empty() => notes.push(format!(
                    "`{token}` is not null: among the values of `{}` it looks like one, so {} cannot do \
                     without it (`--missing-values {token}` decides otherwise)",
                    names[*by],
                    listed(wanted_by, names),
                )),
                Fate::Kept { .. } | Fate::Unwanted | Fate::Absent => {}
            }
        }
        notes
    }
}

/// The properties of JSON members, theirs included.
fn members(
    parent: &Member,
    decision: &Decision<'_>,
    path: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Vec<Property> {
    let pairs = parent
        .members
        .iter()
        .map(|member| (member.key.as_str(), member));
    properties(pairs, |name, key, member: &Member| {
        path.push(key.to_owned());
        notes.extend(note_on_type(decision, &path.join("."), &member.column));
        let mut property = decision.property(name, &member.column);
        property.properties = members(member, decision, path, notes);
        path.pop();
        property
    })
}

/// A property for each pair of a name in the data and what is known of it. A contract has no empty names:
/// such a column is called by its number, and its own name is the physical one.
fn properties<'n, T>(
    pairs: impl Iterator<Item = (&'n str, T)> + Clone,
    mut describe: impl FnMut(&str, &'n str, T) -> Property,
) -> Vec<Property> {
    let is_taken = |wanted: &str| pairs.clone().any(|(name, _)| name == wanted);
    let mut properties = Vec::new();
    for (index, (name, known)) in pairs.clone().enumerate() {
        if !name.is_empty() {
            properties.push(describe(name, name, known));
            continue;
        }
        let mut substitute = format!("column_{}", index + 1);
        while is_taken(&substitute) {
            substitute.push('_');
        }
        properties.push(describe(&substitute, name, known).physical_name(name));
    }
    properties
}

/// Why a column has not the type that most would expect of it.
fn note_on_type(decision: &Decision<'_>, name: &str, column: &Column) -> Option<String> {
    use Class::{Integer, Number, Padded, Text};
    let classes = column.classes;
    let found = decision.logical_type(column);
    if found == Some(LogicalType::String) && classes.are_only(&[Integer, Number, Padded]) {
        return classes.contains(Padded).then(|| {
            format!("`{name}` is a string: some of its numbers start with a zero, as codes do")
        });
    }
    match found {
        None if classes.is_empty() => {
            Some(format!("`{name}` has no type: it is null in every row"))
        }
        None => Some(format!(
            "`{name}` has no type: its values are of different kinds"
        )),
        Some(LogicalType::String)
            if !classes.is_empty()
                && !classes.contains(Text)
                && logical_type(classes, decision.typing) == found =>
        {
            Some(format!(
                "`{name}` is a string: its values are of several types"
            ))
        }
        _ => None,
    }
}

/// `` `a`, `b` and 3 more columns ``.
fn listed(columns: &[usize], names: &[&str]) -> String {
    const SHOWN: usize = 6;
    let shown = columns.iter().take(SHOWN);
    let mut text = shown
        .map(|&column| format!("`{}`", names[column]))
        .collect::<Vec<_>>()
        .join(", ");
    if columns.len() > SHOWN {
        text.push_str(&format!(" and {} more", columns.len() - SHOWN));
    }
    text
}

/// `flights.csv.gz` of `drops/flights.csv.gz`.
fn file_name(source_name: &str) -> &str {
    match source_name.rsplit(['/', '\\']).next() {
        None | Some("" | "-") => "standard input",
        Some(name) => name,
    }
}

/// `flights` of `drops/flights.csv.gz`; what the object is called, so that a check finds it by the file.
fn stem(source_name: &str) -> String {
    let name = source_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    match stem {
        "" | "-" => "data".to_owned(),
        stem => stem.to_owned(),
    }
}
