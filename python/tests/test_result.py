"""ValidationResult and ValidationError: what they say, and that they survive every way out and back."""

from __future__ import annotations

import copy
import json
import pickle
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tamis import Field, FormatError, Schema, ValidationError, ValidationFailed, ValidationResult, Validator


@pytest.fixture
def result(orders: Schema, orders_csv: Path) -> ValidationResult:
    return Validator(orders).validate_csv(orders_csv)


def test_counts_and_errors(result: ValidationResult) -> None:
    assert (result.total_rows, result.valid_count, result.invalid_count) == (4, 2, 2)
    assert (result.error_count, result.rules_checked, result.success_rate()) == (3, 8, 50.0)
    assert result.errors_by_rule == {"enum": 1, "minimum": 1, "pattern": 1}
    assert result.errors_by_column == {
        "amount": {"minimum": 1},
        "id": {"pattern": 1},
        "status": {"enum": 1},
    }
    assert not result.is_valid()
    first, second, third = result.errors
    assert (first.row, first.line, first.byte_offset) == (2, 3, 28)
    assert (first.row_index, first.field, first.severity) == (1, "id", "error")
    assert (second.column, second.rule, second.value, second.message) == (
        "amount",
        "minimum",
        "-7.5",
        "must be at least 0",
    )
    assert (third.row, third.line, third.value) == (4, 5, "lost\n")
    assert result.get_errors_by_field("amount") == [second]
    assert result.get_errors_by_rule("enum") == [third]
    assert result.get_errors_by_rule("none") == []
    assert str(second) == "row 2, `amount`: must be at least 0 (found `-7.5`)"


def test_the_list_of_errors_is_the_callers_own(result: ValidationResult) -> None:
    result.errors.clear()
    assert len(result.errors) == 3
    assert result.errors[0] is result.errors[0], "each error is made once"


def test_a_header_fault_has_no_row() -> None:
    error = Validator(Schema({"a": Field(str, required=True)})).validate_csv(b"b\n1\n").errors[0]
    assert (error.row, error.row_index, error.line, error.column) == (None, None, 1, "a")
    assert str(error) == "header, `a`: the header has no column `a`"


def test_results_survive(result: ValidationResult) -> None:
    for again in (
        pickle.loads(pickle.dumps(result)),
        copy.deepcopy(result),
        ValidationResult.from_json(result.to_json()),
        ValidationResult.from_json(result.to_json().encode()),
    ):
        assert again == result
        assert hash(again) == hash(result)
        assert again.to_dict() == result.to_dict()
    for error in result.errors:
        again_error = pickle.loads(pickle.dumps(error))
        assert again_error == error
        assert again_error.input == error.input
        assert eval(repr(error)) == error
        assert hash(again_error) == hash(error)


def test_equality_is_about_what_was_found(orders: Schema, orders_csv: Path, result: ValidationResult) -> None:
    other_name = orders_csv.with_name("other.csv")
    other_name.write_bytes(orders_csv.read_bytes())
    assert Validator(orders, parallel=False).validate_csv(other_name) == result
    assert Validator(orders, max_errors=2).validate_csv(orders_csv) != result
    assert Validator(orders).validate_csv(orders_csv.read_bytes() + b"O-5,1,open\n") != result
    # The same counts, another value.
    assert Validator(orders).validate_csv(orders_csv.read_bytes().replace(b"-7.5", b"-7.6")) != result
    assert result != "result"
    assert result.errors[0] != result.errors[1]


def test_an_error_can_be_made() -> None:
    error = ValidationError(None, 1, 0, None, "fieldCount", None, "m", severity="warning", input="x")
    assert (error.row, error.severity, error.input) == (None, "warning", "x")
    with pytest.raises(FormatError):
        ValidationError(1, 1, 0, "a", "r", None, "m", severity="bad")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ValidationError()  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        error.row = 3  # type: ignore[misc]


@pytest.mark.parametrize("json_text", ["", "{", "{}", "[]", '{"schema_version": 99}', b"\xff"])
def test_what_is_no_report_is_refused(json_text: str | bytes) -> None:
    with pytest.raises(FormatError, match="not a report"):
        ValidationResult.from_json(json_text)


def test_a_report_of_another_version_is_refused(result: ValidationResult) -> None:
    newer = result.to_json().replace('"schema_version": 1', '"schema_version": 2', 1)
    with pytest.raises(FormatError, match="version 2"):
        ValidationResult.from_json(newer)
    with pytest.raises(TypeError):
        ValidationResult.from_json(3)  # type: ignore[arg-type]


def test_rows_counted_from_zero_cannot_overflow(result: ValidationResult) -> None:
    report = json.loads(result.to_json())
    report["samples"][0]["row"] = 0
    assert ValidationResult.from_json(json.dumps(report)).errors[0].row_index is None


def test_raise_for_errors(orders: Schema, result: ValidationResult) -> None:
    with pytest.raises(
        ValidationFailed, match="2 of 4 rows are invalid; the first error: row 2, `id`"
    ) as raised:
        result.raise_for_errors()
    assert raised.value.result is result
    again = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(again, ValidationFailed)
    assert again.result == result
    good = Validator(orders).validate_csv(b"id\nO-1\n")
    good.raise_for_errors()
    assert good.success_rate() == 100.0
    assert Validator(orders).validate_csv(b"id\n").success_rate() == 0.0


def test_repr_and_summary(orders: Schema, result: ValidationResult) -> None:
    assert repr(result) == "<ValidationResult invalid: 4 rows, 2 valid, 2 invalid, 3 errors>"
    assert (
        repr(Validator(orders).validate_csv(b"id\n"))
        == "<ValidationResult valid: 0 rows, 0 valid, 0 invalid>"
    )
    assert repr(Validator(orders).validate_csv(b"id\nx\n")) == (
        "<ValidationResult invalid: 1 row, 0 valid, 1 invalid, 1 error>"
    )
    assert "2 of 4 rows are bad" in result.summary()


def test_errors_say_where_they_are_if_that_is_known(orders: Schema) -> None:
    (missing,) = Validator(orders).validate_csv(b"x\n").errors
    assert str(missing).startswith("header, `id`: ")
    unordered = ValidationError(None, None, None, "id", "pattern", "x", "must match")
    assert str(unordered) == "`id`: must match (found `x`)"
    assert str(ValidationError(None, None, None, None, "json", None, "must be JSON")) == "must be JSON"


class _Page(HTMLParser):
    """Checks that tags are closed in the order they were opened, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.rows = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.rows += tag == "tr"
        assert {name for name, _ in attrs} <= {"style", "colspan"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "|"


def read(markup: str) -> _Page:
    page = _Page()
    page.feed(markup)
    page.close()
    assert page.open == []
    assert "http" not in markup, "nothing from elsewhere"
    return page


def test_the_page_for_notebooks_is_whole_and_escaped() -> None:
    evil = '<script>alert("1&2")</script>\'><b>'
    schema = Schema({evil: Field(str, max_length=3)})
    cell = evil.replace('"', '""')
    markup = Validator(schema).validate_csv(f'"{cell}"\n"{cell}"\n'.encode())._repr_html_()
    page = read(markup)
    assert page.tags <= {"div", "span", "b", "table", "tr", "th", "td"}
    assert page.text.count(evil) == 3, "in both tables as a column, and as a value"
    good = Validator(schema).validate_csv(b"a\n")._repr_html_()
    assert ">valid<" in good
    assert "<table" not in good


def test_the_page_for_notebooks_is_bounded(orders: Schema) -> None:
    wide = Schema({f"{'c' * 500}{index}": Field(int) for index in range(200)})
    row = ",".join(["x" * 500] * 200)
    text = f"{','.join(wide.columns)}\n{row}\n{row}\n"
    page = read(Validator(wide).validate_csv(text.encode())._repr_html_())
    assert page.rows == 2 * (1 + 12) + 1
    assert "… 188 more" in page.text
    assert "the first 12 of 400 errors" in page.text
    assert len(page.text) < 10_000
    many = b"id,amount\n" + b"O-1,-1\n" * 1_234
    text = read(Validator(orders).validate_csv(many)._repr_html_()).text
    assert "1,234" in text
    assert "the first 12 of 1,234 errors" in text


def test_control_characters_are_shown(orders: Schema) -> None:
    page = read(Validator(orders).validate_csv(b'id\n"\x1b[31m\n"\n')._repr_html_())
    assert "\\u{1b}[31m\\n" in page.text


def test_metrics_of_a_contract(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nschema:\n"
        "  - name: x\n    properties:\n      - name: a\n        logicalType: string\n        quality:\n"
        "          - {metric: nullValues, mustBeLessThan: 10, unit: percent}\n"
    )
    result = Validator(Schema.from_file(path)).validate_csv(
        b"a,b\nx,1\n,1\n".replace(b",b", b"").replace(b",1", b'""')
    )
    assert result.metrics[0]["metric"] == "nullValues"
    assert result.metrics[0]["measured"] == pytest.approx(100 / 2)
    assert result.is_valid() is False
    assert result.invalid_count == 0
    assert "nullValues|50 %|must be less than 10 %" in read(result._repr_html_()).text
