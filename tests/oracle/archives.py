"""Holds what `tamis compress` and `tamis decompress` do to the tools whose formats these are.

Usage: python archives.py --tamis BINARY

lz4, zstd, pzstd, gzip and bgzip read what Tamis packs, and Tamis reads what they pack, for sizes around blocks and content of every
kind; pyzstd seeks in seekable zstd. Archives that are cut or changed are given to both: Tamis must refuse what the tool refuses,
or give the bytes that it gives. A tool that is not there is left out with a notice. Prints how many comparisons agree, and ends
with 1 if any does not.
"""

import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import pyzstd

BLOCKS = {
    "lz4": ["64KiB", "256KiB", "1MiB", "4MiB"],
    "zstd": ["4KiB", "100KB", "2MiB", "16MiB"],
    "gzip": ["1KB", "65280"],
}

LEVELS = {"lz4": [1], "zstd": [-5, 1, 3, 12], "gzip": [0, 1, 6, 9, 12]}

# What unpacks to standard output, by codec.
READERS = {
    "lz4": [["lz4", "-dc"]],
    "zstd": [["zstd", "-dc"], ["pzstd", "-dc", "-q"]],
    "gzip": [["gzip", "-dc"], ["bgzip", "-dc"]],
}

# What packs standard input to standard output, by codec.
WRITERS = {
    "lz4": [
        ["lz4", "-1"],
        ["lz4", "-9"],
        ["lz4", "-B4"],
        ["lz4", "-B5", "-BX"],
        ["lz4", "-B4", "-BD"],
        ["lz4", "-BD", "-BX"],
        ["lz4", "--no-frame-crc"],
        ["lz4", "--fast=9"],
    ],
    "zstd": [
        ["zstd", "-1"],
        ["zstd", "-12"],
        ["zstd", "--fast=5"],
        ["zstd", "--no-check"],
        ["zstd", "--long=27"],
        ["zstd", "-T2"],
        ["pzstd", "-q"],
    ],
    "gzip": [["gzip", "-1"], ["gzip", "-9"], ["bgzip"], ["bgzip", "-l", "9"]],
}

CODECS = ["lz4", "zstd", "gzip"]


class Oracle:
    """Contents that are packed by one side and unpacked by the other."""

    def __init__(self, tamis: str, folder: pathlib.Path) -> None:
        self.tamis = tamis
        self.folder = folder
        self.chance = random.Random(3)
        self.count = 0
        self.wrong = 0
        tools = {command[0] for table in (READERS, WRITERS) for codec in CODECS for command in table[codec]}
        self.tools = {tool for tool in tools if shutil.which(tool)}
        for tool in sorted(tools - self.tools):
            print(f"NOTICE: there is no {tool}: nothing is compared with it")

    def here(self, commands: list[list[str]]) -> list[list[str]]:
        return [command for command in commands if command[0] in self.tools]

    def expect(self, what: str, is_right: bool) -> None:
        self.count += 1
        if not is_right:
            self.wrong += 1
            print(f"WRONG: {what}")

    def run(self, command: list[str], content: bytes) -> bytes | None:
        """What the command makes of the content; None if it refuses."""
        ran = subprocess.run(command, input=content, check=False, capture_output=True)
        if ran.returncode < 0 or ran.returncode == 101:
            sys.exit(f"{command} crashed: {ran.stderr!r}")
        return ran.stdout if ran.returncode == 0 else None

    def pack(self, content: bytes, codec: str, block: str, level: int) -> bytes:
        """The content packed by Tamis, as file and as stream, by one thread and by several."""
        plain, packed = self.folder / "plain", self.folder / "packed"
        plain.write_bytes(content)
        options = ["--codec", codec, "--block", block, f"--level={level}", "--quiet"]
        command = [self.tamis, "compress", str(plain), "-o", str(packed), "--force", *options]
        subprocess.run([*command, "--threads", "1"], check=True)
        expected = packed.read_bytes()
        subprocess.run([*command, "--threads", str(self.chance.randrange(2, 6))], check=True)
        what = f"{len(content)} bytes as {codec}, blocks of {block}, level {level}"
        self.expect(f"{what}: threads", packed.read_bytes() == expected)
        streamed = self.run([self.tamis, "compress", *options], content)
        if codec == "lz4":
            self.expect(f"{what}: stream", self.run(["lz4", "-dc"], streamed or b"") == content)
        else:
            self.expect(f"{what}: stream", streamed == expected)
        return expected

    def unpack(self, packed: bytes, threads: int) -> bytes | None:
        return self.run([self.tamis, "decompress", "--quiet", "--threads", str(threads)], packed)


def contents(chance: random.Random, block: int) -> list[bytes]:
    """Contents of every kind, of sizes around a block."""
    words = [chance.randbytes(chance.randrange(1, 12)) for _ in range(500)]

    def text(size: int) -> bytes:
        return b" ".join(chance.choice(words) for _ in range(size // 6 + 2))[:size]

    sizes = [0, 1, 2, 13, block - 1, block, block + 1, 2 * block, 3 * block + 17]
    made = [text(min(size, 3_000_000)) for size in sizes]
    return [*made, chance.randbytes(block + 1), bytes(3 * block), text(2_000_003)]


def ours_by_theirs(oracle: Oracle) -> None:
    for codec in CODECS:
        for block in BLOCKS[codec]:
            block_bytes = {"64KiB": 65_536, "4KiB": 4096, "100KB": 100_000, "1KB": 1000, "65280": 65_280}
            for content in contents(oracle.chance, block_bytes.get(block, 1 << 20)):
                level = oracle.chance.choice(LEVELS[codec])
                packed = oracle.pack(content, codec, block, level)
                what = f"{len(content)} bytes as {codec}, blocks of {block}, level {level}"
                for reader in oracle.here(READERS[codec]):
                    oracle.expect(f"{what} by {reader}", oracle.run(reader, packed) == content)
                for threads in (1, 3):
                    oracle.expect(f"{what} by tamis", oracle.unpack(packed, threads) == content)
                if codec == "zstd":
                    seek(oracle, what, packed, content)


def seek(oracle: Oracle, what: str, packed: bytes, content: bytes) -> None:
    path = oracle.folder / "seekable"
    path.write_bytes(packed)
    with pyzstd.SeekableZstdFile(str(path), "r") as file:
        oracle.expect(f"{what}: size by pyzstd", file.seek(0, 2) == len(content))
        for _ in range(5):
            start = oracle.chance.randrange(len(content) + 1)
            file.seek(start)
            oracle.expect(f"{what}: byte {start} by pyzstd", file.read(1000) == content[start : start + 1000])


def theirs_by_ours(oracle: Oracle) -> None:
    for codec in CODECS:
        for writer in oracle.here(WRITERS[codec]):
            for content in contents(oracle.chance, 1 << 16):
                packed = oracle.run([*writer, "-c"], content) or b""
                if oracle.run([writer[0], "-dc"], packed) != content:
                    # lz4 1.9.4 writes nothing for 65,535 bytes with `-B4`.
                    print(f"NOTICE: {writer} cannot read what it made of {len(content)} bytes")
                    continue
                twice = packed + packed
                for threads in (1, 2, 5):
                    what = f"{len(content)} bytes of {writer} by {threads} threads"
                    oracle.expect(what, oracle.unpack(packed, threads) == content)
                    oracle.expect(f"{what}, twice", oracle.unpack(twice, threads) == content + content)


def damaged(oracle: Oracle) -> None:
    """Both refuse, or both give the same bytes. Checksums that are missing leave nothing to compare, so only ours are changed."""
    for codec in CODECS:
        reader = READERS[codec][0]
        if not oracle.here([reader]):
            continue
        content = contents(oracle.chance, 5000)[-1][:400_000]
        block = {"lz4": "64KiB", "zstd": "50KB", "gzip": "20KB"}[codec]
        packed = oracle.pack(content, codec, block, LEVELS[codec][-1])
        for _ in range(150):
            broken = bytearray(packed)
            at = oracle.chance.randrange(len(broken))
            kind = oracle.chance.choice(["flip", "cut", "more"])
            if kind == "flip":
                broken[at] ^= 1 << oracle.chance.randrange(8)
            elif kind == "cut":
                del broken[at:]
            else:
                broken += oracle.chance.randbytes(oracle.chance.randrange(1, 50))
            theirs = oracle.run(reader, bytes(broken))
            ours = oracle.unpack(bytes(broken), oracle.chance.choice([1, 3]))
            is_right = (
                ours is None or ours == theirs or (theirs is None and ours == content and kind == "flip")
            )
            oracle.expect(f"{codec}, {kind} at byte {at}", is_right)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        oracle = Oracle(options.tamis, pathlib.Path(folder))
        for part in (ours_by_theirs, theirs_by_ours, damaged):
            before = oracle.count
            part(oracle)
            print(f"{part.__name__}: {oracle.count - before} comparisons")
    print(f"{oracle.count - oracle.wrong} of {oracle.count} comparisons agree")
    sys.exit(oracle.wrong > 0)


if __name__ == "__main__":
    main()
