"""Goal: a producer of Arrow data that fails or breaks the interface gets a precise exception, never a panic or a crash."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from typing import Any

import pyarrow
import pytest
import tamis
from tamis import Field, Schema, Validator

VALIDATOR = Validator(Schema({"x": Field(int, max=2)}))
TABLE = pyarrow.table({"x": [1, 2, 3]})


class CStream(ctypes.Structure):
    """``ArrowArrayStream``: <https://arrow.apache.org/docs/format/CStreamInterface.html>."""


GET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(CStream), ctypes.c_void_p)
LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(CStream))
RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(CStream))
CStream._fields_ = [
    ("get_schema", GET),
    ("get_next", GET),
    ("get_last_error", LAST_ERROR),
    ("release", RELEASE),
    ("private_data", ctypes.c_void_p),
]


class CSchema(ctypes.Structure):
    """``ArrowSchema``, as far as the tests change it."""

    _fields_ = [("format", ctypes.c_char_p), ("name", ctypes.c_char_p)]


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Producer:
    """A stream of these batches under a schema that need not be theirs, with faults on demand."""

    def __init__(
        self,
        schema: pyarrow.Schema,
        batches: list[Any],
        *,
        schema_code: int = 0,
        end_code: int = 0,
        message: bytes | None = None,
        change: Callable[[int], None] = lambda schema: None,
        without: tuple[str, ...] = (),
    ) -> None:
        self.left = list(batches)
        self.released = 0
        self.message = ctypes.c_char_p(message)

        def get_schema(_: Any, out: int) -> int:
            if schema_code == 0:
                schema._export_to_c(out)
                change(out)
            return schema_code

        def get_next(_: Any, out: int) -> int:
            if self.left:
                self.left.pop(0)._export_to_c(out)
                return 0
            if end_code == 0:
                ctypes.memset(out, 0, 80)
            return end_code

        def last_error(_: Any) -> int | None:
            return ctypes.cast(self.message, ctypes.c_void_p).value

        def release(stream: Any) -> None:
            self.released += 1
            stream.contents.release = RELEASE()

        self.stream = CStream(GET(get_schema), GET(get_next), LAST_ERROR(last_error), RELEASE(release))
        for name in without:
            setattr(self.stream, name, type(getattr(self.stream, name))())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return new_capsule(ctypes.addressof(self.stream), b"arrow_array_stream", None)


def test_a_stream_is_read_and_released() -> None:
    producer = Producer(TABLE.schema, TABLE.to_batches() * 2)
    result = VALIDATOR.validate(producer)
    assert (result.total_rows, result.error_count) == (6, 2)
    assert producer.released == 1


def test_a_released_stream_is_an_input_error() -> None:
    producer = Producer(TABLE.schema, TABLE.to_batches())
    VALIDATOR.validate(producer)
    with pytest.raises(tamis.InputError, match="already released"):
        VALIDATOR.validate(producer)
    with pytest.raises(tamis.InputError, match="already released"):
        VALIDATOR.validate(Producer(TABLE.schema, [], without=("release",)))


def test_an_exhausted_reader_has_no_rows() -> None:
    reader = pyarrow.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches())
    reader.read_all()
    assert VALIDATOR.validate(reader).total_rows == 0


@pytest.mark.parametrize(
    ("faults", "match"),
    [
        ({"schema_code": errno.EIO, "message": b"no schema today"}, "error code 5.* no schema today"),
        ({"end_code": errno.EINVAL, "message": b"the cable is out"}, "error code 22.* the cable is out"),
        ({"end_code": errno.ENOMEM}, "error code 12"),
        ({"end_code": errno.EIO, "message": b"caf\xe9"}, "caf\ufffd"),
        ({"end_code": errno.EIO, "without": ("get_last_error",)}, "error code 5"),
        ({"without": ("get_schema",)}, "get_schema"),
        ({"without": ("get_next",)}, "does not keep to the Arrow interface"),
    ],
)
def test_what_fails_is_an_input_error(faults: dict[str, Any], match: str) -> None:
    producer = Producer(TABLE.schema, TABLE.to_batches(), **faults)
    with pytest.raises(tamis.InputError, match=match):
        VALIDATOR.validate(producer)
    assert producer.released == 1


def named(name: bytes) -> Callable[[int], None]:
    def change(schema: int) -> None:
        CSchema.from_address(schema).name = name

    return change


def of_format(format: bytes | None) -> Callable[[int], None]:
    def change(schema: int) -> None:
        CSchema.from_address(schema).format = format

    return change


@pytest.mark.parametrize(
    "change", [of_format(b"\xff"), of_format(None), of_format(b"no such type"), named(b"\xff")]
)
def test_a_schema_that_cannot_be_read_is_an_input_error(change: Callable[[int], None]) -> None:
    with pytest.raises(tamis.InputError):
        VALIDATOR.validate(Producer(TABLE.schema, TABLE.to_batches(), change=change))


@pytest.mark.parametrize(
    "other",
    [
        {"x": ["a"], "y": [1]},
        {},
        {"x": ["a"]},
        {"x": pyarrow.nulls(1)},
        {"x": pyarrow.array(["a" * 20], pyarrow.string_view())},
        {"x": [[1]]},
        {"x": [{"y": 1}]},
        {"x": pyarrow.array(["a"]).dictionary_encode()},
    ],
)
@pytest.mark.parametrize("declared", ["int64", "string", "string_view", "struct", "list", "dictionary"])
def test_a_schema_that_changes_is_an_error_or_harmless(declared: str, other: dict[str, Any]) -> None:
    types = {
        "int64": pyarrow.int64(),
        "string": pyarrow.string(),
        "string_view": pyarrow.string_view(),
        "struct": pyarrow.struct([("y", pyarrow.int64())]),
        "list": pyarrow.list_(pyarrow.int64()),
        "dictionary": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    }
    schema = pyarrow.schema([("x", types[declared])])
    first = pyarrow.RecordBatch.from_pylist([{"x": None}], schema)
    batch = pyarrow.RecordBatch.from_pydict(other)
    if batch.schema.types == schema.types:
        pytest.skip("that is no change")
    validator = Validator(Schema({"x": Field(str, required=True)}))
    if declared in ("struct", "list"):
        validator = Validator(Schema({"x.y": Field(int, max=1)}))
    # Unless a buffer is missing or too many, nobody can tell: then there are rows.
    try:
        result = validator.validate(Producer(schema, [first, batch]))
    except tamis.InputError as error:
        assert str(error).startswith("`<arrow>`: ")
    else:
        assert result.total_rows >= 1


def test_a_string_that_is_no_utf8_is_an_input_error() -> None:
    broken = pyarrow.array([b"good", b"caf\xe9", None])
    schema = Schema({"x": Field(str, max_length=9)})
    for data_type in [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()]:
        column = broken.cast(pyarrow.binary() if data_type == pyarrow.string() else pyarrow.large_binary())
        if data_type == pyarrow.string_view():
            column = broken.cast(pyarrow.binary_view())
        column = column.view(data_type)
        with pytest.raises(tamis.InputError, match="column `x` holds a string that is no UTF-8: `caf\ufffd`"):
            Validator(schema).validate(pyarrow.table({"x": column}))
    values = broken.view(pyarrow.string())
    keys = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0, 0], pyarrow.int8()), values, safe=False)
    with pytest.raises(tamis.InputError, match="no UTF-8"):
        Validator(schema).validate(pyarrow.table({"x": keys}))


def test_what_lies_under_a_null_may_be_anything() -> None:
    data = pyarrow.py_buffer(b"good\xff\xfe")
    offsets = pyarrow.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 4, 6)))
    column = pyarrow.StringArray.from_buffers(2, offsets, data, pyarrow.py_buffer(b"\x01"))
    assert (
        Validator(Schema({"x": Field(str, max_length=4)})).validate(pyarrow.table({"x": column})).is_valid()
    )


def test_capsules_of_another_name() -> None:
    class Wrong:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return TABLE.schema.__arrow_c_schema__()

    class NoCapsule:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return 5

    class OneCapsule:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return (TABLE.schema.__arrow_c_schema__(),)

    class Swapped:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            schema, array = TABLE.to_batches()[0].__arrow_c_array__()
            return array, schema

    for data in [Wrong(), Swapped()]:
        with pytest.raises(ValueError, match="PyCapsule"):
            VALIDATOR.validate(data)
    with pytest.raises(TypeError):
        VALIDATOR.validate(NoCapsule())
    with pytest.raises(IndexError):
        VALIDATOR.validate(OneCapsule())


def test_an_array_is_taken_once() -> None:
    class Same:
        capsules = TABLE.to_batches()[0].__arrow_c_array__()

        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return self.capsules

    assert VALIDATOR.validate(Same()).total_rows == 3
    with pytest.raises(tamis.InputError, match="already released"):
        VALIDATOR.validate(Same())


TEXTS = ["1", "a text that no view holds within", None, "3"]


@pytest.mark.parametrize(
    ("type", "values"),
    [
        (pyarrow.string(), TEXTS),
        (pyarrow.large_string(), TEXTS),
        (pyarrow.string_view(), TEXTS),
        (pyarrow.int64(), [1, 7, None, 3]),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", ["plain", "nested", "sliced"])
def test_buffers_may_lie_at_odd_addresses(type: pyarrow.DataType, values: list[Any], shape: str) -> None:
    column = pyarrow.array(values, type)
    odd = pyarrow.Array.from_buffers(type, len(column), [misplaced(buffer) for buffer in column.buffers()])
    assert odd.buffers()[1].address % 2 == 1
    if shape == "sliced":
        column, odd = column.slice(1), odd.slice(1)
    if shape == "nested":
        column, odd = (pyarrow.StructArray.from_arrays([one], ["inner"]) for one in (column, odd))
    schema = Schema({"c.inner" if shape == "nested" else "c": Field(int, max=5)})
    result = Validator(schema).validate(pyarrow.table({"c": odd}))
    assert result == Validator(schema).validate(pyarrow.table({"c": column}))
    assert result.invalid_count == 1
    # The producer's own pointers are as they were, and its memory is its own again.
    odd.validate(full=True)


def misplaced(buffer: pyarrow.Buffer | None) -> pyarrow.Buffer | None:
    """A copy at an odd address."""
    if buffer is None:
        return None
    space = bytearray(buffer.size + 2)
    base = pyarrow.py_buffer(space).address
    start = 1 - base % 2
    space[start : start + buffer.size] = buffer.to_pybytes()
    return pyarrow.py_buffer(memoryview(space)[start : start + buffer.size])
