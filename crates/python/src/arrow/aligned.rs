//! Arrays that lie at odd addresses.
//!
//! The C data interface recommends that buffers be aligned and does not demand it. A table that came out of a pickle lies
//! anywhere in the bytes it came in; that is how Dask moves them between processes. Arrow's importer aligns what it
//! imports, but before that it reads two things in place: the last offset of strings, and the lengths of the buffers of
//! string views. So [`align`] copies these first, if they need it.
//!
//! The copies stand in for the originals while the array lives. Its release callback puts the originals back, because a producer may
//! free them through these very pointers, calls the producer's own callback, and drops the copies.

use std::ffi::c_void;
use std::ptr;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_schema::{DataType, Field};

/// `struct ArrowArray`, <https://arrow.apache.org/docs/format/CDataInterface.html#structure-definitions>.
#[repr(C)]
struct CArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut CArray,
    dictionary: *mut CArray,
    release: Option<unsafe extern "C" fn(*mut CArray)>,
    private_data: *mut c_void,
}

/// A pointer to a buffer that was turned to an aligned copy of it.
struct Turned {
    slot: *mut *const c_void,
    original: *const c_void,
    /// Keeps the copy; words of eight bytes are aligned for everything that is copied here.
    _copy: Vec<u64>,
}

/// What the private data of an array with copies is.
struct Owner {
    turned: Vec<Turned>,
    release: Option<unsafe extern "C" fn(*mut CArray)>,
    private_data: *mut c_void,
}

/// Makes the importer's reads aligned.
///
/// # Safety
/// `array` is an unreleased array of this type, with the children, buffers and lengths that the interface demands.
pub(super) unsafe fn align(array: &mut FFI_ArrowArray, data_type: &DataType) {
    let array = ptr::from_mut(array).cast::<CArray>();
    let mut turned = Vec::new();
    // SAFETY: both structs are laid out as the interface says; the array is the caller's promise.
    unsafe { turn(array, data_type, &mut turned) };
    if turned.is_empty() {
        return;
    }
    // SAFETY: as above. The pointers of `turned` lead to memory of the producer, so the struct itself may be moved.
    unsafe {
        let owner = Box::new(Owner {
            turned,
            release: (*array).release,
            private_data: (*array).private_data,
        });
        (*array).release = Some(release);
        (*array).private_data = Box::into_raw(owner).cast();
    }
}

/// The release callback of an array with copies.
unsafe extern "C" fn release(array: *mut CArray) {
    // SAFETY: this is the callback of arrays that `align` gave an owner, and it is called once, with the array. The
    // producer's memory is there until its own callback has run.
    unsafe {
        let owner = Box::from_raw((*array).private_data.cast::<Owner>());
        for turned in &owner.turned {
            *turned.slot = turned.original;
        }
        (*array).release = owner.release;
        (*array).private_data = owner.private_data;
        if let Some(release) = owner.release {
            release(array);
        }
    }
}

/// Turns the pointers of an array and of those within it.
///
/// # Safety
/// As for [`align`].
unsafe fn turn(array: *mut CArray, data_type: &DataType, turned: &mut Vec<Turned>) {
    // SAFETY: the array is there.
    let (rows, n_buffers) = unsafe {
        let rows = (*array).length.saturating_add((*array).offset);
        (count(rows), count((*array).n_buffers))
    };
    let offsets = if rows == 0 { 0 } else { rows + 1 };
    // SAFETY: buffer 1 of these types has an offset for each row and one more; the last buffer of views has a length for
    // each but the first two and itself. Children are as the type says.
    unsafe {
        match data_type {
            DataType::Utf8 | DataType::Binary => turn_buffer(array, 1, offsets * 4, turned),
            DataType::LargeUtf8 | DataType::LargeBinary => {
                turn_buffer(array, 1, offsets * 8, turned);
            }
            DataType::Utf8View | DataType::BinaryView => {
                let lengths = n_buffers.saturating_sub(3);
                turn_buffer(array, n_buffers.saturating_sub(1), lengths * 8, turned);
            }
            DataType::Dictionary(_, values) if !(*array).dictionary.is_null() => {
                turn((*array).dictionary, values, turned);
            }
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => turn_children(array, [&**field], turned),
            DataType::RunEndEncoded(ends, values) => {
                turn_children(array, [&**ends, &**values], turned);
            }
            DataType::Struct(fields) => {
                turn_children(array, fields.iter().map(|field| &**field), turned);
            }
            DataType::Union(fields, _) => {
                turn_children(array, fields.iter().map(|(_, field)| &**field), turned);
            }
            _ => {}
        }
    }
}

/// Turns the pointers of the children, which have these fields.
///
/// # Safety
/// As for [`align`].
unsafe fn turn_children<'a>(
    array: *mut CArray,
    fields: impl IntoIterator<Item = &'a Field>,
    turned: &mut Vec<Turned>,
) {
    // SAFETY: the array is there.
    let (children, n_children) = unsafe { ((*array).children, count((*array).n_children)) };
    for (index, field) in fields.into_iter().enumerate().take(n_children) {
        // SAFETY: there are so many children, each of the type of its field.
        unsafe { turn(*children.add(index), field.data_type(), turned) };
    }
}

/// Turns the pointer to a buffer of so many bytes to a copy, unless it is aligned to eight of them.
///
/// # Safety
/// If the array has such a buffer, it has so many bytes.
unsafe fn turn_buffer(array: *mut CArray, index: usize, bytes: usize, turned: &mut Vec<Turned>) {
    // SAFETY: the array is there, and has a pointer for each of its buffers.
    let (slot, original) = unsafe {
        if bytes == 0 || index >= count((*array).n_buffers) {
            return;
        }
        let slot = (*array).buffers.add(index);
        (slot, *slot)
    };
    if original.is_null() || original.cast::<u64>().is_aligned() {
        return;
    }
    let mut copy = vec![0_u64; bytes.div_ceil(8)];
    // SAFETY: the copy has room for the bytes; the slot is memory that the producer handed over for good.
    unsafe {
        ptr::copy_nonoverlapping(original.cast::<u8>(), copy.as_mut_ptr().cast(), bytes);
        *slot = copy.as_ptr().cast();
    }
    turned.push(Turned {
        slot,
        original,
        _copy: copy,
    });
}

/// A number of things; those of the interface are signed, and what is negative is found by the importer.
fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
