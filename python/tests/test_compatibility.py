"""Code written for PyRustPipe runs when the name in its imports is changed, and nothing else.

The functions called ``*_job`` are such code: its keywords, its positions, its names of attributes and keys. What surrounds them says
what they must find.
"""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tamis import (
    CachedValidator,
    DistributedValidator,
    Field,
    LineProcessor,
    MapReduceValidator,
    Schema,
    StreamingValidator,
    ValidationError,
    ValidationResult,
    Validator,
)

ROWS = 2_500
#: Rows with a wrong e-mail address, and rows of people too young.
WRONG_MAILS, TOO_YOUNG = range(0, ROWS, 100), range(50, ROWS, 500)
BAD_ROWS = len(WRONG_MAILS) + len(TOO_YOUNG)


@pytest.fixture
def schema() -> Schema:
    return Schema({
        "id": Field(str, required=True, pattern=r"^USR\d{8}$"),
        "name": Field(str, required=True, min_length=2, max_length=100),
        "email": Field(str, required=True, pattern=r"^[\w\.-]+@[\w\.-]+\.\w+$"),
        "age": Field(int, min=18, max=120),
        "balance": Field(float, min=0.0),
    })  # fmt: skip


def records() -> list[dict[str, Any]]:
    return [
        {
            "id": f"USR{row:08}",
            "name": f"User {row}",
            "email": "nobody" if row in WRONG_MAILS else f"user{row}@example.com",
            "age": 17 if row in TOO_YOUNG else 18 + row % 60,
            "balance": row * 0.5,
        }
        for row in range(ROWS)
    ]


@pytest.fixture
def users(tmp_path: Path) -> str:
    path = tmp_path / "users.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "name", "email", "age", "balance"])
        writer.writeheader()
        writer.writerows(records())
    return str(path)


def test_validator(schema: Schema, users: str, tmp_path: Path) -> None:
    def whole_file_job(path: str) -> ValidationResult:
        validator = Validator(schema=schema, parallel=True, chunk_size=50_000)
        result = validator.validate_csv(path, output_path=tmp_path / "results.json")
        print(f"{result.total_rows:,} rows: {result.valid_count:,} valid ({result.success_rate():.1f}%)")
        for error in result.errors[:10]:
            print(f"row {error.row_index}: {error.field} - {error.message} [{error.rule}]")
        print(result.summary())
        return result

    result = whole_file_job(users)
    assert (result.total_rows, result.invalid_count, result.is_valid()) == (ROWS, BAD_ROWS, False)
    assert result.valid_count + result.invalid_count == result.total_rows
    assert [error.row_index for error in result.get_errors_by_field("email")] == list(WRONG_MAILS)
    assert [error.field for error in result.get_errors_by_rule("minimum")] == ["age"] * len(TOO_YOUNG)
    assert json.loads((tmp_path / "results.json").read_text())["rows"]["invalid"] == BAD_ROWS
    assert isinstance(result.errors[0], ValidationError)
    assert Validator(schema).validate_csv(users, parallel=True) == result
    with pytest.raises(FileNotFoundError):
        whole_file_job("nowhere.csv")


def test_validate_dict(schema: Schema) -> None:
    validator = Validator(schema=schema, parallel=True)

    def record_job(data: dict[str, Any]) -> list[str]:
        return [f"  - {error}" for error in validator.validate_dict(data)]

    good = {"id": "USR00000001", "name": "Ann", "email": "ann@example.com", "age": 25, "balance": 1000.5}
    assert record_job(good) == []
    assert record_job({**good, "age": 12, "balance": -1.0}) == [
        "  - `age`: must be at least 18 (found `12`)",
        "  - `balance`: must be at least 0 (found `-1.0`)",
    ]
    assert len(record_job({**good, "age": "old"})) == 1
    assert len(record_job({"id": "USR00000001"})) == 2
    # A rule about all records says nothing about one.
    assert Validator(Schema({"a": Field(str, unique=True)})).validate_dict({"a": "x"}) == []


def test_streaming(schema: Schema, users: str) -> None:
    def batches_job(path: str) -> tuple[int, int, int, list[ValidationError]]:
        validator = StreamingValidator(schema=schema, buffer_size=1000, parallel=True, chunk_size=5000)
        estimate = validator.estimate_memory_usage(Path(path).stat().st_size / 1024**3)
        print(f"{estimate['file_size_gb']:.3f} GB, {estimate['estimated_rows']:,} rows")
        print(f"{estimate['buffer_memory_mb']:.2f} MB for {estimate['buffer_size_rows']:,} rows")
        print(f"{estimate['batches_required']} batches, {estimate['estimated_processing_time_sec']} s")
        total_valid = total_invalid = count = 0
        errors: list[ValidationError] = []
        for count, batch in enumerate(validator.validate_csv_stream(path, skip_header=True), 1):
            total_valid += batch.valid_count
            total_invalid += batch.invalid_count
            assert batch.total_rows == min(validator.buffer_size, ROWS - (count - 1) * 1000)
            errors.extend(batch.errors)
        return count, total_valid, total_invalid, errors

    count, valid, invalid, errors = batches_job(users)
    assert (count, valid, invalid) == (3, ROWS - BAD_ROWS, BAD_ROWS)
    assert sorted(error.row_index or 0 for error in errors) == sorted([*WRONG_MAILS, *TOO_YOUNG])


def test_streaming_json(tmp_path: Path) -> None:
    path = tmp_path / "app.log.jsonl"
    levels = ["info", "error", "loud"]
    path.write_text("".join(json.dumps({"level": levels[row % 3]}) + "\n" for row in range(30)))
    log_schema = Schema({"level": Field(str, required=True, choices=["info", "error"])})

    def alerts_job(path: str) -> list[ValidationError]:
        alerts = []
        for batch in StreamingValidator(schema=log_schema, buffer_size=7).validate_json_stream(path):
            if batch.invalid_count > 0:
                alerts.extend(batch.errors)
        return alerts

    assert [error.row_index for error in alerts_job(str(path))] == list(range(2, 30, 3))


@pytest.mark.parametrize("use_processes", [False, True])
def test_distributed(schema: Schema, users: str, use_processes: bool) -> None:
    lines: list[str] = []

    def progress(info: dict[str, Any]) -> None:
        percent = info["chunk"] / info["total_chunks"] * 100
        lines.append(f"{percent:.0f}%: {info['valid_so_far']:,} valid, {info['invalid_so_far']:,} invalid")

    def chunks_job(path: str) -> ValidationResult:
        validator = DistributedValidator(
            schema=schema, workers=2, chunk_size=1000, use_processes=use_processes
        )
        plan = validator.get_parallelization_info(16.0)
        print(
            f"{plan['file_size_gb']} GB, {plan['estimated_rows']:,} rows on {plan['worker_threads']} workers"
        )
        print(f"{plan['chunks_needed']} chunks of {plan['chunk_size']:,}: {plan['estimated_speedup']}")
        print(f"{plan['effective_parallelism']} at a time, {plan['estimated_total_time_sec']:.1f} s")
        started = time.time()
        result = validator.validate_csv_parallel(path, callback=progress)
        print(f"{result.total_rows / (time.time() - started):,.0f} rows/s on {validator.workers} workers")
        return result

    assert chunks_job(users) == Validator(schema).validate_csv(users)
    assert lines[-1] == f"100%: {ROWS - BAD_ROWS:,} valid, {BAD_ROWS} invalid"
    assert len(lines) > 1


def test_cached(schema: Schema, users: str, tmp_path: Path) -> None:
    def pipeline_job(path: str) -> tuple[ValidationResult, bool]:
        validator = Validator(schema=schema, parallel=True)
        cached = CachedValidator(validator, cache_dir=str(tmp_path / "cache"))
        was_known = cached.cache.has_result(path)
        result = cached.cache.load_result(path) if was_known else cached.validate_csv(path, use_cache=True)
        stats = cached.get_cache_stats()
        print(f"{stats['entries']} entries in {stats['cache_dir']}, {stats['cache_size_mb']:.2f} MB")
        print(f"at most {stats['max_size_mb']:.0f} MB for {stats['ttl_hours']} hours")
        assert result is not None
        return result, was_known

    first, was_known = pipeline_job(users)
    assert (first.invalid_count, was_known) == (BAD_ROWS, False)
    assert pipeline_job(users) == (first, True)
    with open(users, "a") as file:
        file.write("USR99999999,Last,last@example.com,30,1\n")
    again, was_known = pipeline_job(users)
    assert (again.total_rows, was_known) == (ROWS + 1, False)


def test_map_and_reduce(schema: Schema, users: str) -> None:
    def cluster_job(data: list[dict[str, Any]]) -> ValidationResult:
        validator = MapReduceValidator(schema=schema)
        chunks = [data[start : start + 1000] for start in range(0, len(data), 1000)]
        map_results = [validator.map_validate_chunk(chunk) for chunk in chunks]
        return validator.reduce_results(map_results)

    whole = Validator(schema).validate_csv(users)
    for data in (records(), list(csv.DictReader(Path(users).read_text().splitlines()))):
        result = cluster_job(data)
        assert (result.total_rows, result.valid_count, result.invalid_count) == (
            ROWS,
            ROWS - BAD_ROWS,
            BAD_ROWS,
        )
        assert result.errors_by_rule == whole.errors_by_rule
        assert [error.row_index for error in result.errors] == [error.row_index for error in whole.errors]


def test_line_processor(schema: Schema) -> None:
    processor = LineProcessor(schema=schema)

    def message_job(message: str) -> str:
        is_valid, errors = processor.process_line(json.loads(message))
        if is_valid:
            assert not errors
            return "valid"
        return f"dead letter: {errors[0].field}"

    good = json.dumps(records()[1])
    assert message_job(good) == "valid"
    assert message_job(good.replace("@", " at ")) == "dead letter: email"
