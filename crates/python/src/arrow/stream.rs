//! The arrays of a stream, taken one by one.
//!
//! As Arrow's own reader does it, but for one step between taking an array and importing it: see [`super::aligned`].

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::{ArrayRef, make_array};
use arrow_schema::{ArrowError, DataType, Field};

use super::aligned::align;

/// `struct ArrowArrayStream`, <https://arrow.apache.org/docs/format/CStreamInterface.html#structure-definition>.
#[repr(C)]
pub(super) struct CStream {
    get_schema: Option<unsafe extern "C" fn(*mut CStream, *mut FFI_ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut CStream, *mut FFI_ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut CStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut CStream)>,
    private_data: *mut c_void,
}

/// A stream that is ours, and the type of its arrays.
pub(super) struct Arrays {
    stream: CStream,
    data_type: DataType,
}

// SAFETY: the interface lets a stream be used by any thread, one at a time.
unsafe impl Send for Arrays {}

impl Arrays {
    /// Moves the stream out of where it lies, and asks for its schema.
    ///
    /// # Errors
    /// When the stream was moved out before, or its producer fails.
    ///
    /// # Safety
    /// `stream` is that of a producer that keeps to the interface.
    pub(super) unsafe fn take(stream: *mut CStream) -> Result<Arrays, ArrowError> {
        let released = CStream {
            get_schema: None,
            get_next: None,
            get_last_error: None,
            release: None,
            private_data: ptr::null_mut(),
        };
        let mut arrays = Arrays {
            // SAFETY: it is there, and a stream without a release callback is one that was moved out.
            stream: unsafe { ptr::replace(stream, released) },
            data_type: DataType::Null,
        };
        if arrays.stream.release.is_none() {
            let text = "the stream is already released".to_owned();
            return Err(ArrowError::CDataInterface(text));
        }
        let get_schema = arrays
            .stream
            .get_schema
            .ok_or_else(|| lacks("get_schema"))?;
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the callbacks of a stream that is not released take the stream and a place for what they give.
        let failure = unsafe { get_schema(&raw mut arrays.stream, &raw mut schema) };
        if failure != 0 {
            return Err(arrays.error("schema", failure));
        }
        arrays.data_type = Field::try_from(&schema)?.data_type().clone();
        Ok(arrays)
    }

    /// The type of each array.
    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// What the producer says of its failure.
    fn error(&mut self, wanted: &str, failure: c_int) -> ArrowError {
        let said = self.stream.get_last_error.and_then(|get_last_error| {
            // SAFETY: the stream is not released; a text that is not null is a C string until the next call.
            unsafe {
                let said = get_last_error(&raw mut self.stream);
                (!said.is_null()).then(|| CStr::from_ptr(said).to_string_lossy().into_owned())
            }
        });
        let mut text = format!("the stream gives no {wanted}, but error code {failure}");
        if let Some(said) = said {
            text = format!("{text}: {said}");
        }
        ArrowError::CDataInterface(text)
    }
}

/// The error for a stream without a callback that every stream has.
fn lacks(callback: &str) -> ArrowError {
    let text =
        format!("the producer does not keep to the Arrow interface: its stream has no {callback}");
    ArrowError::CDataInterface(text)
}

impl Iterator for Arrays {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(get_next) = self.stream.get_next else {
            return Some(Err(lacks("get_next")));
        };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as for `get_schema`.
        let failure = unsafe { get_next(&raw mut self.stream, &raw mut array) };
        if failure != 0 {
            return Some(Err(self.error("next array", failure)));
        }
        if array.is_released() {
            return None;
        }
        // SAFETY: the interface has the producer promise that its arrays are of the type it told.
        let imported = unsafe {
            align(&mut array, &self.data_type);
            from_ffi_and_data_type(array, self.data_type.clone())
        };
        Some(imported.map(make_array))
    }
}

impl Drop for Arrays {
    fn drop(&mut self) {
        if let Some(release) = self.stream.release {
            // SAFETY: it is released once, here.
            unsafe { release(&raw mut self.stream) };
        }
    }
}
