"""Small trees in the layouts of datasets that networks are only judged on."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.faces import face, write
from tests.helpers.pictures import write_image


def write_lfw_of_faces(root: Path) -> Path:
    """LFW's archive with drawn faces: three people of four, two folds of 2 x 2 pairs."""
    people = ("Ann_A", "Bob_B", "Cid_C")
    for i, name in enumerate(people):
        for k in range(4):
            write(root / "lfw" / name / f"{name}_{k + 1:04d}.jpg", face("photo", i, k))
    lines = ["2\t2", "Ann_A\t1\t2", "Bob_B\t1\t2", "Ann_A\t1\tBob_B\t3", "Ann_A\t4\tBob_B\t4"]
    lines += ["Cid_C\t1\t2", "Cid_C\t3\t4", "Cid_C\t1\tAnn_A\t3", "Cid_C\t2\tBob_B\t1"]
    (root / "pairs.txt").write_text("\n".join(lines) + "\n")
    return root


def write_cfp(root: Path, *, people: int, published: bool, pictures: int = 2) -> Path:
    """CFP's folders: as published, with a profile each; or the frontal pictures alone."""
    for person in range(1, people + 1):
        own = root / "Data" / "Images" / f"{person:03d}" if published else root / f"{person:03d}"
        for k in range(1, pictures + 1):
            folder = own / "frontal" if published else own
            write_image(folder / f"{k:02d}.jpg", (5 * person, 90, 60 * k), 20, seed=person)
        if published:
            write_image(own / "profile" / "01.jpg", (9, 9, 9), 20)
    return root


def write_protocol(root: Path, *, people: int) -> None:
    """CFP's lists, of two pictures and two people in each of the ten splits."""
    names = [(p, k) for p in range(1, people + 1) for k in (1, 2)]
    folder = root / "Protocol"
    folder.mkdir()
    lines = [f"{i} ../Data/Images/{p:03d}/frontal/{k:02d}.jpg" for i, (p, k) in enumerate(names, 1)]
    (folder / "Pair_list_F.txt").write_text("\n".join(lines) + "\n")
    for split in range(10):
        own = folder / "Split" / "FF" / f"{split + 1:02d}"
        own.mkdir(parents=True)
        first = 4 * split + 1  # of four pictures: 1 and 2 are one person's, 3 and 4 the other's
        (own / "same.txt").write_text(f"{first},{first + 1}\n{first + 2},{first + 3}\n")
        (own / "diff.txt").write_text(f"{first},{first + 2}\n{first + 1},{first + 3}\n")


def write_sketches(root: Path) -> Path:
    """CUFS's folders: three people with a photo and a sketch each."""
    for i, who in enumerate(("f-005", "m-001", "m-002")):
        write_image(root / "photos" / f"{who}-01.jpg", (60 * i, 90, 60), 20, seed=i)
        sketch = f"{who.upper()}-01-sz1.jpg"
        write_image(root / "sketches" / sketch, (60 * i, 90, 150), 20, seed=i)
    return root
