"""Tables that the package writes, as their readers see them."""

import csv


def read_rows(path):
    """A CSV's rows, each by column."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
