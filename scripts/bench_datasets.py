#!/usr/bin/env python
"""Judges any number of networks on every dataset below a folder: one table, with intervals.

    .venv/bin/python scripts/bench_datasets.py --root DIR --networks facenet saved_models/cavi

DIR holds `cavi`, `webcaricature`, `lfw`, `cfp`, `sketches` and `pairs`, those of them that there
are; docs/evaluate.md has their layouts. Each cell is what one cari-evaluate finds: `--dry-run`
prints the commands. Answers are kept, so that the same call after an end of any kind goes on.
Writes bench.csv, a line for each metric, and bench.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pandas as pd

from cari_keras.errors import CariError, ConfigError
from cari_keras.files import cache_name, user_cache_dir, user_path, write_json, write_text
from cari_keras.saved import CONFIG, read_config
from cari_keras.shipped import shipped_run
from cari_keras.vocabulary import FACENET, JUDGED, PROTOCOLS, UNKNOWN
from reproducing import write_table

#: Columns of the table -> metric of results.json.
COLUMNS = {
    "Verification": "verification_accuracy",
    "AUC": "verification_auc",
    "EER": "verification_eer",
    "TAR at FAR 1 %": "tar_at_far_0.01",
    "TAR at FAR 0.1 %": "tar_at_far_0.001",
    "C2P Rank-1": "c2p_rank_1",
    "C2P Rank-10": "c2p_rank_10",
    "P2C Rank-1": "p2c_rank_1",
    "P2C Rank-10": "p2c_rank_10",
    "Photo id.": "photo_identification",
    "Caricature id.": "caricature_identification",
    "V2C": "v2c",
    "C2V": "c2v",
}

#: How many folds CaVI's people are dealt to.
UNSEEN = 5


class Bench(NamedTuple):
    """A dataset by one protocol.

    Attributes:
        name: Of the row.
        folder: Below the bench's root.
        flags: Of cari-evaluate, without `--data-dir`.
        of_training: Whether it asks about people, or images, that runs may be trained on.
    """

    name: str
    folder: str
    flags: tuple[str, ...]
    of_training: bool = False


BENCHES = (
    Bench("cavi", "cavi", ("--dataset", "cavi"), of_training=True),
    Bench("cavi-unseen", "cavi", ("--dataset", "cavi", "--folds", "all"), of_training=True),
    Bench("cavi-strangers", "cavi", ("--dataset", "cavi", "--split", UNKNOWN)),
    *(
        Bench(
            f"webcaricature-{protocol}",
            "webcaricature",
            ("--dataset", "webcaricature", "--protocol", protocol, "--folds", "all"),
        )
        for protocol in PROTOCOLS
    ),
    *(Bench(name, name, ("--dataset", name)) for name in JUDGED),
)


def flags_of(bench: Bench, network: str, root: Path, given: argparse.Namespace) -> list[str]:
    """The flags of cari-evaluate for a cell.

    Raises:
        ConfigError: The network was trained on what it would be judged by.
    """
    flags = [network, *bench.flags, "--data-dir", str(root / bench.folder)]
    config = read_config(user_path(network)) if (user_path(network) / CONFIG).is_file() else None
    if bench.name == "cavi-unseen" and network == FACENET:
        flags += ["--unseen-fold", f"1/{UNSEEN}"]
    elif bench.name == "cavi-unseen" and config is not None:
        if config.data.unseen_fold is None:
            raise ConfigError(f"{network}: held nobody out, so no person of CaVI can evaluate it")
        flags.remove("all")
        flags.remove("--folds")
    elif bench.name == "cavi" and config is not None:
        if config.data.final or config.data.dataset != "cavi":
            raise ConfigError(f"{network}: was trained on these images, or on other people")
        flags += ["--split", "validation"] if config.data.unseen_fold else []
    if config is not None and config.training.verify_by == "identities" and not bench.of_training:
        flags += ["--verify-by", "embedding"]
    if given.cache_dir:
        flags += ["--cache-dir", given.cache_dir]
    return [*flags, "--quiet"]


def aligned_images(bench: Bench, network: str, root: Path) -> Path:
    """The faces of a dataset's pictures, cut out as a network's were, in the per-user cache.

    Raises:
        CariError: The pictures cannot be aligned.
    """
    from cari_keras import align
    from cari_keras.align.config import AlignConfig
    from cari_keras.serving.judged import load_judged_network

    matcher = load_judged_network(network)
    how = AlignConfig.of_crops(matcher.aligned or {}, matcher.side)
    crop = {name: getattr(how, name) for name in ("align", "margin", "image_size")}
    raw = root / bench.folder
    raw = next((raw / name for name in ("lfw",) if (raw / name).is_dir()), raw)
    place = user_cache_dir() / "bench" / cache_name([str(raw.resolve()), crop])
    align(raw, place, **crop)
    return place


def evaluated(flags: Sequence[str]) -> dict[str, Any]:
    """What cari-evaluate finds by some flags, as results.json has it."""
    from cari_keras.cli.evaluate_asked import asked_outcome
    from cari_keras.cli.evaluate_flags import evaluate_parser, refuse_together

    parser = evaluate_parser()
    asked = parser.parse_args(list(flags))
    refuse_together(parser, asked)
    outcome = asked_outcome(asked)
    return {**outcome.to_dict(), "folds": len(outcome.folds)}


def cell(metric: Optional[dict[str, Any]]) -> str:
    """A metric in percent: with its interval over people, else its spread over folds.

    Example:
        >>> cell({"mean": 0.9301, "std": None, "interval": {"low": 0.91, "high": 0.9533}})
        '93.0 (91.0 to 95.3)'
        >>> cell({"mean": 0.9912, "std": 0.0042, "interval": None})
        '99.1 ± 0.4'
    """
    if metric is None or metric["mean"] is None or math.isnan(metric["mean"]):
        return ""
    text = f"{100 * metric['mean']:.1f}"
    if metric["std"] is not None:
        text += f" ± {100 * metric['std']:.1f}"
    if metric["interval"] is not None:
        low, high = (100 * metric["interval"][end] for end in ("low", "high"))
        text += f" ({low:.1f} to {high:.1f})"
    return text


def tables(found: Sequence[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table to read, without columns that nobody has; and a line for each metric."""
    rows, lines = [], []
    for one in found:
        metrics = one["result"]["metrics"]
        key = {name: one[name] for name in ("dataset", "network", "faces")}
        rows.append(key | {title: cell(metrics.get(name)) for title, name in COLUMNS.items()})
        for name, metric in metrics.items():
            interval = metric["interval"] or {"low": None, "high": None}
            ends = {end: interval[end] for end in ("low", "high")}
            values = {"metric": name, "mean": metric["mean"], "std": metric["std"], **ends}
            lines.append({**key, **values, "folds": one["result"]["folds"]})
    shown = pd.DataFrame(rows, columns=["dataset", "network", "faces", *COLUMNS])
    shown = shown.loc[:, [name for name in shown if (shown[name] != "").any()]]
    return shown, pd.DataFrame(lines)


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown."""
    rows = [list(table.columns), ["---"] * len(table.columns), *table.values.tolist()]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [bench.name for bench in BENCHES]
    parser.add_argument(
        "--root", type=user_path, required=True, metavar="DIR", help="folder of the datasets"
    )
    parser.add_argument(
        "--networks",
        nargs="+",
        metavar="NETWORK",
        help="facenet, runs or folders of exports (default: facenet and the package's network)",
    )
    parser.add_argument(
        "--datasets", nargs="+", choices=names, help="datasets to use (default: all in DIR)"
    )
    parser.add_argument(
        "--faces",
        nargs="+",
        choices=("whole", "aligned"),
        default=["whole"],
        help=f"whole pictures, or faces cut out as the network's were; the latter of "
        f"{', '.join(n for n in JUDGED if n != 'sketches')} [whole]",
    )
    parser.add_argument("--output", type=user_path, default=Path("runs/bench"), metavar="DIR")
    parser.add_argument("--cache-dir", metavar="DIR", help="folder that caches predictions")
    parser.add_argument("--dry-run", action="store_true", help="print only the commands")
    given = parser.parse_args()
    found, refused = [], []
    for bench in BENCHES:
        if bench.name not in (given.datasets or names) or not (given.root / bench.folder).is_dir():
            continue
        for network in given.networks or [FACENET, str(shipped_run())]:
            for faces in given.faces:
                where = f"{bench.name}, {network}, {faces}"
                try:
                    if faces == "aligned" and bench.name not in JUDGED:
                        continue
                    flags = flags_of(bench, network, given.root, given)
                    if given.dry_run:
                        print(f"cari-evaluate {shlex.join(flags)}")
                        continue
                    if faces == "aligned":
                        flags += ["--images", str(aligned_images(bench, network, given.root))]
                    print(f"{where} ...", file=sys.stderr, flush=True)
                    result = evaluated(flags)
                except CariError as error:
                    refused.append(f"{where}: {error}")
                    print(f"{refused[-1]}", file=sys.stderr, flush=True)
                    continue
                one = {"dataset": bench.name, "network": network, "faces": faces}
                found.append({**one, "result": result})
                write_json(given.output / f"{cache_name(list(one.values()))}.json", found[-1])
    if given.dry_run:
        return 0
    if not found:
        print(f"{given.root}: no dataset to evaluate on: {json.dumps(refused)}", file=sys.stderr)
        return 2
    shown, lines = tables(found)
    print(shown.to_string(index=False))
    write_table(lines, given.output / "bench.csv")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    command = shlex.join(["scripts/bench_datasets", *sys.argv[1:]])
    notes = "".join(f"- {line}\n" for line in refused)
    left = f"\nNot judged:\n\n{notes}" if refused else ""
    write_text(given.output / "bench.md", f"`{command}`, {today}\n\n{markdown(shown)}{left}")
    print(f"\nTables: {given.output / 'bench.csv'}, {given.output / 'bench.md'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
