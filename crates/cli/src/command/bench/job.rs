//! What is run at every level: verbs with arguments that fit the input.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use tamis_contract::model::{
    Bound, BoundValue, LogicalType, Metric, Object, Property, QualityKind,
};

/// A verb on the input.
#[derive(Debug)]
pub(super) struct Job {
    /// The verb, and what it is told to do with the input.
    pub(super) title: String,
    /// Its command line, without the level.
    pub(super) arguments: Vec<OsString>,
}

/// The ways to run a verb, of which the first that works is measured.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) verb: &'static str,
    pub(super) jobs: Vec<Job>,
    /// Why there is nothing to run, if there is not.
    pub(super) lack: &'static str,
}

/// A verb that is not measured.
#[derive(Debug)]
pub(super) struct Skipped {
    pub(super) verb: &'static str,
    pub(super) reason: String,
}

/// Makes jobs of one input.
struct Jobs<'a> {
    input: &'a Path,
    shared: &'a [OsString],
}

/// The check of the input.
pub(super) fn check(input: &Path, contract: &Path, shared: &[OsString]) -> Job {
    let options = ["--contract".as_ref(), contract.as_os_str()];
    Jobs { input, shared }.job("check".to_owned(), "check", &options)
}

/// Every other verb that has levels, with options for this input, which `object` describes.
///
/// A contract may call a column a number that is none in the data, where some values are bad: then the column is a text,
/// and a verb has to read numbers out of it (`double(...)`).
pub(super) fn choices(input: &Path, object: &Object, shared: &[OsString]) -> Vec<Choice> {
    let jobs = Jobs { input, shared };
    let stats = |title: &str, options: &[&OsStr]| Choice {
        verb: "stats",
        jobs: vec![jobs.job(title.to_owned(), "stats", options)],
        lack: "",
    };
    let filters = above_the_middle(object).into_iter().flatten();
    let groups = sum_by_key(object).into_iter().flatten();
    vec![
        stats("stats --core", &["--core".as_ref()]),
        stats("stats", &[]),
        Choice {
            verb: "filter",
            jobs: filters.map(|filter| jobs.filter(&filter)).collect(),
            lack: "the contract has no column of numbers with a range to divide",
        },
        Choice {
            verb: "group",
            jobs: groups
                .map(|(key, aggregates)| jobs.group(&key, &aggregates))
                .collect(),
            lack: "the contract has no column of few values, or none of numbers",
        },
    ]
}

impl Jobs<'_> {
    fn job(&self, title: String, verb: &str, options: &[&OsStr]) -> Job {
        let words = [verb.as_ref(), self.input.as_os_str(), "--quiet".as_ref()];
        let words = words.into_iter().chain(options.iter().copied());
        let shared = self.shared.iter().map(OsString::as_os_str);
        Job {
            title,
            arguments: words.chain(shared).map(OsStr::to_owned).collect(),
        }
    }

    fn filter(&self, filter: &str) -> Job {
        let options = ["--skip-malformed", "--where", filter].map(OsStr::new);
        let title = format!("filter --where \"{filter}\"");
        self.job(title, "filter", &options)
    }

    fn group(&self, key: &str, aggregates: &str) -> Job {
        let options = ["--skip-malformed", "--by", key, "--agg", aggregates].map(OsStr::new);
        let title = format!("group --by {key} --agg \"{aggregates}\"");
        self.job(title, "group", &options)
    }
}

/// A column of numbers as it is, and as the numbers that can be read out of it.
fn as_number(property: &Property) -> [String; 2] {
    let column = quoted(property.column_name());
    let read = format!("double({column})");
    [column, read]
}

/// A key of few values and a number to add up for each of them: the first columns of their kind.
fn sum_by_key(object: &Object) -> Option<[(String, String); 2]> {
    let mut properties = object.properties.iter();
    let key = properties.find(|property| has_listed_values(property))?;
    let mut properties = object.properties.iter();
    let is_number =
        |property: &&Property| property.logical_type.is_some_and(LogicalType::is_numeric);
    let key = quoted(key.column_name());
    Some(as_number(properties.find(is_number)?).map(|number| {
        let aggregates = format!("count(), sum({number}), mean({number})");
        (key.clone(), aggregates)
    }))
}

/// Whether the contract lists the values of a column, as a constraint or in a rule that counts all others.
fn has_listed_values(property: &Property) -> bool {
    let lists_values = |kind: &QualityKind| {
        matches!(
            kind,
            QualityKind::Metric {
                metric: Metric::InvalidValues {
                    valid_values: Some(_),
                    ..
                },
                ..
            }
        )
    };
    property.constraints.allowed_values.is_some()
        || property.quality.iter().any(|rule| lists_values(&rule.kind))
}

/// A column as expressions name any of them.
fn quoted(name: &str) -> String {
    let name = name.replace('\\', r"\\").replace('\'', r"\'");
    format!("row['{name}']")
}

/// An expression that some records fulfil and some do not: the first numeric column above the middle of its range.
fn above_the_middle(object: &Object) -> Option<[String; 2]> {
    let number = |bound: &Option<Bound>| match bound.as_ref()?.value {
        BoundValue::Number(ref value) => Some(value.to_f64()),
        BoundValue::Temporal(_) => None,
    };
    object.properties.iter().find_map(|property| {
        let (least, greatest) = (
            number(&property.constraints.minimum)?,
            number(&property.constraints.maximum)?,
        );
        let middle = (least + greatest) / 2.0;
        (least < greatest).then(|| as_number(property).map(|number| format!("{number} > {middle}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_divides_the_first_column_with_a_range() {
        let object = |property| Object::new("orders").property(property);
        let range = |name: &str| Property::integer(name).minimum(1).maximum(10);
        let filter = above_the_middle(&object(range("o'clock")));
        let expected = [r"row['o\'clock'] > 5.5", r"double(row['o\'clock']) > 5.5"];
        assert_eq!(filter, Some(expected.map(str::to_owned)));
        assert_eq!(
            above_the_middle(&object(Property::integer("a").minimum(1))),
            None
        );
        assert_eq!(above_the_middle(&object(Property::string("a"))), None);
    }

    #[test]
    fn groups_are_of_few_values() {
        let object = Object::new("orders")
            .property(Property::string("id"))
            .property(Property::number("amount"));
        assert_eq!(sum_by_key(&object), None);
        let object = object.property(Property::string("country").one_of(["DE", "FR"]));
        let [(key, aggregates), _] = sum_by_key(&object).expect("a key and a number");
        assert_eq!(key, "row['country']");
        assert_eq!(
            aggregates,
            "count(), sum(row['amount']), mean(row['amount'])"
        );
        // As an inferred contract lists them.
        let contract = b"apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    properties:\n      \
            - { name: amount, logicalType: number }\n      \
            - { name: land, logicalType: string, quality: [{ metric: invalidValues, arguments: { validValues: [DE] }, mustBe: 0 }] }\n";
        let read = tamis_contract::odcs::read("a.odcs.yaml", contract).expect("it is a contract");
        let [(key, _), _] = sum_by_key(&read.contract.objects[0]).expect("a key and a number");
        assert_eq!(key, "row['land']");
    }
}
