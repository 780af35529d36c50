//! The contract as a whole, and the account of how it came about.

use tamis_contract::model::{
    Contract, CsvFacts, DuplicateColumns, LogicalType, Object, Property, Value,
};
use tamis_contract::report::text;
use tamis_formats::value::Class;

use super::column::Column;
use super::dates::Written;
use super::decide::Decision;
use super::nulls::{Fate, Tokens};
use super::tally::{Kind, Tally};
use super::tree::Member;
use super::typing::{Typing, logical_type};

/// Everything a contract is made of.
pub(super) struct Document<'a> {
    pub(super) source_names: &'a [String],
    pub(super) facts: CsvFacts,
    /// Whether some columns are not described, since they repeat a name.
    pub(super) has_duplicates: bool,
    pub(super) tokens: &'a Tokens,
    pub(super) tally: &'a Tally,
    /// Which columns repeat no value, by their numbers.
    pub(super) unique: &'a [bool],
}

impl Document<'_> {
    /// The contract, and what there is to say about it.
    pub(super) fn write(self) -> (Contract, Vec<String>) {
        let columns: Vec<&Column> = self.tally.columns.iter().collect();
        let names: Vec<&str> = self.tally.names.iter().map(String::as_str).collect();
        let fates = self.tokens.decide(&columns);
        let decision = Decision {
            typing: match self.tally.kind {
                Kind::Csv => Typing::Text,
                Kind::Jsonl | Kind::File => Typing::Json,
            },
            rows: self.tally.rows(),
            tokens: self.tokens,
            fates: &fates,
            unique: self.unique,
            listed_max: self.tally.listed_max,
        };
        let mut notes = self.notes_on_tokens(&fates, &names);
        let mut object = Object::new(object_name(self.source_names));
        object.properties = match self.tally.kind {
            Kind::Csv | Kind::File => {
                let pairs = names.iter().copied().zip(columns.iter().copied());
                properties(pairs, |name, _, column| {
                    notes.extend(note_on_type(&decision, name, column));
                    notes.extend(note_on_absence(name, column));
                    decision.property(name, column)
                })
            }
            Kind::Jsonl => members(&self.tally.root, &decision, &mut Vec::new(), &mut notes),
        };
        object.csv = self.facts;
        object.duplicate_columns = self.has_duplicates.then_some(DuplicateColumns::Allow);
        let declared = self.tokens.texts.iter().zip(&fates);
        let declared: Vec<String> = declared
            .filter(|(_, fate)| matches!(fate, Fate::Null(_)))
            .map(|(text, _)| text.clone())
            .collect();
        object.csv.missing_values = (!declared.is_empty()).then_some(declared);
        let purpose = format!(
            "Inferred from the {} of {}: a draft, to be read and corrected.",
            text::counted(decision.rows, "row"),
            described(self.source_names)
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

/// That some inputs do not have a column.
fn note_on_absence(name: &str, column: &Column) -> Option<String> {
    (column.absent > 0).then(|| format!("`{name}` is optional: not all inputs have it"))
}

/// Why a column has not the type that most would expect of it.
fn note_on_type(decision: &Decision<'_>, name: &str, column: &Column) -> Option<String> {
    use Class::{Integer, Number, Padded, Text};
    let classes = column.classes;
    let found = decision.logical_type(column);
    if let (Some(LogicalType::String), Some(Written::Unclear(day, month))) =
        (found, column.dates.written())
    {
        return Some(format!(
            "`{name}` is a string of dates: nothing tells whether the day comes first (type `date` with format \
             `{day}`) or the month (`{month}`)"
        ));
    }
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

/// `flights.csv.gz` of `drops/flights.csv.gz`; of several inputs the first, and how many more there are.
fn described(source_names: &[String]) -> String {
    let first = match source_names[0].rsplit(['/', '\\']).next() {
        None | Some("" | "-") => "standard input",
        Some(name) => name,
    };
    match source_names.len() - 1 {
        0 => first.to_owned(),
        others => format!(
            "{first} and {}",
            text::counted(others as u64, "other input")
        ),
    }
}

/// What the object is called, so that a check finds it by the file: `flights` of `drops/flights.csv.gz`. Of several
/// inputs what their names begin with, `flights` of `flights-1.csv` and `flights-2.csv`, else their folder.
fn object_name(source_names: &[String]) -> String {
    fn parts(name: &str) -> (&str, &str) {
        let (folder, file) = name.rsplit_once(['/', '\\']).unwrap_or(("", name));
        (folder, file.split('.').next().unwrap_or_default())
    }
    let (folder, mut common) = parts(&source_names[0]);
    for name in &source_names[1..] {
        let (_, stem) = parts(name);
        let pairs = common.char_indices().zip(stem.chars());
        let differing = pairs
            .clone()
            .find(|((_, a), b)| a != b)
            .map(|((at, _), _)| at);
        common = &common[..differing.unwrap_or(common.len().min(stem.len()))];
    }
    if source_names.len() > 1 {
        common = common.trim_end_matches(|last: char| !last.is_alphabetic());
    }
    let folder = folder.rsplit(['/', '\\']).next().unwrap_or_default();
    let are_together = source_names
        .iter()
        .all(|name| parts(name).0 == parts(&source_names[0]).0);
    match common {
        "" | "-" if source_names.len() > 1 && are_together && !folder.is_empty() => {
            folder.to_owned()
        }
        "" | "-" => "data".to_owned(),
        common => common.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_called_as_the_files_are() {
        let name = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            object_name(&names)
        };
        assert_eq!(name(&["drops/flights.csv.gz"]), "flights");
        assert_eq!(name(&["-"]), "data");
        assert_eq!(name(&["a/flights-1.csv", "b/flights-2.csv"]), "flights");
        assert_eq!(name(&["a/part-1.csv", "a/part-10.csv"]), "part");
        assert_eq!(name(&["drops/1.csv", "drops/2.csv"]), "drops");
        assert_eq!(name(&["a/1.csv", "b/2.csv"]), "data");
        assert_eq!(name(&["é1.csv", "è.csv"]), "data");
    }
}
