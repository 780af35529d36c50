//! `tamis store tag`: names of commits.

use clap::Args;
use tamis_store::refs::HEAD;
use tamis_store::store::Store;

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result};

/// Name a commit, or list the names
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store tag
  tamis store tag v1 HEAD~2
  tamis store tag -d v1")]
pub(super) struct Options {
    /// The name; without one, the names are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Which commit gets it
    #[arg(value_name = "REF", default_value = HEAD)]
    revision: String,

    /// Take the name away
    #[arg(long, short, requires = "name")]
    delete: bool,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    match &options.name {
        None => options.list(&store, context)?,
        Some(name) if options.delete => options.remove(&store, name, context)?,
        Some(name) => options.set(&store, name, context)?,
    }
    Ok(Exit::Good)
}

impl Options {
    fn list(&self, store: &Store, context: &Context<'_>) -> Result<()> {
        let tags = store.refs().tags()?;
        if self.output.format() == OutputFormat::Json {
            let mut list = json::List::begin(&context.printer, json::Fields::new(), "tags")?;
            for (name, id) in tags {
                let id = id.to_string();
                list.add(json::fields([("name", name.into()), ("commit", id.into())]))?;
            }
            return list.end(json::Fields::new());
        }
        let width = tags.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or(0);
        let lines = tags.into_iter().map(|(name, id)| {
            let id = shown::short(id);
            format!("{name:<width$}  {id}\n")
        });
        context.printer.data(&lines.collect::<String>())
    }

    fn set(&self, store: &Store, name: &str, context: &Context<'_>) -> Result<()> {
        let (id, _) = store.resolve(&self.revision)?;
        store.tag(name, id)?;
        if self.output.format() == OutputFormat::Json {
            let fields = [("name", name.into()), ("commit", id.to_string().into())];
            return json::print(&context.printer, json::fields(fields));
        }
        let id = shown::short(id);
        context.printer.say(&format!("{id} is `{name}` now"));
        Ok(())
    }

    fn remove(&self, store: &Store, name: &str, context: &Context<'_>) -> Result<()> {
        if !store.untag(name)? {
            return Err(Error::Usage {
                message: format!("there is no tag `{name}`"),
                hint: Some("`tamis store tag` lists them".to_owned()),
            });
        }
        if self.output.format() == OutputFormat::Json {
            let fields = [("name", name.into()), ("removed", true.into())];
            return json::print(&context.printer, json::fields(fields));
        }
        context
            .printer
            .say(&format!("`{name}` names no commit now"));
        Ok(())
    }
}
