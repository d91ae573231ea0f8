#!/usr/bin/env python
"""How cost grows with images, identities, pairs and workers; prints docs/scaling.md's tables.

Every measurement is a process of its own, one after the other, and is kept in a file: a run that is
killed goes on where it was. Ratios are to each table's first row, except where they say otherwise.

    .venv/bin/python scripts/scaling.py
    .venv/bin/python scripts/scaling.py --images 1000 10000 --identities 100 10000
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from bench_pairs import peak, score
from cari_keras.comparison.timing import timed
from cari_keras.config import Config
from cari_keras.files import write_json

#: The paper's network on small images, so that what grows is seen beside it.
SETTINGS = {"image_size": 80, "batch_size": 32, "bn_momentum": 0.9}
STEPS = 7


def images(count: int) -> dict[str, float]:
    """One epoch over generated records: reading all of them, and a training step."""
    from cari_keras.data.augment import Augmentation
    from cari_keras.data.pipeline import training_batches

    config = Config().with_values(SETTINGS)
    with tempfile.TemporaryDirectory() as folder:
        prepared = generated(Path(folder), count, config.data.image_size)
        size = config.data.batch_size
        step = new_step(config, len(prepared.identities))
        stream = training_batches(prepared, size, epoch=0, seed=0, augmentation=Augmentation())
        start, taken = time.perf_counter(), []
        for i, batch in enumerate(stream):
            if i < STEPS + 2:
                taken.append(timed(lambda batch=batch: step(batch).numbers()))
        reading = time.perf_counter() - start - sum(taken)
    return {"reading": reading, "step": float(np.median(taken[2:])), "memory": peak()}


def generated(folder: Path, count: int, size: int) -> Any:
    """A prepared dataset of noise: `count` records of 100 people, half of them caricatures."""
    from cari_keras.data.prepared import Prepared
    from cari_keras.images.encode import to_jpeg
    from cari_keras.records.sample import Sample
    from cari_keras.records.schema import serialize
    from cari_keras.records.shards import SHARD_SIZE, Places, write_shard
    from cari_keras.vocabulary import MODALITIES

    rng = np.random.default_rng(0)
    pictures = [to_jpeg(rng.integers(0, 256, (size, size, 3), np.uint8)) for _ in range(64)]

    def record(modality: str, i: int) -> bytes:
        return serialize(
            Sample(f"{modality}/{i}", str(i % 100), modality), pictures[i % 64], i % 100
        )

    places: dict[str, Any] = {}
    for modality in MODALITIES:
        parts = []
        for first in range(0, count // 2, SHARD_SIZE):
            path, own = (
                folder / f"{modality}-{first}",
                range(first, min(first + SHARD_SIZE, count // 2)),
            )
            written = write_shard(path, (record(modality, i) for i in own))
            offsets = np.array([offset for offset, _ in written])
            labels = np.array(own, np.int32) % 100
            parts.append(Places((str(path),), np.zeros(len(own), np.int32), offsets, labels))
        places[modality] = Places.join(parts)
    return Prepared(
        root=folder,
        name="generated",
        identities=tuple(map(str, range(100))),
        image_size=size,
        places={"train": places},
        pairs={},
        report={},
        skipped=(),
    )


def identities(count: int) -> dict[str, float]:
    """A training step of the network, and of a network that is its three heads alone."""
    import keras

    config = Config().with_values(SETTINGS)
    batch = random_batch(config, count, (80, 80, 3))
    whole = new_step(config, count)
    embedding = keras.Input((config.model.embedding_size,))
    outputs: dict[str, Any] = {
        "embedding": keras.layers.UnitNormalization()(embedding),
        "weight_logits": keras.layers.Dense(3, name="weight_head")(embedding),
    }
    for task in config.training.tasks:
        outputs[f"logits_{task}"] = keras.layers.Dense(count, name=f"logits_{task}")(embedding)
    heads = new_step(config, count, keras.Model(embedding, outputs))
    vectors = random_batch(config, count, (config.model.embedding_size,))
    taken: dict[str, list[float]] = {"step": [], "heads": []}
    for i in range(STEPS + 2):
        for name, step, rows in (("step", whole, batch), ("heads", heads, vectors)):
            seconds = timed(lambda step=step, rows=rows: step(rows).numbers())
            taken[name] += [seconds] if i > 1 else []
    return {name: float(np.median(seconds)) for name, seconds in taken.items()} | {"memory": peak()}


def pairs(count: int) -> dict[str, float]:
    """Scoring of all pairs of two sets of embeddings: AUC, EER, TAR at two FARs, ROC."""
    side = round(count**0.5)
    _, times, _ = score(side, side, 128)
    return {"seconds": sum(times.values()), "memory": peak()}


def workers(count: int, cores: int, own: int) -> dict[str, float]:
    """A step of one batch that `count` processes share, each on `cores` cores."""
    os.sched_setaffinity(0, range(own * cores, (own + 1) * cores))
    from cari_keras.data.base import Batch
    from cari_keras.training.cluster import start

    cluster = start("multiworker" if count > 1 else "none")
    config = Config().with_values({**SETTINGS, "batch_size": 64, "image_size": 160})
    batch = random_batch(config, 100, (160, 160, 3))
    batch = Batch(*(np.array_split(rows, count)[own] for rows in batch))
    step = new_step(config, 100, cluster=cluster)
    taken = [timed(lambda: step(batch).numbers()) for _ in range(STEPS)][2:]
    cluster.wait()
    return {"step": float(np.median(taken)), "memory": peak()}


def new_step(config: Config, count: int, model: Any = None, **options: Any) -> Any:
    """A training step of a new network, or of the given one."""
    from cari_keras.training.build import build_step, build_trainable

    return build_step(config, model or build_trainable(config, count), count, **options)


def random_batch(config: Config, count: int, shape: tuple[int, ...]) -> Any:
    import tensorflow as tf

    from cari_keras.data.base import Batch

    rng, size = np.random.default_rng(0), config.data.batch_size
    return Batch(
        tf.constant(rng.normal(size=(size, *shape)), tf.float32),
        tf.constant(rng.integers(0, count, size), tf.int32),
        tf.constant(np.arange(size) % 2 == 0),
    )


MEASUREMENTS = {"images": images, "identities": identities, "pairs": pairs, "workers": workers}


def measured(output: Path, kind: str, *arguments: int) -> dict[str, float]:
    """A measurement, taken now or kept from before; of the first worker where there are several."""
    path = output / f"{kind}-{'-'.join(map(str, arguments))}.json"
    if not path.exists():
        print(f"{path.stem} ...", file=sys.stderr, flush=True)
        processes = arguments[0] if kind == "workers" else 1
        with tempfile.TemporaryDirectory() as folder:
            results = _run([kind, *arguments], processes, Path(folder))
        write_json(path, results)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _run(arguments: list[Any], processes: int, folder: Path) -> dict[str, float]:
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{free.getsockname()[1]}" for free in (one, two)]
    started = []
    for i in range(processes):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}}
        own = [i] if arguments[0] == "workers" else []
        started.append(
            subprocess.Popen(
                [sys.executable, __file__, "--measure", *map(str, [*arguments, *own])],
                env={**os.environ, "TF_CONFIG": json.dumps(task)},
                stdout=(folder / str(i)).open("w"),
            )
        )
    statuses = [process.wait() for process in started]
    if any(statuses):
        raise SystemExit(f"scaling.py: {' '.join(map(str, arguments))} failed")
    return dict(json.loads((folder / "0").read_text(encoding="utf-8").splitlines()[-1]))


def table(columns: list[str], rows: list[list[str]]) -> None:
    for row in (columns, ["---:"] * len(columns), *rows):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10_000, 50_000, 200_000])
    parser.add_argument("--identities", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument(
        "--pairs", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000, 40_000_000]
    )
    parser.add_argument("--output", type=Path, default=Path("runs/scaling"))
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(MEASUREMENTS[given.measure[0]](*map(int, given.measure[1:]))))
        return 0

    rows, first = [], None
    for count in given.images:
        m = measured(given.output, "images", count)
        epoch = m["reading"] + m["step"] * (count // SETTINGS["batch_size"])
        first = first or (count, epoch, m["memory"])
        row = [f"{count:,}", f"{count / m['reading']:,.0f}", f"{1000 * m['step']:.0f}"]
        row += [f"{epoch:,.0f}", f"{epoch / count / (first[1] / first[0]):.2f}"]
        rows.append([*row, f"{m['memory']:,.0f}", f"{m['memory'] / first[2]:.2f}"])
    columns = ["images", "read, images/s", "step, ms", "epoch, s", "time per image, ratio"]
    table([*columns, "memory, MiB", "ratio"], rows)

    rows, base = [], None
    for count in given.identities:
        m = measured(given.output, "identities", count)
        base = base or m
        more, alone = m["step"] - base["step"], m["heads"] - base["heads"]
        # Less than a tenth of a step is lost in the noise of a step.
        share = f"{more / alone:.2f}" if alone > 0.1 * base["step"] else "-"
        row = [f"{count:,}", f"{1000 * m['step']:.0f}", f"{m['step'] / base['step']:.2f}"]
        rows.append([*row, f"{1000 * m['heads']:.1f}", share, f"{m['memory']:,.0f}"])
    columns = ["identities", "step, ms", "ratio", "heads alone, ms", "growth / heads' growth"]
    table([*columns, "memory, MiB"], rows)

    rows, first = [], None
    for count in given.pairs:
        m = measured(given.output, "pairs", count)
        first = first or m["seconds"] / count
        row = [f"{count:,}", f"{m['seconds']:.2f}", f"{m['seconds'] / count / first:.2f}"]
        rows.append([*row, f"{m['memory']:,.0f}"])
    table(["pairs", "seconds", "time per pair, ratio", "memory, MiB"], rows)

    rows, first = [], None
    for count, cores in ((1, 1), (2, 1), (1, 2)):
        m = measured(given.output, "workers", count, cores)
        first = first or m["step"]
        rows.append([str(count), str(cores), f"{m['step']:.2f}", f"{first / m['step']:.2f}"])
    table(["workers", "cores of each", "step, s", "speed, ratio"], rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
