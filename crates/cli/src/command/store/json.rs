//! What programs get: one document of JSON each, long lists as they come.

use serde::Serialize;
use serde_json::{Map, Value};
use tamis_scan::names;
use tamis_store::commit::Commit;
use tamis_store::entry::{Content, Entry};
use tamis_store::id::CommitId;

use super::shown;
use crate::Result;
use crate::page::Page;
use crate::printer::Printer;

/// The layout of all these documents.
const SCHEMA_VERSION: u64 = 1;

/// Fields of an object.
pub(super) type Fields = Map<String, Value>;

/// Makes fields of pairs.
pub(super) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Prints a document.
pub(super) fn print(printer: &Printer, mut document: Fields) -> Result<()> {
    document.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
    let text = serde_json::to_string_pretty(&document).expect("its keys are texts");
    printer.data(&format!("{text}\n"))
}

/// What the library has a form for.
pub(super) fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("it has texts and numbers alone")
}

/// The fields of what the library has a form for.
pub(super) fn of(what: &impl Serialize) -> Fields {
    match value(what) {
        Value::Object(fields) => fields,
        other => fields([("value", other)]),
    }
}

/// A path: `path`, and `path_base64` if it is no text.
pub(super) fn put_path(path: &[u8], fields: &mut Fields) {
    names::put(shown::as_path(path), fields);
}

/// What was said of a failure, with the path that it is about.
pub(super) fn failure(path: &std::path::Path, message: &str) -> Value {
    let mut failure = Fields::new();
    names::put(path, &mut failure);
    failure.insert("message".to_owned(), message.into());
    failure.into()
}

/// What is kept of a file, folder or link.
pub(super) fn entry(entry: &Entry) -> Fields {
    let mut fields = fields([
        ("kind", kind(entry).into()),
        ("mode", format!("{:04o}", entry.mode).into()),
        ("modified_ns", entry.modified_ns.into()),
    ]);
    match &entry.content {
        Content::File { len_bytes, .. } => {
            drop(fields.insert("size".to_owned(), (*len_bytes).into()))
        }
        Content::Folder => {}
        Content::Link { target } => {
            let mut link = Fields::new();
            put_path(target, &mut link);
            fields.insert("target".to_owned(), link.into());
        }
    }
    if !entry.attributes.is_empty() {
        let names = entry.attributes.iter();
        let names: Vec<_> = names
            .map(|(name, _)| String::from_utf8_lossy(name))
            .collect();
        fields.insert("attributes".to_owned(), names.into());
    }
    fields
}

/// `file`, `folder` or `link`.
pub(super) fn kind(entry: &Entry) -> &'static str {
    match entry.content {
        Content::File { .. } => "file",
        Content::Folder => "folder",
        Content::Link { .. } => "link",
    }
}

/// A commit, and the names that lead to it.
pub(super) fn commit(id: CommitId, commit: &Commit, names: &[String]) -> Fields {
    let parents: Vec<_> = commit.parents.iter().map(ToString::to_string).collect();
    let time = shown::commit_time_rfc3339(commit.time_ns, commit.offset_minutes);
    fields([
        ("commit", id.to_string().into()),
        ("names", names.into()),
        ("parents", parents.into()),
        ("author", commit.author.clone().into()),
        ("message", commit.message.clone().into()),
        ("time", time.into()),
        ("time_ns", commit.time_ns.into()),
        ("tree", commit.root.id.to_string().into()),
        ("files", commit.totals.files.into()),
        ("bytes", commit.totals.bytes.into()),
        ("new_chunks", commit.new_chunks.into()),
        ("new_bytes", commit.new_plain_bytes.into()),
        ("stored_bytes", commit.stored_bytes.into()),
    ])
}

/// A document whose last field is a list that is printed as it comes.
#[derive(Debug)]
pub(super) struct List<'p> {
    page: Page<'p>,
    is_empty: bool,
}

impl<'p> List<'p> {
    /// Begins a document that has these fields, and then the list `key`.
    pub(super) fn begin(printer: &'p Printer, mut head: Fields, key: &str) -> Result<List<'p>> {
        head.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
        let head = Value::from(head).to_string();
        let mut page = Page::new(printer);
        // Without the brace that would end it.
        page.add(|page| {
            page.push_str(&head[..head.len() - 1]);
            page.push_str(&format!(",{}:[", Value::from(key)));
        })?;
        Ok(List {
            page,
            is_empty: true,
        })
    }

    /// An item more.
    pub(super) fn add(&mut self, item: Fields) -> Result<()> {
        let separator = if self.is_empty { "\n" } else { ",\n" };
        self.is_empty = false;
        self.page.add(|page| {
            page.push_str(separator);
            page.push_str(&Value::from(item).to_string());
        })
    }

    /// Begins an item that has these fields, and then `key` with a text that is added as it comes.
    pub(super) fn begin_item(&mut self, head: Fields, key: &str) -> Result<()> {
        let separator = if self.is_empty { "\n" } else { ",\n" };
        self.is_empty = false;
        let head = Value::from(head).to_string();
        self.page.add(|page| {
            page.push_str(separator);
            page.push_str(&head[..head.len() - 1]);
            page.push_str(&format!(",{}:\"", Value::from(key)));
        })
    }

    /// More of that text, as it stands between quotes.
    pub(super) fn add_to_item(&mut self, escaped: &str) -> Result<()> {
        self.page.add(|page| page.push_str(escaped))
    }

    /// The last of it.
    pub(super) fn end_item(&mut self, escaped: &str) -> Result<()> {
        self.page.add(|page| {
            page.push_str(escaped);
            page.push_str("\"}");
        })
    }

    /// Ends the list and the document, with more fields behind it.
    pub(super) fn end(mut self, tail: Fields) -> Result<()> {
        let close = if self.is_empty { "]" } else { "\n]" };
        self.page.add(|page| {
            page.push_str(close);
            for (key, value) in tail {
                page.push_str(&format!(",{}:{value}", Value::from(key)));
            }
            page.push_str("}\n");
        })?;
        self.page.flush()
    }
}
