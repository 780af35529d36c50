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

/// Every verb that has levels, with options for this input, which `object` describes.
pub(super) fn jobs(
    input: &Path,
    contract: &Path,
    object: &Object,
    shared: &[OsString],
) -> Vec<Job> {
    let job = |title: &str, verb: &str, options: &[&OsStr]| {
        let words = [verb.as_ref(), input.as_os_str(), "--quiet".as_ref()];
        let words = words.into_iter().chain(options.iter().copied());
        let shared = shared.iter().map(OsString::as_os_str);
        Job {
            title: title.to_owned(),
            arguments: words.chain(shared).map(OsStr::to_owned).collect(),
        }
    };
    let mut jobs = vec![
        job(
            "check",
            "check",
            &["--contract".as_ref(), contract.as_ref()],
        ),
        job("stats --core", "stats", &["--core".as_ref()]),
        job("stats", "stats", &[]),
    ];
    if let Some(filter) = above_the_middle(object) {
        let title = format!("filter --where \"{filter}\"");
        jobs.push(job(
            &title,
            "filter",
            &["--where".as_ref(), filter.as_ref()],
        ));
    }
    if let Some((key, aggregates)) = sum_by_key(object) {
        let title = format!("group --by {key} --agg \"{aggregates}\"");
        let options = ["--by", &key, "--agg", &aggregates].map(OsStr::new);
        jobs.push(job(&title, "group", &options));
    }
    jobs
}

/// A key of few values and a number to add up for each of them: the first columns of their kind.
fn sum_by_key(object: &Object) -> Option<(String, String)> {
    let mut properties = object.properties.iter();
    let key = properties.find(|property| has_listed_values(property))?;
    let mut properties = object.properties.iter();
    let is_number =
        |property: &&Property| property.logical_type.is_some_and(LogicalType::is_numeric);
    let number = quoted(&properties.find(is_number)?.name);
    Some((
        quoted(&key.name),
        format!("count(), sum({number}), mean({number})"),
    ))
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
fn above_the_middle(object: &Object) -> Option<String> {
    let number = |bound: &Option<Bound>| match bound.as_ref()?.value {
        BoundValue::Number(ref value) => value.to_string().parse::<f64>().ok(),
        BoundValue::Temporal(_) => None,
    };
    object.properties.iter().find_map(|property| {
        let (least, greatest) = (
            number(&property.constraints.minimum)?,
            number(&property.constraints.maximum)?,
        );
        let column = quoted(&property.name);
        (least < greatest).then(|| format!("{column} > {}", (least + greatest) / 2.0))
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
        assert_eq!(filter.as_deref(), Some(r"row['o\'clock'] > 5.5"));
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
        let (key, aggregates) = sum_by_key(&object).expect("a key and a number");
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
        let (key, _) = sum_by_key(&read.contract.objects[0]).expect("a key and a number");
        assert_eq!(key, "row['land']");
    }
}
