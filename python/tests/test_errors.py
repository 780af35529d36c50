"""The tree of exceptions."""

from __future__ import annotations

import io
import pickle

import pytest
import tamis
from tamis import errors


def test_every_error_is_a_tamis_error_and_public() -> None:
    for name in errors.__all__:
        cls = getattr(errors, name)
        assert issubclass(cls, errors.TamisError)
        assert getattr(tamis, name) is cls
        assert name in tamis.__all__
        assert cls.__doc__


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (tamis.SchemaError, ValueError),
        (tamis.FormatError, ValueError),
        (tamis.InputError, OSError),
        (tamis.InputNotFoundError, tamis.InputError),
        (tamis.InputNotFoundError, FileNotFoundError),
    ],
)
def test_errors_are_what_python_code_expects(ours: type[Exception], theirs: type[Exception]) -> None:
    assert issubclass(ours, theirs)


def test_errors_survive_pickling() -> None:
    missing = tamis.InputNotFoundError(2, "No such file or directory", "x.csv")
    again = pickle.loads(pickle.dumps(missing))
    assert (type(again), again.errno, again.filename, str(again)) == (
        tamis.InputNotFoundError,
        2,
        "x.csv",
        "[Errno 2] No such file or directory: 'x.csv'",
    )
    assert str(pickle.loads(pickle.dumps(tamis.FormatError("f")))) == "f"


def test_a_panic_has_a_name() -> None:
    # What PyO3 raises for one is no `Exception`, so that code that means well cannot catch it.
    assert issubclass(tamis.InternalError, Exception)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("n,s\n1,\u00e9\n".encode("utf-16"), "utf-16"),
        ("n,\u00e9\n1,x\n".encode("windows-1252"), "windows-1252"),
    ],
)
def test_hints_name_what_python_has(data: bytes, encoding: str) -> None:
    validator = tamis.Validator(tamis.Schema({"n": tamis.Field(int, required=True)}))
    with pytest.raises(tamis.FormatError) as raised:
        validator.validate_csv(data)
    assert f'`open(path, encoding="{encoding}")`' in str(raised.value)
    assert "--" not in str(raised.value)
    # What it says is what helps.
    assert validator.validate_csv(io.TextIOWrapper(io.BytesIO(data), encoding=encoding)).is_valid()


def test_notes_name_the_command_whose_options_they_mean() -> None:
    countries = ("DE", "FR", "NA", "US", "IT", "ES")
    rows = "".join(f"{countries[row % 6]},{'NA' if row == 17 else row}\n" for row in range(60))
    (note,) = tamis.Schema.infer(b"country,n\n" + rows.encode(), format="csv").notes
    assert "`tamis infer --missing-values NA`" in note
