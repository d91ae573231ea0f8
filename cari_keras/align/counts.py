"""Counts of what became of a folder's files, and the table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cari_keras.align.finder import LOOKS
from cari_keras.cards import card
from cari_keras.records.manifest import ALIGNED, ManifestRow, short_reason
from cari_keras.vocabulary import MODALITIES
from cari_keras.wording import counted

#: Where a face can have been had from, MTCNN's looks first.
SOURCES = (*LOOKS, "landmarks", "whole")

#: What is known of finds of which nobody has said whether they are faces; see `confirm`.
PRECISION = (
    "precision: on CaVI's drawings, 98.8 % of what the first look (mtcnn) finds are faces, and "
    "98.0 % of what the later looks find"
)

#: What the table calls files in no identity's folder.
NOWHERE = "elsewhere"


@dataclass(frozen=True)
class FolderCounts:
    """Counts of an aligned folder.

    Attributes:
        counts: Modality, or `"elsewhere"`, to `files`; `faces`; the files per source of their box;
            and `rejected: <reason>`, what is in brackets left out.
        identities: How many people have a face.
        notes: What else is to be known of the raw folder, a line each.
    """

    counts: dict[str, dict[str, int]]
    identities: int
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        """The counts in a line.

        Example:
            >>> print(FolderCounts({"photo": {"files": 3, "faces": 2, "rejected: empty": 1}}, 2))
            2 faces of 2 people in 3 files; 1 file rejected
        """
        rejected = sum(self._rejected().values())
        behind = f"; {counted(rejected, 'files')} rejected" if rejected else ""
        return f"{self._title()}{behind}"

    def _repr_html_(self) -> str:
        """The counts as a small card, for notebooks."""
        reasons = [f"{n} {name}" for name, n in self._rejected().items()]
        return card(self._title(), [*reasons, *self.notes])

    def _title(self) -> str:
        files, faces = (sum(c.get(n, 0) for c in self.counts.values()) for n in ("files", "faces"))
        people = counted(self.identities, "people")
        return f"{counted(faces, 'faces')} of {people} in {counted(files, 'files')}"

    def _rejected(self) -> Counter[str]:
        """Reason, with `rejected: ` in front, -> how many files."""
        found: Counter[str] = Counter()
        for counts in self.counts.values():
            found.update({k: n for k, n in counts.items() if k.startswith("rejected")})
        return found

    def table(self) -> str:
        """The counts as text: MTCNN's detection rate among readable pictures, and its precision."""
        import pandas as pd

        rows: list[dict[str, object]] = []
        lines: list[str] = []
        for modality, counts in self.counts.items():
            reasons = {name: n for name, n in counts.items() if name.startswith("rejected")}
            rejected = sum(reasons.values())
            readable = counts["files"] - rejected + reasons.get("rejected: no face found", 0)
            found = sum(counts.get(look, 0) for look in LOOKS)
            lines += [f"{modality}: {n} {name}" for name, n in reasons.items()]
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
        table = pd.DataFrame(rows).to_string(index=False) if rows else "no files"
        lines += (
            [PRECISION] if any(c.get(look) for c in self.counts.values() for look in LOOKS) else []
        )
        return "\n".join([table, *lines, *self.notes])


def count_rows(rows: Iterable[ManifestRow], notes: Sequence[str] = ()) -> FolderCounts:
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
            found[f"rejected: {short_reason(row)}"] += 1
    order = [m for m in (*MODALITIES, NOWHERE) if m in counts]
    in_order = {m: dict(sorted(counts[m].items())) for m in order}
    return FolderCounts(in_order, len(identities), tuple(notes))
