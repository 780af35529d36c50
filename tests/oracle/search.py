"""Holds what `tamis search` prints to what ripgrep prints: the same bytes, the same exit code.

Usage: python search.py --tamis BINARY --ripgrep BINARY --tree FOLDER [--tree FOLDER ...] [--cases N]

Small files with everything that is hard, and real trees of sources, are searched with many combinations of options and patterns. Chunks
are forced to 1, 2, 3, 7, 64 and 512 KiB bytes, threads to 1 to 8, on the first tree in all combinations; no output may show that. Times in JSON aside. Prints how
many runs agree, the first that do not, and ends with 1 if there are any.
"""

import argparse
import itertools
import pathlib
import random
import re
import subprocess
import sys
import tempfile

CHUNKS = ["1", "2", "3", "7", "64", "524288"]
THREADS = [str(count) for count in range(1, 9)]
SHOWN_MAX = 5

OPTIONS = [
    "", "-n", "-c", "-o", "-v", "-A2", "-B3", "-w", "-i", "--json", "-x", "-S", "-F", "-a", "-q", "-l", "-b",
    "-C1 -n", "-o -n", "-v -n", "-v -c", "-v -A1 -B1", "-v -o", "-m2", "-m1 -A3", "-m3 -C2 -n", "-m0",
    "-c -m2", "--count-matches", "--count-matches -m2", "--files-without-match", "-H -n", "-b -o", "--column",
    "--column -n -o", "-M 40", "-M 40 -o", "-r <$0>", "-r X -o", "-r X --json", "-0 -H", "-N --json",
    "--json -A1 -B1", "--json -v", "--json -v -C1", "--no-heading -H -c", "--crlf", "--crlf -o", "--null-data",
    "--color always -n", "--color always -H --heading -n", "--color always -o -b --column", "--color always -A1",
    "--color always -v -n", "-U", "-U -n -o", "-U --json", "-U -c", "-U -v -n",
    "-l -c", "-c -l", "-c --json", "--count-matches -c", "-q --json", "-m2 --json", "-n -n -A1 -A2", "-c -o -m1",
]  # fmt: skip

PATTERNS = [
    "foo", "let|fn", "^", "$", "^$", "x*", "[a-z]+", "\\bself\\b", "(\\w+)\\.(\\w+)", "e\\w*$", "zzzz",
    "a.b", " +$", "(?i)FOO", "[A-Z][a-z]+_[0-9]{3,}", "\\d", "[^a]", "o\\s+b",
]  # fmt: skip

TREE_OPTIONS = [
    "", "-n", "-c", "-o", "-A2", "-B3 -n", "--heading -n", "-l", "--files-without-match", "-i", "-w", "--hidden",
    "--no-ignore --hidden", "-t rust", "-t py", "-T rust", "-g *.rs", "-g !*.py", "--json", "-m1", "-I",
    "--count-matches", "--include-zero -c", "--color always -n --heading", "--max-depth 2", "-a -c", "-v -c",
    "-U -n", "--sort modified -c", "-v", "--crlf -A1", "--null-data -l", "--crlf --heading",
]  # fmt: skip

TREE_PATTERNS = [
    "fn main", "unsafe", "[A-Z][a-z]+_[0-9]{3,}", "copyright", "import \\w+", "\\w+_\\w+_\\w+", "\\bif\\b.*\\bnot\\b",
    "def \\w+\\(self", "(?i)todo",
]  # fmt: skip

# Those that chunks and threads can break, on a real tree in all combinations with them.
EXHAUSTIVE_OPTIONS = ["-n", "-c", "-o", "-v", "-A2", "-B3", "-w", "-i", "--json"]

TIMES = re.compile(rb'"(elapsed|elapsed_total)":\{[^}]*\}')


class Comparison:
    def __init__(self, arguments):
        self.arguments = arguments
        self.runs = 0
        self.differences = 0

    def run(self, command: list[str], folder: pathlib.Path, text: bytes | None):
        stdin = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(command, capture_output=True, cwd=folder, check=False, **stdin)
        return done.returncode, TIMES.sub(b"", done.stdout), done.stderr

    def ripgrep(self, options: list[str], folder, text=None):
        return self.run([self.arguments.ripgrep, "--no-config", *options], folder, text)

    def same(self, options: list[str], folder, ours: list[str] = (), text=None, in_order=True, ripgrep=None):
        ripgrep = ripgrep or self.ripgrep(options, folder, text)
        tamis = self.run([self.arguments.tamis, "search", *ours, *options], folder, text)
        self.runs += 1
        arrange = (lambda out: out) if in_order else (lambda out: b"\n".join(sorted(out.split(b"\n"))))
        if (ripgrep[0], arrange(ripgrep[1])) == (tamis[0], arrange(tamis[1])):
            return
        self.differences += 1
        if self.differences > SHOWN_MAX:
            return
        print(f"differs: {' '.join([*ours, *options])} in {folder}: exit {ripgrep[0]} and {tamis[0]}")
        lines = itertools.zip_longest(arrange(ripgrep[1]).split(b"\n"), arrange(tamis[1]).split(b"\n"))
        for number, (theirs, own) in enumerate(lines):
            if theirs != own:
                print(f"  line {number}\n  ripgrep {theirs!r:.300}\n  tamis   {own!r:.300}")
                break
        print(f"  {tamis[2][:300]!r}")


def write_files(folder: pathlib.Path):
    """Files with line ends, encodings and bytes that are hard."""
    chance = random.Random(3)
    words = ["foo", "let", "fn", "self", "a.b", "x", "Abc_1234", "naïve", "", "bar", "Foo_12", "zz ", "\t"]
    lines = [" ".join(chance.choices(words, k=chance.randrange(9))) for _ in range(300)]
    (folder / "lines.txt").write_text("\n".join(lines))
    (folder / "crlf.txt").write_bytes(b"foo\r\nbar foo\r\n\r\nbaz\r\nfoo end")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "one.txt").write_bytes(b"foo")
    (folder / "bytes.txt").write_bytes("naïve foo\nFOO Föö\n".encode() + b"\xff\xfe foo\n")
    (folder / "utf8.txt").write_bytes(b"\xef\xbb\xbffoo one\nbar\nfoo two\n")
    (folder / "utf16.txt").write_bytes("\ufefffoo one\nbar\nfoo two\n".encode("utf-16-le"))
    (folder / "binary").write_bytes(b"foo 1\nfoo 2\n" + b"x" * 70 + b"\na\0b foo\nfoo 3\n")
    late = b"foo early\n" * 9000 + b"\0\n" + b"foo late\n" * 10
    (folder / "late").write_bytes(late)


def compare_files(comparison: Comparison, chance: random.Random, folder: pathlib.Path, cases: int):
    names = [path.name for path in sorted(folder.iterdir())]
    for _ in range(cases):
        options, pattern, name = chance.choice(OPTIONS), chance.choice(PATTERNS), chance.choice(names)
        ours = ["--chunk-size", chance.choice(CHUNKS), "--threads", chance.choice(THREADS)]
        comparison.same([*options.split(), "-e", pattern, name], folder, ours)


def compare_streams(comparison: Comparison, folder: pathlib.Path):
    for options in ["", "-n", "-c", "-l", "-H", "-q", "-A1", "-o -b"]:
        for text in [b"foo\nbar\nfoo", b"", b"bar\n", b"x\0foo\nfoo\n"]:
            for inputs in [[], ["-"], ["--sort", "path", "-", "crlf.txt"]]:
                comparison.same([*options.split(), "foo", *inputs], folder, text=text)


def compare_trees(comparison: Comparison, chance: random.Random, trees: list[str], cases: int):
    for _ in range(cases):
        tree = pathlib.Path(chance.choice(trees))
        options, pattern = chance.choice(TREE_OPTIONS), chance.choice(TREE_PATTERNS)
        ours = ["--chunk-size", chance.choice(["64", "4096", "524288"]), "--threads", chance.choice(THREADS)]
        options = [*options.split(), "-e", pattern]
        if "--sort" not in options:
            comparison.same([*options, "--sort", "path"], tree, ours)
        # Whose lines do not stand for themselves, or end as those between inputs do not in any order.
        if not {"--json", "--heading", "-A2", "-B3", "--sort", "--crlf", "--null-data"} & set(options):
            comparison.same([*options, str(tree)], tree, ours, in_order=False)


def compare_exhaustively(comparison: Comparison, tree: pathlib.Path):
    for option in EXHAUSTIVE_OPTIONS:
        options = [option, "--sort", "path", "-e", "fn|let"]
        ripgrep = comparison.ripgrep(options, tree)
        for chunk, threads in itertools.product(CHUNKS, THREADS):
            ours = ["--chunk-size", chunk, "--threads", threads]
            comparison.same(options, tree, ours, ripgrep=ripgrep)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--ripgrep", required=True)
    parser.add_argument("--tree", action="append", default=[])
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.tamis, arguments.ripgrep = (
        str(pathlib.Path(name).resolve()) for name in (arguments.tamis, arguments.ripgrep)
    )
    arguments.tree = [str(pathlib.Path(name).resolve()) for name in arguments.tree]
    comparison = Comparison(arguments)
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_files(folder)
        compare_files(comparison, chance, folder, arguments.cases)
        compare_streams(comparison, folder)
        for options in [
            ["foo"],
            ["-n", "foo", "."],
            ["-c", "foo", "crlf.txt", "missing"],
            ["("],
            ["a\\nb", "."],
            [],
        ]:
            comparison.same(["--sort", "path", *options], folder)
    if arguments.tree:
        compare_exhaustively(comparison, pathlib.Path(arguments.tree[0]))
        compare_trees(comparison, chance, arguments.tree, arguments.cases // 10)
    print(f"search: {comparison.runs - comparison.differences} of {comparison.runs} runs agree with ripgrep")
    return 1 if comparison.differences else 0


if __name__ == "__main__":
    sys.exit(main())
