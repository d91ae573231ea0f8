"""Counts of what became of a folder's files, and the table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cari_keras.align.finder import LOOKS
from cari_keras.align.manifest import ALIGNED, Row
from cari_keras.data.base import MODALITIES

#: Where a face can have been had from, MTCNN's looks first.
SOURCES = (*LOOKS, "landmarks", "whole")

#: What the table calls files in no identity's folder.
NOWHERE = "elsewhere"


@dataclass(frozen=True)
class Summary:
    """Counts of an aligned folder.

    Attributes:
        counts: Modality, or `"elsewhere"`, to `files`; `faces`; the files per source of their box;
            and `rejected: <reason>`, what is in brackets left out.
        identities: How many people have a face.
    """

    counts: dict[str, dict[str, int]]
    identities: int

    def table(self) -> str:
        """The counts as text, with MTCNN's detection rate among pictures that could be read."""
        import pandas as pd

        rows = []
        for modality, counts in self.counts.items():
            unreadable = sum(
                n
                for name, n in counts.items()
                if name.startswith("rejected") and name != "rejected: no face found"
            )
            readable = counts["files"] - unreadable
            found = sum(counts.get(look, 0) for look in LOOKS)
            rejected = sum(n for name, n in counts.items() if name.startswith("rejected"))
            rows.append(
                {
                    "": modality,
                    "files": counts["files"],
                    **{source: counts.get(source, 0) for source in SOURCES},
                    "rejected": rejected,
                    "detected": f"{100 * found / readable:.1f} %" if readable else "-",
                    "plain": f"{100 * counts.get(LOOKS[0], 0) / readable:.1f} %"
                    if readable
                    else "-",
                }
            )
        lines = [pd.DataFrame(rows).to_string(index=False)] if rows else ["no files"]
        for modality, counts in self.counts.items():
            for name, n in counts.items():
                if name.startswith("rejected"):
                    lines.append(f"{modality}: {n} {name}")
        return "\n".join(lines)


def summarise(rows: Iterable[Row]) -> Summary:
    """Counts the manifest's rows."""
    counts: dict[str, Counter[str]] = {}
    identities = set()
    for row in rows:
        found = counts.setdefault(row["modality"] or NOWHERE, Counter())
        first = not int(row.get("face") or 0)
        found["files"] += first
        if row["status"] == ALIGNED:
            identities.add(row["identity"])
            found["faces"] += 1
            found[row["source"]] += first
        else:
            found[f"rejected: {row['reason'].split(' (')[0]}"] += 1
    order = [m for m in (*MODALITIES, NOWHERE) if m in counts]
    return Summary({m: dict(sorted(counts[m].items())) for m in order}, len(identities))
