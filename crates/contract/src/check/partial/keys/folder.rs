//! Where files of keys are: the folder that all machines share, and names that stay in it.

use std::path::Path;

use crate::check::CheckOptions;
use crate::check::compile::Compiled;
use crate::check::partial::PartialError;

/// The folder for keys; none if the contract needs none.
pub(in crate::check::partial) fn shared_folder<'o>(
    compiled: &Compiled,
    options: &'o CheckOptions,
) -> Result<Option<&'o Path>, PartialError> {
    if compiled.unique.is_empty() {
        return Ok(None);
    }
    let columns = |columns: &[usize]| {
        let names: Vec<_> = columns
            .iter()
            .map(|&column| compiled.columns[column].name())
            .collect();
        format!("`{}`", names.join(", "))
    };
    match &options.spill_dir {
        Some(folder) => Ok(Some(folder)),
        None => Err(PartialError::NoSharedFolder {
            rules: compiled
                .unique
                .iter()
                .map(|unique| columns(&unique.columns))
                .collect::<Vec<_>>()
                .join(" and "),
        }),
    }
}

/// A plan may come from anywhere; it must not make us write outside of the folder.
pub(in crate::check::partial) fn checked_name(name: String) -> Result<String, PartialError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if name.bytes().all(is_plain) {
        Ok(name)
    } else {
        Err(PartialError::Unreadable {
            what: "planned range",
            reason: "the name of its plan is none of ours".to_owned(),
        })
    }
}
