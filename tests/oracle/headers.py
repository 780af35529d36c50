"""Holds what `tamis inspect` reads in headers to what the programs say that wrote them.

Usage: python headers.py --tamis BINARY

Archives of zipfile, sound of wave, databases of sqlite3, pictures of Pillow, films of FFmpeg, tables of pyarrow, and the
programs of this machine, which readelf reads (left out with a notice where there is no readelf). Every file is cut at some
places, too: that is damage or another answer, and never a crash. Prints how many files agree, and ends with 1 if any does not.
"""

import argparse
import contextlib
import json
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import wave
import zipfile

import av
import numpy
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CODECS = {
    "NONE": "none",
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "ZSTD": "zstd",
    "LZ4": "lz4",
    "BROTLI": "brotli",
}


class Oracle:
    """Files that are made, inspected and compared."""

    def __init__(self, tamis: str, folder: pathlib.Path) -> None:
        self.tamis = tamis
        self.folder = folder
        self.chance = random.Random(7)
        self.count = 0
        self.wrong = 0

    def inspect(self, *paths: pathlib.Path) -> tuple[int, list[dict]]:
        command = [self.tamis, "inspect", "--json", "--entries", "--limit", "200k", *map(str, paths)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
        if ran.returncode not in (0, 1):
            sys.exit(f"{command} ended with {ran.returncode}: {ran.stderr}")
        return ran.returncode, json.loads(ran.stdout)["files"]

    def expect(self, what: str, found: object, expected: object) -> None:
        self.count += 1
        if found != expected:
            self.wrong += 1
            print(f"{what}: found {found!r:.300}, expected {expected!r:.300}")

    def look(self, path: pathlib.Path, kind: str) -> dict:
        """What is found in a sound file, and whether cutting it is survived."""
        code, [found] = self.inspect(path)
        self.expect(
            f"{path.name}: exit code, kind, damage", (code, found["kind"], found["damage"]), (0, kind, None)
        )
        content = path.read_bytes()
        cuts = [self.folder / f"cut{number}" for number in range(5)]
        for cut in cuts:
            cut.write_bytes(content[: self.chance.randrange(len(content))])
        self.inspect(*cuts)
        return found


def size_of(found: dict) -> tuple[int, int]:
    size = found["dimensions"] or {"width": 0, "height": 0}
    return size["width"], size["height"]


def archives(oracle: Oracle) -> None:
    chance = oracle.chance
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    for number, entries in enumerate([0, 1, 2, 17, 300, 65_535, 65_536, 70_000]):
        path = oracle.folder / f"{number}.zip"
        with path.open("wb") as file:
            if number % 2:
                file.write(b"#!/bin/sh\n" * chance.randrange(1, 50))
            with zipfile.ZipFile(file, "a" if number % 2 else "w") as archive:
                for entry in range(entries):
                    method = chance.choice(methods) if entries < 1000 else zipfile.ZIP_STORED
                    name = chance.choice(["plain", "é", "日本", "a/b", "\n"]) + str(entry)
                    archive.writestr(name, b"x" * chance.randrange(50), method)
                archive.comment = b"c" * chance.choice([0, 5, 65_535]) if entries < 1000 else b""
        found = oracle.look(path, "zip")
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
        expected = [(info.filename, info.header_offset, info.compress_size, info.file_size) for info in infos]
        listed = found["entries"]["listed"]
        told = [(part["name"], part["offset"], part["bytes"], part["facts"]["unpacked"]) for part in listed]
        oracle.expect(f"{path.name}: entries", told, expected)
        path.unlink()


def sounds(oracle: Oracle) -> None:
    for channels in (1, 2, 6):
        for width in (1, 2, 3, 4):
            for frames in (0, 1, 999):
                path = oracle.folder / f"{channels}-{width}-{frames}.wav"
                rate = oracle.chance.choice([8000, 44_100, 192_000])
                with wave.open(str(path), "wb") as file:
                    file.setnchannels(channels)
                    file.setsampwidth(width)
                    file.setframerate(rate)
                    file.writeframes(bytes(channels * width * frames))
                found = oracle.look(path, "wav")
                facts = found["facts"]
                told = (
                    facts["channels"],
                    facts["bits_per_sample"],
                    facts["samples"],
                    facts["samples_per_second"],
                )
                oracle.expect(path.name, told, (channels, 8 * width, frames, rate))
                oracle.expect(path.name, found["duration_seconds"], frames / rate)


def databases(oracle: Oracle) -> None:
    for page_bytes in (512, 1024, 4096, 65_536):
        for encoding in ("UTF-8", "UTF-16le", "UTF-16be"):
            for tables in (1, 3, 400):
                path = oracle.folder / f"{page_bytes}-{encoding}-{tables}.sqlite"
                with contextlib.closing(sqlite3.connect(path)) as database:
                    make_database(oracle, database, page_bytes, encoding, tables)
                    schema = "select name, type, tbl_name, rootpage from sqlite_schema order by rowid"
                    expected = database.execute(schema).fetchall()
                    pages = database.execute("pragma page_count").fetchone()[0]
                    free = database.execute("pragma freelist_count").fetchone()[0]
                found = oracle.look(path, "sqlite")
                listed = found["entries"]["listed"]
                told = [(part["name"], *row_of(part["facts"])) for part in listed]
                oracle.expect(f"{path.name}: schema", told, expected)
                facts = found["facts"]
                told = (facts["bytes_per_page"], facts["pages"], facts["free_pages"], facts["user_version"])
                oracle.expect(path.name, told, (page_bytes, pages, free, tables))
                path.unlink()


def row_of(facts: dict) -> tuple[str, str, int]:
    return facts["type"], facts["table"], facts.get("root_page", 0)


def make_database(
    oracle: Oracle, database: sqlite3.Connection, page_bytes: int, encoding: str, tables: int
) -> None:
    database.execute(f'pragma encoding="{encoding}"')
    database.execute(f"pragma page_size={page_bytes}")
    for table in range(tables):
        columns = ", ".join(f"column_{column} text" for column in range(oracle.chance.choice([1, 3, 200])))
        name = oracle.chance.choice(["t", "tableau_é", "x" * 200]) + str(table)
        database.execute(f'create table "{name}" ({columns})')
        if table % 3 == 0:
            database.execute(f'create index "by_{table}" on "{name}" (column_0)')
            database.execute(f'create view "view_{table}" as select * from "{name}"')
        if table % 7 == 5:
            database.execute(f'drop table "{name}"')
    database.execute(f"pragma user_version={tables}")
    database.commit()


def pictures(oracle: Oracle) -> None:
    chance = oracle.chance
    for number in range(20):
        size = chance.randrange(1, 400), chance.randrange(1, 400)
        name = oracle.folder / str(number)
        noise = Image.effect_noise(size, 90)
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            path = name.with_suffix(f".{mode}.png")
            noise.convert(mode).save(path)
            oracle.expect(path.name, size_of(oracle.look(path, "png")), size)
        for mode in ("L", "RGB", "CMYK"):
            path = name.with_suffix(f".{mode}.jpeg")
            noise.convert(mode).save(path, quality=chance.randrange(1, 96), progressive=chance.random() < 0.5)
            oracle.expect(path.name, size_of(oracle.look(path, "jpeg")), size)
        delays = [10 * chance.randrange(1, 50) for _ in range(chance.randrange(2, 6))]
        frames = [Image.effect_noise(size, 90) for _ in delays]
        for kind in ("gif", "png"):
            path = name.with_suffix(f".frames.{kind}")
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=delays, loop=3)
            found = oracle.look(path, kind)
            told = (size_of(found), found["facts"]["frames"], round(found["duration_seconds"], 6))
            oracle.expect(path.name, told, (size, len(delays), sum(delays) / 1000))


def films(oracle: Oracle) -> None:
    kinds = {"mp4": "mp4", "mov": "mov"}
    layouts = {
        "mp4": ["", "faststart", "frag_keyframe+empty_moov", "frag_keyframe+delay_moov"],
        "mov": ["", "faststart"],
    }
    for suffix, kind in kinds.items():
        for number, flags in enumerate(layouts[suffix]):
            for frames in (1, 30):
                path = oracle.folder / f"{number}-{frames}.{suffix}"
                make_film(path, flags, frames)
                found = oracle.look(path, kind)
                listed = found["entries"]["listed"]
                with av.open(str(path)) as film:
                    streams = [(stream.type, *details_of(stream)) for stream in film.streams]
                oracle.expect(path.name, [track_of(part["facts"]) for part in listed], streams)
                oracle.expect(path.name, size_of(found), (64, 48))
                if not flags.startswith("frag"):
                    told = [part["facts"]["samples"] for part in listed]
                    with av.open(str(path)) as film:
                        oracle.expect(path.name, told, [stream.frames for stream in film.streams])


def details_of(stream: av.stream.Stream) -> tuple:
    if stream.type == "video":
        return (f"{stream.codec_context.width} x {stream.codec_context.height}",)
    return stream.codec_context.channels, stream.codec_context.sample_rate


def track_of(facts: dict) -> tuple:
    if facts["kind"] == "video":
        return "video", facts["size"]
    return facts["kind"], facts["channels"], facts["samples_per_second"]


def make_film(path: pathlib.Path, flags: str, frames: int) -> None:
    with av.open(str(path), "w", options={"movflags": flags} if flags else {}) as film:
        video = film.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = film.add_stream("aac", rate=44_100)
        audio.layout = "stereo"
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(numpy.zeros((48, 64, 3), "uint8"), format="rgb24")
            film.mux(video.encode(frame))
        for number in range(frames):
            frame = av.AudioFrame.from_ndarray(
                numpy.zeros((2, 1024), "float32"), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = 44_100, 1024 * number
            film.mux(audio.encode(frame))
        film.mux(video.encode())
        film.mux(audio.encode())


def tables(oracle: Oracle) -> None:
    for number, (codec, name) in enumerate(CODECS.items()):
        for rows in (0, 1, 5000):
            path = oracle.folder / f"{codec}-{rows}.parquet"
            table = pa.table(
                {
                    "id": pa.array(range(rows), pa.int64()),
                    "text": pa.array([str(row % 7) for row in range(rows)], pa.string()),
                    "of": pa.array(
                        [{"a": row, "b": [row]} for row in range(rows)],
                        pa.struct({"a": pa.int32(), "b": pa.list_(pa.int16())}),
                    ),
                }
            )
            pq.write_table(
                table,
                path,
                compression=codec,
                row_group_size=1700,
                use_dictionary=number % 2 == 0,
                write_page_index=number % 3 == 0,
                version="1.0" if number % 2 else "2.6",
            )
            found = oracle.look(path, "parquet")
            metadata = pq.read_metadata(path)
            facts = found["facts"]
            told = (facts["rows"], facts["row_groups"], facts["columns"], facts["created_by"])
            expected = (metadata.num_rows, metadata.num_row_groups, metadata.num_columns, metadata.created_by)
            oracle.expect(path.name, told, expected)
            chunks = [
                metadata.row_group(group).column(column)
                for group in range(metadata.num_row_groups)
                for column in range(metadata.num_columns)
            ]
            expected = [
                (
                    chunk.path_in_schema,
                    chunk.dictionary_page_offset or chunk.data_page_offset,
                    chunk.total_compressed_size,
                    chunk.total_uncompressed_size,
                    chunk.num_values,
                    name,
                )
                for chunk in chunks
            ]
            told = [
                (
                    part["name"],
                    part["offset"],
                    part["bytes"],
                    *(part["facts"][key] for key in ("unpacked", "values", "codec")),
                )
                for part in found["entries"]["listed"]
            ]
            oracle.expect(f"{path.name}: column chunks", told, expected)


def programs(oracle: Oracle) -> None:
    if shutil.which("readelf") is None:
        print("NOTICE: there is no readelf: programs are not compared")
        return
    folders = [pathlib.Path("/usr/bin"), pathlib.Path("/usr/lib/x86_64-linux-gnu")]
    files = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    files = [path for path in files if path.is_file() and path.open("rb").read(4) == b"\x7fELF"]
    files = oracle.chance.sample(files, min(len(files), 150))
    if shutil.which("objcopy"):
        for target in ("elf32-little", "elf32-big", "elf64-little", "elf64-big"):
            path = oracle.folder / target
            made = subprocess.run(
                ["objcopy", "-I", "binary", "-O", target, __file__, str(path)],
                check=False,
                capture_output=True,
            )
            if made.returncode == 0:
                files.append(path)
    for path in files:
        _, [found] = oracle.inspect(path)
        listed = subprocess.run(
            ["readelf", "--sections", "--wide", path], check=False, capture_output=True, text=True
        ).stdout
        row = re.compile(
            r"^ +\[ *\d+\] (.*?) +([A-Z_0-9]+) +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]{2} ",
            re.MULTILINE,
        )
        expected = [
            (name.strip(), int(offset, 16), 0 if kind in ("NOBITS", "NULL") else int(size, 16))
            for name, kind, _, offset, size in row.findall(listed)
        ]
        told = [(part["name"], part["offset"], part["bytes"]) for part in found["entries"]["listed"]]
        oracle.expect(f"{path}: sections", told, expected)
        listed = subprocess.run(
            ["readelf", "--segments", "--wide", path], check=False, capture_output=True, text=True
        ).stdout
        row = re.compile(r"^  ([A-Z_]+) +0x([0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]+) ", re.MULTILINE)
        expected = [
            (f"segment {kind}", int(offset, 16), int(size, 16)) for kind, offset, size in row.findall(listed)
        ]
        parts = found["parts"]["listed"]
        told = [
            (part["name"], part["offset"], part["bytes"])
            for part in parts
            if part["name"].startswith("segment ")
        ]
        oracle.expect(f"{path}: segments", told, expected)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        oracle = Oracle(options.tamis, pathlib.Path(folder))
        for part in (archives, sounds, databases, pictures, films, tables, programs):
            before = oracle.count
            part(oracle)
            print(f"{part.__name__}: {oracle.count - before} comparisons")
    print(f"{oracle.count - oracle.wrong} of {oracle.count} comparisons agree")
    sys.exit(oracle.wrong > 0)


if __name__ == "__main__":
    main()
