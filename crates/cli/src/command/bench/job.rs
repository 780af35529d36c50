//! What is run at every level: verbs with arguments that fit the input.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use tamis_contract::model::{Bound, BoundValue, Object};

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
    jobs
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
        let name = property.name.replace('\\', r"\\").replace('\'', r"\'");
        (least < greatest).then(|| format!("row['{name}'] > {}", (least + greatest) / 2.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_contract::model::Property;

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
}
