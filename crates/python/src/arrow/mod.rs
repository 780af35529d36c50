//! Arrow data of Python programs, in and out, by the PyCapsule interface: no package is imported, nothing is copied.
//!
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>: an object that has
//! `__arrow_c_stream__` or `__arrow_c_array__` hands out structs of C in capsules of agreed names. What is in a capsule is moved
//! out, which leaves an empty one; the callbacks in the structs, which free the data, are called when the last array of ours
//! that points into it is dropped, on whatever thread that happens.
//!
//! - Here is what takes data in: [`import`]; [`stream`] takes array after array, and [`aligned`] makes them fit to be imported;
//! - [`errors`] hands the errors of a result out.
//!
//! `unsafe` stands here alone: where a pointer comes out of a capsule, and where callbacks of C are called.

#![expect(
    unsafe_code,
    reason = "a capsule holds a pointer; its name says to what, and the interface who owns it"
)]

mod aligned;
mod errors;
mod stream;

use std::ffi::CStr;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::{ArrayRef, StructArray, make_array};
use arrow_schema::{ArrowError, DataType, Schema};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};
use tamis_engine::Error;

use crate::detached::panic_message;
use crate::error;
use aligned::align;
pub(crate) use errors::{ErrorTable, add_to};
use stream::{Arrays, CStream};

/// Names of capsules, by the interface.
const STREAM: &CStr = c"arrow_array_stream";
const ARRAY: &CStr = c"arrow_array";
const SCHEMA: &CStr = c"arrow_schema";

/// What a check calls Arrow data.
pub(crate) const NAME: &str = "<arrow>";

/// A table that comes in batches.
pub(crate) struct Batches {
    pub(crate) schema: Schema,
    arrays: Box<dyn Iterator<Item = Result<ArrayRef, ArrowError>> + Send>,
}

/// The Arrow data of a Python object; `None` if it offers none.
///
/// # Errors
/// What the object raises; `TypeError` for an array that has no columns.
pub(crate) fn import(data: &Bound<'_, PyAny>) -> PyResult<Option<Batches>> {
    if let Some(export) = data.getattr_opt("__arrow_c_stream__")? {
        let capsule = export.call0()?.cast_into::<PyCapsule>()?;
        let stream = pointer(&capsule, STREAM)?.cast::<CStream>();
        // SAFETY: a capsule of this name holds a pointer to such a struct, which is ours to move out of.
        let arrays = guarded(|| unsafe { Arrays::take(stream.as_ptr()) });
        let arrays = arrays.map_err(|error| error::of_engine(data.py(), &error))?;
        let schema = schema_of(arrays.data_type())?;
        let arrays = Box::new(arrays);
        return Ok(Some(Batches { schema, arrays }));
    }
    let Some(export) = data.getattr_opt("__arrow_c_array__")? else {
        return Ok(None);
    };
    let capsules = export.call0()?.cast_into::<PyTuple>()?;
    let schema = capsules.get_item(0)?.cast_into::<PyCapsule>()?;
    let array = capsules.get_item(1)?.cast_into::<PyCapsule>()?;
    let schema = pointer(&schema, SCHEMA)?.cast::<FFI_ArrowSchema>();
    let array = pointer(&array, ARRAY)?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names hold pointers to such structs, which are ours to move out of.
    let (schema, mut array) = unsafe {
        (
            FFI_ArrowSchema::from_raw(schema.as_ptr()),
            FFI_ArrowArray::from_raw(array.as_ptr()),
        )
    };
    let failed = |error: Error| error::of_engine(data.py(), &error);
    if array.is_released() {
        return Err(failed(broken("the array is already released")));
    }
    // Before the array is looked at: its type is what tells how.
    let data_type = guarded(|| DataType::try_from(&schema)).map_err(failed)?;
    let columns = schema_of(&data_type)?;
    // SAFETY: the interface has the producer promise that the schema is that of the array.
    let array = guarded(|| unsafe {
        align(&mut array, &data_type);
        from_ffi(array, &schema).map(make_array)
    });
    let array = array.map_err(failed)?;
    Ok(Some(Batches {
        schema: columns,
        arrays: Box::new(iter::once(Ok(array))),
    }))
}

fn pointer(
    capsule: &Bound<'_, PyCapsule>,
    name: &'static CStr,
) -> PyResult<NonNull<std::ffi::c_void>> {
    use pyo3::types::PyCapsuleMethods;
    capsule.pointer_checked(Some(name))
}

fn schema_of(data_type: &DataType) -> PyResult<Schema> {
    match data_type {
        DataType::Struct(fields) => Ok(Schema::new(fields.clone())),
        other => Err(PyTypeError::new_err(format!(
            "expected a table or an array of structs, not an array of {other}"
        ))),
    }
}

/// Takes something from a producer. Where one does not keep to the interface (fewer columns than its schema has, a
/// name that is no UTF-8), Arrow's code panics rather than returns an error.
fn guarded<T>(take: impl FnOnce() -> Result<T, ArrowError>) -> tamis_engine::Result<T> {
    match catch_unwind(AssertUnwindSafe(take)) {
        Ok(taken) => taken.map_err(|error| broken(&error.to_string())),
        Err(panicked) => Err(broken(&format!(
            "the producer does not keep to the Arrow interface: {}",
            panic_message(&*panicked)
        ))),
    }
}

fn broken(message: &str) -> Error {
    Error::Producer {
        input: NAME.to_owned(),
        source: message.into(),
    }
}

impl Iterator for Batches {
    type Item = tamis_engine::Result<StructArray>;

    fn next(&mut self) -> Option<Self::Item> {
        let array = guarded(|| self.arrays.next().transpose()).transpose()?;
        Some(array.map(|array| array.as_struct().clone()))
    }
}
