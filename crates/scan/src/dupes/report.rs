//! Groups for people and for programs, one after the other: a report of all of them may not fit into memory.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use serde_json::{Map, Value, json};
use tamis_engine::human;

use super::act::{Action, Outcome};
use super::{Copy, Found, Group};
use crate::walk::{FileId, Tree};
use crate::{Result, names};

/// What is done about groups, or would be.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What.
    pub action: Action,
    /// Whether it is done.
    pub is_applied: bool,
}

impl Action {
    fn participle(self) -> &'static str {
        match self {
            Action::HardLink => "linked",
            Action::Reflink => "reflinked",
            Action::Delete => "deleted",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Action::HardLink => "link",
            Action::Reflink => "reflink",
            Action::Delete => "delete",
        }
    }
}

/// What was found and done in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files that were looked at.
    pub files: u64,
    /// Groups.
    pub groups: u64,
    /// Files that could go.
    pub duplicates: u64,
    /// The bytes that would be free without them.
    pub wasted_bytes: u64,
    /// Names that were dealt with.
    pub done: u64,
    /// Names that were not, for some reason.
    pub kept: u64,
    /// The bytes that are free now.
    pub freed_bytes: u64,
}

impl Totals {
    /// Counts a group and what came of it.
    pub fn add(&mut self, group: &Group, tree: &Tree, outcomes: &[Outcome]) {
        self.groups += 1;
        self.duplicates += group.superfluous();
        self.wasted_bytes += group.wasted_bytes();
        let done = outcomes.iter().filter(|it| it.result.is_ok());
        let done: HashSet<FileId> = done.map(|it| it.name).collect();
        self.done += done.len() as u64;
        self.kept += (outcomes.len() - done.len()) as u64;
        // A file whose last name is gone is gone.
        let is_gone = |copy: &&Copy| {
            let links = tree.file(copy.names[0]).links;
            copy.names.iter().all(|name| done.contains(name)) && copy.names.len() as u64 == links
        };
        self.freed_bytes += group.len_bytes * group.copies.iter().filter(is_gone).count() as u64;
    }

    /// A sentence or two.
    pub fn text(&self, found: &Found, plan: Option<Plan>) -> String {
        let counted = |count: u64, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{} {what}{plural}", human::count(count))
        };
        let mut text = format!(
            "{}: {} in {}, {} wasted; {} read",
            counted(self.files, "file"),
            counted(self.duplicates, "duplicate"),
            counted(self.groups, "group"),
            human::bytes(self.wasted_bytes),
            human::bytes(found.read_bytes),
        );
        if found.vanished > 0 {
            write!(text, "; {} gone meanwhile", counted(found.vanished, "file")).expect(STRING);
        }
        match plan {
            None => {}
            Some(Plan {
                action,
                is_applied: false,
            }) => {
                let verb = action.verb();
                write!(text, "\nnothing was done: `--apply` would {verb} them").expect(STRING);
            }
            Some(Plan {
                action,
                is_applied: true,
            }) => {
                let (done, freed) = (counted(self.done, "file"), human::bytes(self.freed_bytes));
                write!(text, "\n{} {done}, {freed} freed", action.participle()).expect(STRING);
                if self.kept > 0 {
                    write!(text, "; {} left as they are", human::count(self.kept)).expect(STRING);
                }
            }
        }
        text
    }

    /// What stands behind the last group in JSON.
    pub fn json_end(&self, found: &Found, failures: &[String]) -> String {
        let totals = json!({
            "files": self.files,
            "groups": self.groups,
            "duplicates": self.duplicates,
            "wasted_bytes": self.wasted_bytes,
            "read_bytes": found.read_bytes,
            "vanished": found.vanished,
            "not_regular": found.tree.others,
            "done": self.done,
            "kept": self.kept,
            "freed_bytes": self.freed_bytes,
        });
        let failures = Value::from(failures);
        format!("\n],\n\"failures\": {failures},\n\"totals\": {totals}\n}}\n")
    }
}

const STRING: &str = "a string takes everything";

/// What came of each name.
fn by_name(outcomes: &[Outcome]) -> HashMap<FileId, &Result<()>> {
    outcomes.iter().map(|it| (it.name, &it.result)).collect()
}

/// What happens to a name.
fn fate(copy: &Copy, is_first: bool, plan: Plan, outcome: Option<&Result<()>>) -> String {
    if is_first || copy.is_reference {
        return "keep".to_owned();
    }
    match outcome {
        Some(Ok(())) => plan.action.participle().to_owned(),
        Some(Err(_)) => "failed".to_owned(),
        None if plan.is_applied => "not reached".to_owned(),
        None => format!("would {}", plan.action.verb()),
    }
}

/// Adds a group to a page: a line of figures, a line for each file, its other names below it.
pub fn text(
    group: &Group,
    tree: &Tree,
    plan: Option<Plan>,
    outcomes: &[Outcome],
    page: &mut String,
) {
    writeln!(
        page,
        "{} files of {}, {} wasted",
        group.copies.len(),
        exact(group.len_bytes),
        human::bytes(group.wasted_bytes()),
    )
    .expect(STRING);
    let outcomes = by_name(outcomes);
    for (at, copy) in group.copies.iter().enumerate() {
        for (number, &name) in copy.names.iter().enumerate() {
            let fate = plan.map_or(String::new(), |plan| {
                let outcome = outcomes.get(&name).copied();
                format!("{:<14}", fate(copy, at == 0, plan, outcome))
            });
            let path = tree.path(name);
            let same = if number == 0 { "" } else { "= " };
            writeln!(page, "  {fate}{same}{}", names::show(&path)).expect(STRING);
        }
    }
    page.push('\n');
}

fn exact(len_bytes: u64) -> String {
    match len_bytes {
        1 => "1 byte".to_owned(),
        _ => format!("{} bytes", human::count(len_bytes)),
    }
}

/// What stands before the first group in JSON.
pub const JSON_START: &str = "{\n\"schema_version\": 1,\n\"groups\": [";

/// Adds a group to a page as one object on a line, the `number`th of all, from 1.
pub fn json(
    group: &Group,
    tree: &Tree,
    plan: Option<Plan>,
    outcomes: &[Outcome],
    number: u64,
    page: &mut String,
) {
    let outcomes = by_name(outcomes);
    let name = |at: usize, copy: &Copy, name: FileId| {
        let mut object = Map::new();
        names::put(&tree.path(name), &mut object);
        let outcome = outcomes.get(&name).copied();
        if let Some(plan) = plan {
            let fate = fate(copy, at == 0, plan, outcome);
            object.insert("action".to_owned(), fate.into());
        }
        if let Some(Err(error)) = outcome {
            object.insert("error".to_owned(), error.to_string().into());
        }
        Value::Object(object)
    };
    let files: Vec<Value> = group
        .copies
        .iter()
        .enumerate()
        .map(|(at, copy)| {
            let names: Vec<Value> = copy.names.iter().map(|&id| name(at, copy, id)).collect();
            json!({ "reference": copy.is_reference, "names": names })
        })
        .collect();
    let digest = group
        .digest
        .map(|digest| blake3::Hash::from(digest).to_string());
    let object = json!({
        "size": group.len_bytes,
        "blake3": digest,
        "wasted_bytes": group.wasted_bytes(),
        "files": files,
    });
    let comma = if number == 1 { "" } else { "," };
    write!(page, "{comma}\n{object}").expect(STRING);
}
