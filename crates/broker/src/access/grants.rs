//! Grants: which user may do what, in a file of TOML that people write.
//!
//! ```toml
//! [users.alice]
//! read = ["orders", "logs.*"]
//! write = ["orders"]
//! groups = ["billing*"]
//!
//! [users.prometheus]
//! metrics = true
//!
//! [users.ops]
//! admin = true
//! ```
//!
//! A name that ends in `*` stands for all that begin so. What is not granted may not be done; a user without an entry may do nothing.
//! `admin` is for everything but the records themselves: who administers topics need not be able to read what is in them.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Error, Result};

/// A file of grants is no longer.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    /// Learn that there is such a topic, and what it is like.
    Describe(&'a str),
    /// Read the records of a topic.
    Read(&'a str),
    /// Write records into a topic.
    Write(&'a str),
    /// Write records into any topic.
    WriteSomewhere,
    /// Take part in a group, see it, and change what it has.
    Group(&'a str),
    /// Change topics and what they are set to, and see what the broker is set to.
    Administer,
    /// See the metrics and the page.
    Watch,
}

/// Actions by the names under which those that are denied are counted, in the order of [`Action::number`].
pub(crate) const OPERATIONS: [&str; 7] = [
    "describe",
    "read",
    "write",
    "write-somewhere",
    "group",
    "administer",
    "watch",
];

impl Action<'_> {
    /// Where it stands in [`OPERATIONS`].
    pub(super) fn number(self) -> usize {
        match self {
            Action::Describe(_) => 0,
            Action::Read(_) => 1,
            Action::Write(_) => 2,
            Action::WriteSomewhere => 3,
            Action::Group(_) => 4,
            Action::Administer => 5,
            Action::Watch => 6,
        }
    }

    /// The topic or the group that it is about.
    pub(crate) fn resource(&self) -> &str {
        match self {
            Action::Describe(name)
            | Action::Read(name)
            | Action::Write(name)
            | Action::Group(name) => name,
            Action::WriteSomewhere | Action::Administer | Action::Watch => "",
        }
    }
}

/// The names of some topics or groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// This one.
    One(String),
    /// All that begin so.
    Beginning(String),
}

impl Names {
    fn has(&self, name: &str) -> bool {
        match self {
            Names::One(one) => one == name,
            Names::Beginning(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) read: Vec<Names>,
    pub(crate) write: Vec<Names>,
    pub(crate) groups: Vec<Names>,
    pub(crate) is_admin: bool,
    watches: bool,
}

impl Granted {
    fn allows(&self, action: Action<'_>) -> bool {
        let has = |names: &[Names], name: &str| names.iter().any(|it| it.has(name));
        match action {
            Action::Read(topic) => has(&self.read, topic),
            Action::Write(topic) => has(&self.write, topic),
            Action::Describe(topic) => {
                self.is_admin || has(&self.read, topic) || has(&self.write, topic)
            }
            Action::WriteSomewhere => !self.write.is_empty(),
            Action::Group(group) => self.is_admin || has(&self.groups, group),
            Action::Administer => self.is_admin,
            Action::Watch => self.is_admin || self.watches,
        }
    }
}

/// What all users may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    pub(crate) users: BTreeMap<String, Granted>,
}

type Fault = (std::ops::Range<usize>, String);

impl Grants {
    /// Reads the file, which has to be there.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Grants`].
    pub(super) fn read(path: &Path) -> Result<Grants> {
        let io = |error| Error::io("read", path)(error);
        let len_bytes = path.metadata().map_err(io)?.len();
        if len_bytes > FILE_BYTES_MAX {
            let detail = format!("{len_bytes} bytes, at most {FILE_BYTES_MAX} are taken");
            return Err(fault(path, "", 0, detail));
        }
        let text = std::fs::read(path).map_err(io)?;
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            fault(path, &before, before.len(), "this is no UTF-8".to_owned())
        })?;
        Grants::parse(&text).map_err(|(place, detail)| fault(path, &text, place.start, detail))
    }

    fn parse(text: &str) -> Result<Grants, Fault> {
        let document = DeTable::parse(text).map_err(|error| {
            let place = error.span().unwrap_or_default();
            (place, error.message().to_owned())
        })?;
        let mut users = BTreeMap::new();
        for (key, value) in document.get_ref() {
            if key.get_ref() != "users" {
                let detail = format!(
                    "`{}` is not known: there is `[users.NAME]`",
                    shown(key.get_ref())
                );
                return Err((key.span(), detail));
            }
            for (name, value) in table(value, "`users`")? {
                let granted = granted(table(value, "a user")?)?;
                users.insert(name.get_ref().to_string(), granted);
            }
        }
        Ok(Grants { users })
    }

    pub(super) fn allow(&self, user: &str, action: Action<'_>) -> bool {
        let granted = self.users.get(user);
        granted.is_some_and(|it| it.allows(action))
    }
}

fn granted(table: &DeTable<'_>) -> Result<Granted, Fault> {
    let mut granted = Granted::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "read" => granted.read = names(value)?,
            "write" => granted.write = names(value)?,
            "groups" => granted.groups = names(value)?,
            "admin" => granted.is_admin = switch(value)?,
            "metrics" => granted.watches = switch(value)?,
            other => {
                let detail = format!(
                    "`{}` is not known: there are `read`, `write`, `groups`, `admin` and `metrics`",
                    shown(other)
                );
                return Err((key.span(), detail));
            }
        }
    }
    Ok(granted)
}

fn table<'t, 'i>(value: &'t Spanned<DeValue<'i>>, what: &str) -> Result<&'t DeTable<'i>, Fault> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err((
            value.span(),
            format!("{what} is a table, such as `[users.alice]`"),
        )),
    }
}

fn switch(value: &Spanned<DeValue<'_>>) -> Result<bool, Fault> {
    match value.get_ref() {
        DeValue::Boolean(is_on) => Ok(*is_on),
        _ => Err((value.span(), "this is `true` or `false`".to_owned())),
    }
}

fn names(value: &Spanned<DeValue<'_>>) -> Result<Vec<Names>, Fault> {
    const FORM: &str = "this is an array of names, such as `[\"orders\", \"logs.*\"]`";
    let DeValue::Array(values) = value.get_ref() else {
        return Err((value.span(), FORM.to_owned()));
    };
    let one = |value: &Spanned<DeValue<'_>>| {
        let wrong = |detail: &str| Err((value.span(), detail.to_owned()));
        let DeValue::String(name) = value.get_ref() else {
            return wrong(FORM);
        };
        match name.strip_suffix('*') {
            Some(prefix) if prefix.contains('*') => wrong("a `*` stands at the end of a name"),
            Some(prefix) => Ok(Names::Beginning(prefix.to_owned())),
            None if name.contains('*') => wrong("a `*` stands at the end of a name"),
            None if name.is_empty() => wrong("an empty name: `*` stands for all"),
            None => Ok(Names::One(name.to_string())),
        }
    };
    values.iter().map(one).collect()
}

fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

fn fault(path: &Path, text: &str, at: usize, detail: String) -> Error {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|it| **it == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|it| *it == b'\n')
        .map_or(0, |it| it + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    Error::Grants {
        path: path.to_owned(),
        line,
        column,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{Administer, Describe, Group, Read, Watch, Write, WriteSomewhere};
    use super::*;

    #[test]
    fn what_is_granted_may_be_done_and_nothing_else() {
        let text = r#"
            [users.alice]
            read = ["orders", "logs.*"]
            write = ["orders"]
            groups = ["billing*"]
            [users.ops]
            admin = true
            [users.prometheus]
            metrics = true
            [users."a b"]
            read = ["*"]
        "#;
        let grants = Grants::parse(text).expect("it is good");
        let may = |user, actions: &[Action<'_>]| {
            let allowed = actions.iter().map(|it| grants.allow(user, *it));
            allowed.collect::<Vec<_>>()
        };
        let actions = [
            Read("orders"),
            Read("logs.a"),
            Read("logs"),
            Read("orders2"),
            Write("orders"),
            Write("logs.a"),
            WriteSomewhere,
            Describe("logs.a"),
            Describe("other"),
            Group("billing-1"),
            Group("x"),
            Administer,
            Watch,
        ];
        let alice = [
            true, true, false, false, true, false, true, true, false, true, false, false, false,
        ];
        assert_eq!(may("alice", &actions), alice);
        let ops = [
            false, false, false, false, false, false, false, true, true, true, true, true, true,
        ];
        assert_eq!(may("ops", &actions), ops);
        assert_eq!(may("a b", &[Read("x"), Write("x")]), [true, false]);
        assert_eq!(
            may("prometheus", &[Watch, Administer, Describe("x")]),
            [true, false, false]
        );
        assert_eq!(may("eve", &actions), [false; 13]);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let place = |text: &str| {
            let (place, detail) = Grants::parse(text).expect_err(text);
            let error = fault(Path::new("grants.toml"), text, place.start, detail);
            let text = error.to_string();
            text.split(": ").next().expect("a place").to_owned()
        };
        assert_eq!(
            place("[users.a]\nread = [\"a*b\"]"),
            "`grants.toml` line 2, column 9"
        );
        assert_eq!(
            place("[users.a]\nreads = []"),
            "`grants.toml` line 2, column 1"
        );
        assert_eq!(place("[user.a]"), "`grants.toml` line 1, column 2");
        assert_eq!(
            place("[users.a]\nadmin = 1"),
            "`grants.toml` line 2, column 9"
        );
        assert_eq!(
            place("[users.a]\nread = \"a\""),
            "`grants.toml` line 2, column 8"
        );
        assert_eq!(
            place("[users.a]\nread = [1]"),
            "`grants.toml` line 2, column 9"
        );
        assert_eq!(
            place("[users.a]\nread = [\"\"]"),
            "`grants.toml` line 2, column 9"
        );
        assert_eq!(place("users = 1"), "`grants.toml` line 1, column 9");
        place("[users.a");
        assert_eq!(Grants::parse(""), Ok(Grants::default()));
    }
}
