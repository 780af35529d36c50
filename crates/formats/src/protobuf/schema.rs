//! Schemas: from a `.proto` file or a descriptor set to the one message that a stream consists of.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, MessageDescriptor};

use super::error::Error;
use super::leaf::{Leaf, leaves};
use super::types::Types;
use crate::file::FileColumn;
use crate::messages::{SchemaFile, SchemaOptions};

/// A type of message, compiled.
pub struct Schema {
    pub(super) types: Types,
    /// The columns, then the messages whose members they are.
    pub(super) leaves: Vec<Leaf>,
    columns: Vec<FileColumn>,
    messages: Vec<String>,
    message: MessageDescriptor,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Compile`] and [`Error::DescriptorSet`] for a file that is none;
    /// [`Error::WhichMessage`], [`Error::UnknownMessage`] and [`Error::NoMessages`] where it does not say which message is
    /// meant.
    pub fn read(options: &SchemaOptions) -> Result<Schema, Error> {
        let (pool, path, main) = match &options.file {
            SchemaFile::Proto { path, includes } => {
                let (pool, main) = compile(path, includes)?;
                (pool, path, Some(main))
            }
            SchemaFile::DescriptorSet { path } => (descriptor_set(path)?, path, None),
        };
        let name = options.message.as_deref();
        let message = choose(&pool, path, main.as_deref(), name)?;
        Ok(Schema::of(&message))
    }

    /// The schema of a message that is described already.
    pub fn of(message: &MessageDescriptor) -> Schema {
        let (mut leaves, messages) = leaves(message);
        let columns = leaves.iter().map(|leaf| FileColumn {
            name: leaf.name.clone(),
            ty: leaf.ty,
        });
        let columns = columns.collect();
        let names = messages.iter().map(|leaf| leaf.name.clone()).collect();
        leaves.extend(messages);
        Schema {
            types: Types::new(message),
            columns,
            messages: names,
            leaves,
            message: message.clone(),
        }
    }

    /// The message's name, with its package.
    pub fn name(&self) -> &str {
        self.message.full_name()
    }

    /// Its columns, in the order in which its fields are declared.
    pub fn columns(&self) -> &[FileColumn] {
        &self.columns
    }

    /// The messages whose members are columns; behind the columns, such one can be asked for by its position as well.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// What the message is described by.
    pub fn descriptor(&self) -> &MessageDescriptor {
        &self.message
    }
}

/// Descriptors print all that they refer to, and a type may refer to itself: without an end.
impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        formatter
            .debug_struct("Schema")
            .field("message", &self.name())
            .field("columns", &columns)
            .finish()
    }
}

/// Compiles a `.proto` file; also its name in the pool.
fn compile(path: &Path, includes: &[PathBuf]) -> Result<(DescriptorPool, String), Error> {
    // The compiler would look for it below its include paths, and not say where.
    fs::File::open(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let failed = |error: protox::Error| Error::Compile {
        message: match error.file() {
            // Its debug form is the one that says where.
            Some(_) => format!("{error:?}"),
            None => format!("`{}`: {error}", path.display()),
        },
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let all = includes.iter().map(PathBuf::as_path).chain([folder]);
    let mut compiler = protox::Compiler::new(all).map_err(failed)?;
    compiler.include_imports(true);
    compiler.open_file(path).map_err(failed)?;
    let mut files = compiler.files();
    let main = files.find(|file| !file.is_import());
    let main = main.map(|file| file.name().to_owned()).unwrap_or_default();
    Ok((compiler.descriptor_pool(), main))
}

fn descriptor_set(path: &Path) -> Result<DescriptorPool, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    DescriptorPool::decode(bytes.as_slice()).map_err(|error| Error::DescriptorSet {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// The message called `name`; without a name the only one there is to choose from.
fn choose(
    pool: &DescriptorPool,
    path: &Path,
    main: Option<&str>,
    name: Option<&str>,
) -> Result<MessageDescriptor, Error> {
    let is_here = |message: &MessageDescriptor| match main {
        Some(main) => message.parent_file().name() == main,
        None => !message.package_name().starts_with("google.protobuf"),
    };
    let all = || {
        pool.all_messages()
            .filter(|message| !message.is_map_entry())
    };
    let here: Vec<_> = all().filter(is_here).collect();
    let names = |messages: &[MessageDescriptor]| {
        let names = messages
            .iter()
            .map(|message| message.full_name().to_owned());
        names.collect::<Vec<_>>()
    };
    let path = path.to_owned();
    if let Some(name) = name {
        let name = name.trim_start_matches('.');
        let ends = |message: &MessageDescriptor| {
            let rest = message.full_name().strip_suffix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if let Some(message) = pool.get_message_by_name(name) {
            return Ok(message);
        }
        let found: Vec<_> = all().filter(ends).collect();
        return match found.as_slice() {
            [message] => Ok(message.clone()),
            [] => Err(Error::UnknownMessage {
                path,
                name: name.to_owned(),
                known: names(&here),
            }),
            several => Err(Error::WhichMessage {
                path,
                known: names(several),
            }),
        };
    }
    let top = here
        .iter()
        .filter(|message| message.parent_message().is_none());
    let top: Vec<_> = top.cloned().collect();
    match top.as_slice() {
        [] => Err(Error::NoMessages { path }),
        [message] => Ok(message.clone()),
        several => Err(Error::WhichMessage {
            path,
            known: names(several),
        }),
    }
}
