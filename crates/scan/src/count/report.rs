//! Counts for people and for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Counted, Counts, Wanted};
use crate::names;

impl Wanted {
    /// The wanted counts by name, in the order in which `wc` prints them; records come last.
    fn of(self, counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            (self.lines, "lines", counts.lines),
            (self.words, "words", counts.words),
            (self.chars, "chars", counts.chars),
            (self.bytes, "bytes", counts.bytes),
            (self.longest_line, "longest_line", counts.longest_line),
            (self.records, "records", counts.records),
        ]
        .into_iter()
        .filter_map(|(is_wanted, name, count)| is_wanted.then_some((name, count)))
    }
}

/// A line for each input that could be read and, if there are several, one for all: numbers as wide as the widest, then the name
/// as `show` writes it.
pub fn text(counted: &Counted, wanted: Wanted, show: impl Fn(&Path) -> String) -> String {
    let largest = wanted.of(&counted.total).map(|(_, count)| count).max();
    let width = largest.unwrap_or(0).to_string().len();
    let mut page = String::new();
    let mut line = |counts: &Counts, name: &str| {
        for (at, (_, count)) in wanted.of(counts).enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(page, "{gap}{count:>width$}").expect("a string takes everything");
        }
        let gap = if name.is_empty() { "" } else { " " };
        writeln!(page, "{gap}{name}").expect("a string takes everything");
    };
    for (name, counts) in &counted.inputs {
        if let Ok(counts) = counts {
            line(counts, &show(name));
        }
    }
    if counted.inputs.len() > 1 {
        line(&counted.total, "total");
    }
    page
}

/// All of it as one object.
pub fn json(counted: &Counted, wanted: Wanted) -> String {
    let object = |counts: &Counts| -> Map<String, Value> {
        let counts = wanted.of(counts);
        counts
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect()
    };
    let inputs: Vec<Value> = counted
        .inputs
        .iter()
        .map(|(name, counts)| {
            let mut input = match counts {
                Ok(counts) => object(counts),
                Err(error) => Map::from_iter([("error".to_owned(), error.to_string().into())]),
            };
            names::put(name, &mut input);
            input.into()
        })
        .collect();
    let document = json!({
        "schema_version": 1,
        "inputs": inputs,
        "total": object(&counted.total),
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_the_total() {
        let counts = |lines, bytes| Counts {
            lines,
            bytes,
            ..Counts::default()
        };
        let mut counted = Counted {
            inputs: vec![
                ("a".into(), Ok(counts(1, 900))),
                ("b".into(), Ok(counts(20, 200))),
            ],
            ..Counted::default()
        };
        counted.total = counts(21, 1100);
        let wanted = Wanted {
            lines: true,
            bytes: true,
            ..Wanted::default()
        };
        let show = |name: &Path| name.display().to_string();
        assert_eq!(
            text(&counted, wanted, show),
            "   1  900 a\n  20  200 b\n  21 1100 total\n"
        );
        counted.inputs.truncate(1);
        assert_eq!(text(&counted, wanted, |_| String::new()), "   1  900\n");
        let document: Value = serde_json::from_str(&json(&counted, wanted)).expect("it is JSON");
        assert_eq!(
            document["inputs"][0],
            json!({ "path": "a", "lines": 1, "bytes": 900 })
        );
        assert_eq!(document["total"], json!({ "lines": 21, "bytes": 1100 }));
    }
}
