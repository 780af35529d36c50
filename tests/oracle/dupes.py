"""Holds `tamis dupes` to jdupes: the same groups of files, in real trees and in one that is made to be difficult.

Usage: python dupes.py --tamis BINARY --repository ROOT [--tree FOLDER ...]

jdupes compares files byte by byte, by itself. Groups are compared as sets of inodes, since the two do not name hard links
alike. Prints one line for each tree, and ends with 1 if any group differs.
"""

import argparse
import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

Groups = set[frozenset[tuple[int, int]]]

# Both sides of every size at which Tamis reads files otherwise.
SIZES = [
    1,
    2,
    100,
    4095,
    4096,
    4097,
    8192,
    16383,
    16384,
    16385,
    131071,
    131072,
    131073,
    262144,
    262145,
    9 << 20,
]

WAYS = [[], ["--threads", "1"], ["--threads", "7"], ["--compare"]]


def difficult(folder: pathlib.Path) -> None:
    """Files that differ at the start, at the end, in the middle or nowhere, with links of both kinds among them."""
    generator = random.Random(1)
    for size in SIZES:
        base = bytearray(generator.randbytes(size))
        for kind, place in {"same": None, "start": 0, "middle": size // 2, "end": size - 1}.items():
            content = bytearray(base)
            if place is not None:
                content[place] ^= 1
            for copy in range(1, 4):
                path = folder / str(copy) / f"{size} {kind}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
    os.link(folder / "1" / "4096 same", folder / "2" / "a second name")
    os.link(folder / "1" / "1 end", folder / "1" / "a second name of it")
    (folder / "1" / "loop").symlink_to("..")
    (folder / "1" / "link").symlink_to("4096 same")
    (folder / "3" / "empty").touch()
    (folder / "3" / "empty, too").touch()
    os.mkfifo(folder / "3" / "pipe")
    (folder / "3" / os.fsdecode(b"no UTF-8 \xff\n")).write_bytes(b"odd")
    (folder / "3" / "plain").write_bytes(b"odd")


def inode(path: bytes) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def of_jdupes(tree: pathlib.Path) -> Groups:
    # Names may have several lines; with NULs they can be told apart.
    command = ["jdupes", "--recurse", "--print-null", str(tree)]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    groups = [group.split(b"\0") for group in found.split(b"\0\0")]
    inodes = [frozenset(inode(path) for path in group if path) for group in groups]
    return {group for group in inodes if len(group) > 1}


def of_tamis(tamis: str, tree: pathlib.Path, way: list[str]) -> Groups:
    command = [tamis, "dupes", "--no-cache", "--json", str(tree), *way]
    finished = subprocess.run(command, capture_output=True, check=False)
    if finished.returncode != 0:
        sys.exit(f"{' '.join(command)}: {finished.stderr.decode(errors='replace').strip()}")
    groups = set()
    for group in json.loads(finished.stdout)["groups"]:
        firsts = [file["names"][0] for file in group["files"]]
        groups.add(frozenset(inode(path_of(name)) for name in firsts))
    return groups


def path_of(name: dict[str, str]) -> bytes:

    return base64.b64decode(name["path_base64"]) if "path_base64" in name else os.fsencode(name["path"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--repository", required=True, type=pathlib.Path)
    parser.add_argument("--tree", action="append", default=[], type=pathlib.Path)
    arguments = parser.parse_args()
    is_equal = True
    with tempfile.TemporaryDirectory() as name:
        made = pathlib.Path(name)
        difficult(made)
        sources = (
            pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")) / "registry" / "src"
        )
        trees = [
            made,
            arguments.repository / "crates",
            pathlib.Path(os.__file__).parent,
            sources,
            *arguments.tree,
        ]
        for tree in filter(pathlib.Path.is_dir, trees):
            expected = of_jdupes(tree)
            for way in WAYS:
                found = of_tamis(arguments.tamis, tree, way)
                print(f"{tree} {' '.join(way)}: {len(expected)} groups, {len(expected ^ found)} differ")
                is_equal &= found == expected
            is_equal &= bool(expected) or tree != made
    sys.exit(0 if is_equal else 1)


if __name__ == "__main__":
    main()
