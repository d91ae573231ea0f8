"""Starting from trained weights: arrays by name into the network, branch 1 copied to the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cari_keras.arrays import Array
from cari_keras.errors import CheckpointError, PretrainedError
from cari_keras.files import user_path
from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.model.network import REPEATS, WEIGHT_HEAD, named_weights
from cari_keras.model.pretrained import FILE_SHA256, cached_facenet, import_facenet, read_facenet
from cari_keras.saved import read_config
from cari_keras.stack import keras
from cari_keras.vocabulary import FACENET, TASKS


class Source(NamedTuple):
    """Trained weights of the shared layers and of branch 1.

    Attributes:
        name: For messages.
        depth: One of `vocabulary.DEPTHS`: the depth of the network that they come from.
        arrays: By the public FaceNet's names, `layer/weight`, without a branch's prefix.
        branch: Whose arrays those of a branch are, for messages.
    """

    name: str
    depth: str
    arrays: Mapping[str, Array]
    branch: str = "branch 1"


class Transfer(NamedTuple):
    """What a transfer did, in names of the network's variables.

    Attributes:
        taken: Variables that got an array.
        fresh: Variables of the shared layers and branches that keep their random values.
        unused: Arrays of the source that have no place in the network.
    """

    taken: list[str]
    fresh: list[str]
    unused: list[str]


def load_source(pretrained: str) -> Source:
    """Finds trained weights by what `--pretrained` names.

    Args:
        pretrained: `facenet` (the public weights, which are fetched on first use), a run folder
            (its best checkpoint), or the path of `facenet_keras.h5`.

    Raises:
        PretrainedError: There is nothing of that name, or it is not what it should be.
        CheckpointError: A run's checkpoint is damaged.
    """
    if pretrained == FACENET:
        try:
            arrays, meta = load_checkpoint(cached_facenet())
        except CheckpointError:  # not there yet, or damaged
            arrays, meta = load_checkpoint(import_facenet())
        if meta.get("file") != FILE_SHA256:
            raise PretrainedError(
                f"{cached_facenet()}: not the public FaceNet weights; delete the file, and "
                "the next command fetches them"
            )
        return Source("facenet", "facenet", arrays)
    path = user_path(pretrained)
    if path.is_dir():
        return _run_source(path)
    if path.is_file():
        return Source(str(path), "facenet", read_facenet(path))
    raise PretrainedError(f"{path}: no such run folder or file, nor the word facenet")


def _run_source(run: Path) -> Source:
    """The first trained branch and the shared layers of a run's best checkpoint, without heads."""
    arrays, _ = load_checkpoint(run / "best")
    config = read_config(run)
    task = next(task for task in TASKS if task in config.training.tasks)
    first = f"{task}_"
    others = tuple(f"{other}_" for other in TASKS if other != task)
    kept = {
        name[len(first) :] if name.startswith(first) else name: value
        for name, value in arrays.items()
        if not name.startswith(("logits_", WEIGHT_HEAD, *others))
    }
    source = Source(str(run), config.model.depth, kept)
    return source if task == TASKS[0] else source._replace(branch=f"the {task} branch")


def transfer(model: keras.Model, depth: str, source: Source) -> Transfer:
    """Copies trained weights into a network: shared layers, and branch 1's into all branches.

    Between equal depths everything but the heads is taken, all or nothing. Into the `paper` depth
    from the `facenet` depth go the stem, the first block of each stage and the reductions; the last
    block8, which has another scale, and the bottleneck behind it stay random. So does a bottleneck
    of another width than the source's. What stays random is the same in all three branches.

    Args:
        model: From `build_network`.
        depth: Its depth.
        source: From `load_source`.

    Raises:
        PretrainedError: The source is of another depth, or an array is missing or of another shape.
    """
    if source.depth not in (depth, "facenet"):
        raise PretrainedError(
            f"{source.name}: its depth is {source.depth}; train with --depth {source.depth}"
        )
    partial = source.depth != depth
    last_block = f"Block8_{REPEATS[depth][2] + 1}_"
    width = model.output["embedding"].shape[-1]
    other_width = len(source.arrays.get("Bottleneck_BatchNorm/beta", ())) != width
    chosen: dict[str, tuple[Any, Array]] = {}
    fresh, used = [], set()
    for name, variable in named_weights(model).items():
        if name.startswith(("logits_", WEIGHT_HEAD)):
            continue
        plain = _without_branch(name)
        is_bottleneck = plain.startswith("Bottleneck")
        if partial and (is_bottleneck or plain.startswith(last_block)):
            fresh.append(name)
            continue
        if other_width and is_bottleneck:
            fresh.append(name)
            used.add(plain)
            continue
        array = source.arrays.get(plain)
        if array is None or array.shape != tuple(variable.shape):
            found = "nothing" if array is None else f"an array of shape {array.shape}"
            raise PretrainedError(
                f"{source.name}: has {found} for {name} of shape {tuple(variable.shape)}"
            )
        chosen[name] = (variable, array)
        used.add(plain)
    unused = sorted(set(source.arrays) - used)
    if unused and not partial:
        raise PretrainedError(f"{source.name}: {unused[0]} has no place in the network")
    for variable, array in chosen.values():
        variable.assign(array)
    _copy_branch_1(model, fresh)
    return Transfer(list(chosen), fresh, unused)


def _copy_branch_1(model: keras.Model, names: list[str]) -> None:
    """Random variables of branches 2 and 3 start as branch 1's, as those with an array do."""
    weights = named_weights(model)
    for name in names:
        first = f"{TASKS[0]}_{_without_branch(name)}"
        if first in weights:
            weights[name].assign(weights[first])


def _without_branch(name: str) -> str:
    """A variable's name in the single-branch network."""
    prefix = next((f"{task}_" for task in TASKS if name.startswith(f"{task}_")), "")
    return name[len(prefix) :]


def describe_transfer(found: Transfer, source: Source) -> str:
    """One line that says what was taken and what was not."""
    line = f"pretrained: {len(found.taken)} arrays from {source.name}, "
    line += f"{source.branch}'s in all branches"
    if found.fresh:
        layers = {_without_branch(name).split("/")[0] for name in found.fresh}
        blocks = any(layer.startswith("Block8") for layer in layers)
        what = (
            "the last block8 and the bottleneck" if blocks else "the bottleneck, of another width"
        )
        line += f"; random: {len(layers)} layers ({what})"
    if found.unused:
        line += f"; {len(found.unused)} arrays of further blocks have no place in this depth"
    return line
