"""A tiny tree in CaVI's layout."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.pictures import write_image


def write_cavi(root: Path, *, with_test: bool) -> Path:
    """Two identities, six images of each modality: 0 for validation, 1 for the test."""
    people = ("ann", "bob")
    for i, who in enumerate(people):
        for m, folder in enumerate(("Real", "Caricature")):
            for k in range(6):
                if k == 1 and not with_test:
                    continue
                path = root / "CaVI_Dataset" / folder / who / f"{k}.jpg"
                write_image(path, (60 + 120 * i, 90, 60 + 90 * m), seed=100 * i + 10 * m + k)
    (root / "train-test-files").mkdir(exist_ok=True)
    for name, k in (("validation.txt", 0), ("testing_1.txt", 1)):
        rows = [
            f"{a} Caricature/{a}\\{k}.jpg {b} Real/{b}\\{k}.jpg {int(a == b)}\n"
            for a in people
            for b in people
        ]
        (root / "train-test-files" / name).write_text("".join(rows))
    return root
