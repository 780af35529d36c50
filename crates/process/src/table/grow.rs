//! Tables of an input that goes on: a part of it at a time, with the columns of all parts before.
//!
//! Types are those of the records so far, and widen as more come. JSON lines have the columns that somebody asks for, whether or not a
//! record had them yet: until one has, they are null. All columns of JSON lines cannot be had, since there is always more to come.

use tamis_engine::source::Source;
use tamis_formats::input::Shape;
use tamis_formats::jsonl::Path;

use super::{Table, TableOptions};
use crate::{Error, Result};

impl<'s> Table<'s> {
    /// Opens the first part of an input that goes on, of which the columns called `names` are asked for.
    ///
    /// # Errors
    /// As [`open`](Table::open).
    pub(crate) fn open_first(
        part: &'s dyn Source,
        options: TableOptions,
        names: &[String],
    ) -> Result<Table<'s>> {
        let types = options.types.clone();
        let untyped = TableOptions {
            types: Vec::new(),
            ..options
        };
        let mut table = Table::open(vec![part], untyped)?;
        if table.shape == Some(Shape::Jsonl) {
            let declared = types.iter().map(|(name, _)| name);
            for name in names.iter().chain(declared) {
                table.expect(name)?;
            }
            table.is_complete = false;
            table.grows = true;
        }
        table.options.types = types;
        table.declare()?;
        Ok(table)
    }

    /// The same table over the next part, or over nothing until that is there.
    pub(crate) fn over<'n>(self, part: Option<&'n dyn Source>) -> Table<'n> {
        Table {
            sources: part.into_iter().collect(),
            first: None,
            options: self.options,
            columns: self.columns,
            stored: self.stored,
            paths: self.paths,
            shape: self.shape,
            header_bytes: self.header_bytes,
            notes: Vec::new(),
            is_complete: self.is_complete,
            grows: self.grows,
            is_uniform: self.is_uniform,
        }
    }

    /// Makes sure that there is a column of that name, if there can be.
    fn expect(&mut self, name: &str) -> Result<()> {
        match self.find(name) {
            Ok(_) => return Ok(()),
            Err(Error::UnknownColumn { .. }) => {}
            Err(error) => return Err(error),
        }
        let is_plain = !name.contains(['[', '"']) && name.split('.').all(|key| !key.is_empty());
        if is_plain {
            let mut paths = self.paths.clone();
            paths.push(Path::new(name.split('.')));
            self.set_paths(paths, true)?;
            self.notes.push(format!(
                "no record has `{name}` so far: it is null until one has it"
            ));
        }
        Ok(())
    }
}
