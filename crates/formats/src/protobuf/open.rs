//! Opening a stream of messages by its options.

use std::sync::Arc;

use tamis_engine::source::Opened;

use super::{ProtobufFile, Schema};
use crate::Error;
use crate::file::RecordFile;
use crate::messages::{MessageOptions, SchemaOptions};

/// The messages of an opened input.
///
/// # Errors
/// [`Error::SchemaMissing`] without options, [`Error::Schema`] when theirs cannot be used.
pub(crate) fn open(
    opened: Opened,
    options: Option<&MessageOptions>,
) -> Result<Box<dyn RecordFile>, Error> {
    let options = options.ok_or(Error::SchemaMissing)?;
    let schema = Arc::new(read(&options.schema)?);
    Ok(Box::new(ProtobufFile::new(opened, schema, options.clone())))
}

/// Whether a schema can be used.
pub(crate) fn validate(options: &SchemaOptions) -> Result<(), Error> {
    read(options).map(drop)
}

fn read(options: &SchemaOptions) -> Result<Schema, Error> {
    Schema::read(options).map_err(|error| Error::Schema {
        message: error.to_string(),
    })
}
