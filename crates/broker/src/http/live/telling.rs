//! A snapshot as each who watches is told of it.
//!
//! All may know what contracts found, by topic and rule. What is in records, and the reasons, which quote them, are for those who may read
//! the topic. So all but the last bad records is written once for everybody, and these once for all who may see the same of them.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;

use super::contracts::{Shown, shown};
use super::event;
use crate::metrics::Refusal;

/// A snapshot, of which more is made when somebody is told of it.
#[derive(Debug)]
pub(super) struct Telling {
    /// An object of JSON that is not closed yet.
    shared: String,
    refusals: Vec<Refusal>,
    /// What was made, by which of the refusals may be seen.
    made: HashMap<Vec<bool>, Bytes>,
}

/// The rest of the object.
#[derive(Debug, Serialize)]
struct Rest {
    refusals: Vec<Shown>,
    /// Of the last ones, those that may not be seen.
    refusals_withheld: usize,
}

impl Telling {
    /// Of what all may know, which is an object with something in it, and the last bad records, newest first.
    pub(super) fn new(shared: &impl Serialize, refusals: Vec<Refusal>) -> Telling {
        let mut shared = json(shared);
        let end = shared.pop();
        debug_assert_eq!(end, Some('}'), "an object");
        Telling {
            shared,
            refusals,
            made: HashMap::new(),
        }
    }

    /// The event for somebody who may read these topics.
    pub(super) fn event(&mut self, may_read: impl Fn(&str) -> bool) -> Bytes {
        let seen = self.refusals.iter().map(|it| may_read(&it.topic));
        let seen: Vec<bool> = seen.collect();
        if let Some(made) = self.made.get(&seen) {
            return made.clone();
        }
        let both = self.refusals.iter().zip(&seen);
        let rest = Rest {
            refusals: shown(both.filter(|it| *it.1).map(|it| it.0)),
            refusals_withheld: seen.iter().filter(|it| !**it).count(),
        };
        // What would open the rest parts it from what is shared.
        let data = format!("{},{}", self.shared, &json(&rest)[1..]);
        let made = event("snapshot", &data);
        self.made.insert(seen, made.clone());
        made
    }
}

fn json(what: &impl Serialize) -> String {
    serde_json::to_string(what).expect("names are text, and figures finite")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::Fate;

    fn refusal(topic: &str) -> Refusal {
        Refusal {
            at_ms: 1,
            topic: topic.to_owned(),
            partition: 0,
            index: 0,
            fate: Fate::Rejected,
            reason: format!("reason of {topic}"),
            value: format!("value of {topic}"),
        }
    }

    #[test]
    fn records_are_for_those_who_may_read_their_topic() {
        let last = ["payroll", "orders", "payroll"].map(refusal);
        let mut telling = Telling::new(&json!({ "count": 3 }), last.to_vec());
        let mut told = |topics: &[&str]| {
            let event = telling.event(|topic| topics.contains(&topic));
            let text = String::from_utf8(event.to_vec()).expect("text");
            let data = text.split_once("data: ").expect("data").1.to_owned();
            serde_json::from_str::<Value>(&data).map(|it| (text, it))
        };
        let (text, orders) = told(&["orders"]).expect("JSON");
        assert!(!text.contains("of payroll") && text.contains("value of orders"));
        assert_eq!(
            (&orders["count"], &orders["refusals_withheld"]),
            (&json!(3), &json!(2))
        );
        assert_eq!(orders["refusals"].as_array().map(Vec::len), Some(1));
        let (text, nothing) = told(&[]).expect("JSON");
        assert!(!text.contains(" of "));
        assert_eq!(nothing["refusals"], json!([]));
        let (text, all) = told(&["orders", "payroll"]).expect("JSON");
        assert!(text.contains("reason of payroll"));
        assert_eq!(all["refusals_withheld"], 0);
        told(&["orders", "other"]).expect("JSON");
        assert_eq!(telling.made.len(), 3, "made once for the same rights");
    }
}
