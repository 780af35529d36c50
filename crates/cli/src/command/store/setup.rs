//! Opening the store that a verb works on.

use std::path::Path;

use tamis_store::store::Store;

use super::place::Place;
use crate::config::Compression;
use crate::{Context, Result, stores};

/// Opens the store that was meant.
pub(super) fn open(place: &Place, context: &Context<'_>) -> Result<Store> {
    open_at(&place.folder()?, None, context)
}

/// Opens the store at `folder`; `compression` counts more than what is configured.
pub(super) fn open_at(
    folder: &Path,
    compression: Option<Compression>,
    context: &Context<'_>,
) -> Result<Store> {
    let mut settings = stores::settings(context.globals)?;
    if let Some(compression) = compression {
        settings.compression = stores::of_frames(compression);
    }
    Ok(Store::open(folder, settings, context.cancel)?)
}
