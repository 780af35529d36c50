"""Holds `tamis count` to GNU wc in the locale C.UTF-8: the same counts of real and of hostile files.

Usage: python count.py --tamis BINARY --repository ROOT

Each file is counted by both with every option alone and with all together, by Tamis with one thread and several, and in
pieces so small that words, characters and lines are cut everywhere. Prints one line for each group of files, and ends with
1 if any count differs.

wc counted words otherwise from version 9.5 on, where bytes that are no characters and characters that cannot be printed
begin words; Tamis counts as the versions before. With a newer wc the words of hostile files are not compared, and a line
says so. Without a GNU wc nothing is compared, which is said, too.
"""

import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

WAYS = [
    ["--threads", "1", "--io", "read"],
    ["--threads", "2", "--io", "mmap"],
    ["--threads", "3", "--chunk-size", "1"],
    ["--threads", "2", "--chunk-size", "7"],
    ["--threads", "2", "--simd", "scalar", "--chunk-size", "1000"],
]
# In pieces of a byte a large file takes for ever.
SMALL_BYTES = 20_000

HOSTILE = {
    "empty": b"",
    "newline": b"\n",
    "no final newline": b"one\ntwo",
    "NUL": b"a\0b \0 c\n\0\0",
    "CRLF": b"one\r\ntwo three\r\n\r\n",
    "CR": b"long line\rx\rlonger line\r",
    "form feeds": b"\x0cabc\x0cde\x0b f\x0b\x0b g",
    "tabs": b"a\tb\n\t\tc\n1234567\t8\n12345678\t9\n\xe7\x95\x8c\tx",
    "controls": b"\x01 \x7f \x1b[31m a\x01b \x08\n",
    "no UTF-8": b"\xff \xfe\xff a\xffb \x80\x80 \xc3 \xe2\x82 \xe2\x82A \xf0\x9f\x98",
    "overlong": b"\xc0\x80 \xe0\x80\x80 \xf0\x80\x80\x80 \xc1\xbf",
    "surrogates": b"\xed\xa0\x80 \xed\xbf\xbf a\xed\xa0\x80b",
    "beyond Unicode": b"\xf4\x90\x80\x80 \xf7\xbf\xbf\xbf \xf8\x88\x80\x80\x80 \xfc\x84\x80\x80\x80\x80 x",
    "Unicode spaces": "a\u00a0b c\u2003d e\u3000f g\u2060h i\u2028j k\u0085l m\u200bn\u1680o\u202fp\u2007q".encode(),
    "private and unassigned": "\ue000 \u0378 \uffff \ufffe \U000e0001 \U0010ffff".encode(),
    "wide": "数据 テスト 한국어\n😀 e\u0301 \u200d\n".encode(),
    "scripts": "Ελληνικά Русский עברית العربية हिन्दी ไทย\n".encode() * 50,
    "huge line": b"0123456789abcdef \t" * 200_000,
    "huge word": b"x" * 3_000_000,
    "latin1": "Ein größerer Text über Bäume\n".encode("latin1") * 100,
}


def run(command: list[str]) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, env={"LC_ALL": "C.UTF-8"}, check=False)
    if finished.returncode != 0:
        sys.exit(f"{' '.join(command)}: {finished.stderr.strip()}")
    return finished.stdout


def differences(tamis: str, path: pathlib.Path, options: list[str]) -> list[str]:
    """What differs, and for which options."""
    found = []
    is_small = path.stat().st_size <= SMALL_BYTES
    for option in options:
        with path.open("rb") as file:
            wc = subprocess.run(
                ["wc", option], stdin=file, capture_output=True, env={"LC_ALL": "C.UTF-8"}, check=True
            )
        expected = [int(word) for word in wc.stdout.split()]
        for way in WAYS:
            if "--chunk-size" in way and not is_small and len(way[-1]) < 3:
                continue
            counts = [
                int(word) for word in run([tamis, "count", option, str(path), *way]).split()[: len(expected)]
            ]
            if counts != expected:
                found.append(f"{path.name}: {option} {' '.join(way)}: wc {expected}, tamis {counts}")
    return found


def noise(seed: int) -> bytes:
    """Bytes of which many are parts of characters, spaces and ends of lines."""
    generator = random.Random(seed)
    pieces = [
        b" ",
        b"\n",
        b"\t",
        b"abc",
        "é".encode(),
        "界".encode(),
        b"\xff",
        b"\xe2\x82",
        b"\0",
        b"\r",
        "\u2003".encode(),
    ]
    parts = [
        generator.choice(pieces) if generator.random() < 0.8 else generator.randbytes(3) for _ in range(4000)
    ]
    return b"".join(parts)


def assigned() -> bytes:
    """Every character of Unicode 3.2, which all versions of the C library know, on a line of its own."""
    old = unicodedata.ucd_3_2_0
    numbers = [number for number in range(0x110000) if old.category(chr(number)) not in ("Cn", "Cs")]
    return "".join(f"{chr(number)}\n" for number in numbers).encode()


def has_gnu_wc() -> bool:
    if shutil.which("wc") is None:
        return False
    # Others call themselves otherwise, or do not know the option.
    wc = subprocess.run(["wc", "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return b"GNU coreutils" in wc.stdout


def counts_as_before() -> bool:
    """Whether this wc counts words as it did before version 9.5."""
    wc = subprocess.run(
        ["wc", "-w"], input=b"\xff \x01", capture_output=True, env={"LC_ALL": "C.UTF-8"}, check=True
    )
    return int(wc.stdout) == 0


def written(folder: pathlib.Path, contents: dict[str, bytes]) -> list[pathlib.Path]:
    paths = [folder / name for name in contents]
    for path in paths:
        path.write_bytes(contents[path.name])
    return paths


def texts(repository: pathlib.Path) -> list[pathlib.Path]:
    """Some sixty of the texts in a repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout
    paths = [repository / name for name in listed.decode().split("\0") if name]
    paths = [path for path in paths if path.suffix in (".rs", ".md", ".py", ".csv") and path.is_file()]
    return paths[:: max(1, len(paths) // 60)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--repository", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    if not has_gnu_wc():
        print("NOTICE: there is no GNU wc: counts are not compared")
        return
    every = ["-l", "-w", "-m", "-c", "-L", "-lwmcL"]
    comparable = every
    if not counts_as_before():
        print(
            "notice: this wc is 9.5 or newer and counts words otherwise: those of hostile files are not compared"
        )
        comparable = ["-l", "-m", "-c", "-L"]
    # The widths of a few characters differ, see docs/scan/count.md. A program is built with some of them or
    # without, as chance has it.
    of_characters = [option for option in comparable if "L" not in option]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        hostile = HOSTILE | {f"noise {seed}": noise(seed) for seed in range(6)}
        groups = {
            "hostile files": (written(folder, hostile), comparable),
            "characters of Unicode 3.2": (written(folder, {"characters": assigned()}), of_characters),
            "real files": (texts(arguments.repository), every),
            "programs": ([pathlib.Path(arguments.tamis)], of_characters),
        }
        is_equal = True
        for group, (paths, options) in groups.items():
            found = [line for path in paths for line in differences(arguments.tamis, path, options)]
            print(f"{group}: {len(paths)} counted, {len(found)} counts differ")
            for line in found[:20]:
                print(f"  {line}")
            is_equal &= not found and bool(paths)
    sys.exit(0 if is_equal else 1)


if __name__ == "__main__":
    main()
