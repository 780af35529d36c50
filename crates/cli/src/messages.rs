//! The options of streams of Protobuf messages, which do not say what they are.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tamis_formats::messages::{Framing, MessageOptions, SchemaFile, SchemaOptions};

use crate::{Error, Result};

/// What the messages are.
#[derive(Clone, Debug, Args)]
pub(crate) struct Messages {
    /// Protobuf: the schema, a `.proto` file
    #[arg(long, value_name = "FILE", conflicts_with = "descriptor_set")]
    proto: Option<PathBuf>,

    /// Protobuf: where the schema's imports are, beside its own folder
    #[arg(long, value_name = "DIR", requires = "proto")]
    proto_include: Vec<PathBuf>,

    /// Protobuf: the schema, as `protoc --include_imports --descriptor_set_out` writes it
    #[arg(long, value_name = "FILE")]
    descriptor_set: Option<PathBuf>,

    /// Protobuf: which message of the schema the inputs consist of [default: the only one]
    #[arg(long, value_name = "NAME")]
    message: Option<String>,

    /// Protobuf: what stands in front of each message
    #[arg(
        long,
        value_name = "FRAMING",
        default_value = "varint",
        value_parser = PossibleValuesParser::new(Framing::NAMED.map(|(name, _)| name))
    )]
    proto_framing: String,
}

impl Messages {
    /// What was said; `None` if no schema was given.
    ///
    /// # Errors
    /// When the schema cannot be used, or is missing where the message is named.
    pub(crate) fn options(
        &self,
        unit_bytes: usize,
        record_bytes_max: usize,
    ) -> Result<Option<MessageOptions>> {
        let file = match (&self.proto, &self.descriptor_set) {
            (Some(path), _) => SchemaFile::Proto {
                path: path.clone(),
                includes: self.proto_include.clone(),
            },
            (None, Some(path)) => SchemaFile::DescriptorSet { path: path.clone() },
            (None, None) => {
                return match &self.message {
                    None => Ok(None),
                    Some(name) => Err(Error::Usage {
                        message: format!("nothing says what the message `{name}` is"),
                        hint: Some(
                            "give its schema, with `--proto FILE` or `--descriptor-set FILE`"
                                .to_owned(),
                        ),
                    }),
                };
            }
        };
        let framing = Framing::NAMED
            .iter()
            .find(|(name, _)| *name == self.proto_framing);
        let options = MessageOptions {
            framing: framing.map(|(_, framing)| *framing).unwrap_or_default(),
            unit_bytes,
            record_bytes_max,
            ..MessageOptions::new(SchemaOptions {
                file,
                message: self.message.clone(),
            })
        };
        options.validate().map_err(|error| Error::Usage {
            message: error.to_string(),
            hint: None,
        })?;
        Ok(Some(options))
    }
}
