"""A network as it is evaluated: which weights, how it looks at an image, what it compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from cari_keras.config import Config
from cari_keras.data.prepared import Prepared
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.answering import PLAIN, AnswerSettings
from cari_keras.evaluation.centring import centred
from cari_keras.evaluation.evaluator import Evaluator
from cari_keras.evaluation.predictions import Predictions, kept, network_key
from cari_keras.files import cache_place, user_path
from cari_keras.model.build import build_model
from cari_keras.model.pretrained import FILE_SHA256
from cari_keras.model.restore import restore_run
from cari_keras.model.transfer import load_source, transfer
from cari_keras.saved import CONFIG, in_common
from cari_keras.stack import keras
from cari_keras.vocabulary import FACENET, LEFT_WHOLE

#: How faces are cut out for it, in cari-align's words: by MTCNN's boxes, with 32 pixels of margin
#: on 160, as FaceNet aligns LFW.
FACENET_CROP = {"align": "box", "margin": 0.25}

#: Settings in which a network may differ from the one that its thresholds come from.
_OF_ANOTHER_RUN = (
    *("seed", "final", "repeatable", "epochs", "frozen_epochs", "evaluate_every"),
    "batch_size",  # which is fitted to the number of training images
)


@dataclass(frozen=True)
class Matcher:
    """A network with everything that decides its predictions for an image.

    Attributes:
        name: For people: the run's folder, or `facenet`.
        model: From `build_network`.
        config: The run's settings.
        identities: Names in the order of the labels of its heads.
        tasks: The tasks whose heads may answer.
        weights: SHA-256 of the weights' file.
        epoch: The epoch whose weights they are; None for the public weights.
        settings: How it looks at an image, and what it compares.
        side: Side in pixels of the images it was trained and validated on, before they are cropped
            and resized to its input.
        aligned: How cari-align cut those images out; empty where they were whole pictures, None
            where it is not known.
        run: The run's folder; None for the public weights.
        metrics: Validation metrics of that epoch.
    """

    name: str
    model: keras.Model
    config: Config
    identities: tuple[str, ...]
    tasks: tuple[str, ...]
    weights: str
    epoch: Optional[int]
    settings: AnswerSettings
    side: int
    aligned: Optional[Mapping[str, Any]] = None
    run: Optional[Path] = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def evaluator(self, prepared: Prepared, split: str) -> Evaluator:
        """The evaluator of one split."""
        batch_size = self.config.data.batch_size
        return Evaluator(
            self.model,
            prepared,
            split,
            tasks=self.tasks,
            batch_size=batch_size,
            settings=self.settings,
        )

    def predict(
        self,
        prepared: Prepared,
        split: str,
        *,
        cache_dir: Optional[str] = None,
        progress: bool = False,
        store: bool = True,
    ) -> Predictions:
        """Predictions for a split's images, from the cache where it has them.

        Where the settings centre embeddings, it is by the means of these images.

        Args:
            prepared: The prepared dataset.
            split: Which of its splits.
            cache_dir: The folder that caches predictions, in `predictions/`; by default the
                per-user cache.
            progress: Whether to show a progress bar.
            store: Whether new predictions are cached.
        """
        found = kept(
            cache_place(cache_dir, "predictions"),
            network_key(self.config, self.weights, self.tasks, self.settings),
            prepared,
            split,
            lambda: self.evaluator(prepared, split).predict(progress=progress),
            store=store,
        )
        return centred(found) if self.settings.centre == "collection" else found

    def check_heads(self, prepared: Prepared) -> None:
        """Raises DatasetError unless the heads' classes are the dataset's identities."""
        if self.run is not None and self.identities != prepared.identities:
            raise DatasetError(
                f"{prepared.name}: its {len(prepared.identities)} identities differ from "
                f"the {len(self.identities)} that {self.name} was trained on; name the "
                "run's own dataset"
            )

    def check_verifies(self) -> None:
        """Raises ConfigError unless branch 1, whose answers are compared, was trained."""
        if "verification" not in self.tasks:
            raise ConfigError(
                f"{self.name} was not trained for verification, so it cannot compare "
                "images; train a run with verification among --tasks"
            )

    def on_strangers(self) -> list[str]:
        """The note for an evaluation on people whom the network may not know."""
        if self.settings.verify_by != "identities":
            return []
        return [
            "Verification compares the network's predictions of the people it knows; for "
            "other people, use --verify-by embedding."
        ]

    def on_other_crops(self, prepared: Prepared) -> list[str]:
        """The note for images that are cut out otherwise than the training images."""
        if self.aligned is None:
            return []
        own, theirs = _crop(self.aligned), _crop(prepared.aligned)
        if own == theirs:
            return []
        trained, asked = map(_cut_in_words, (own, theirs))
        return [f"These images are {asked}, and the network was trained on {trained}."]

    def describe(self) -> dict[str, Any]:
        """What results.json says of it."""
        return {
            "name": self.name,
            "weights_sha256": self.weights,
            "epoch": self.epoch,
            "depth": self.config.model.depth,
            "precision": self.config.model.precision,
            "image_size": self.config.data.image_size,
            "final": self.config.data.final,
            "tasks": list(self.tasks),
            **self.settings.to_dict(),
        }


def load_matcher(
    name: str, changes: Mapping[str, Any] = {}, *, precision: Optional[str] = None
) -> Matcher:
    """The network of a run at its best epoch, or the public weights with no training.

    Args:
        name: A run's folder, or `facenet`.
        changes: Of `AnswerSettings`, what is not to be as in the run.
        precision: Of the network, if not its own; that of the public weights is float32.

    Raises:
        CheckpointError: The run is missing or damaged.
        PretrainedError: The public weights are not in the cache and cannot be fetched.
        ConfigError: A change, or another precision, is not possible with these weights.
    """
    matcher = _public(changes, precision) if _is_public(name) else _of_run(name, changes, precision)
    settings = matcher.settings
    if settings.centre != "none":
        matcher.check_verifies()
        if settings.verify_by == "identities":
            raise ConfigError(
                f"{name} verifies by identities, which --centre does not apply to; add "
                "--verify-by embedding"
            )
    return matcher


def _of_run(name: str, changes: Mapping[str, Any], precision: Optional[str]) -> Matcher:
    run = user_path(name)
    restored = restore_run(run, precision)
    return Matcher(
        name=name,
        model=restored.model,
        config=restored.config,
        identities=restored.identities,
        tasks=restored.config.answered_tasks,
        weights=restored.meta["sha256"],
        epoch=restored.meta["epoch"],
        settings=AnswerSettings.of(restored.config, changes),
        side=restored.meta.get("stored_size", restored.config.data.prepared_size),
        aligned=restored.meta.get("aligned"),
        run=run,
        metrics=restored.meta.get("metrics", {}),
    )


def _is_public(name: str) -> bool:
    """Whether a name stands for the public weights: the word, unless a run is called so."""
    return name == FACENET and not (user_path(name) / CONFIG).is_file()


def judge_of(matcher: Matcher, run: Optional[str] = None) -> Optional[Matcher]:
    """The threshold source: the network whose validation images give another network's thresholds.

    Args:
        matcher: The network.
        run: Another run's folder; by default the network judges itself. Whatever it was trained in,
            it is asked in this network's precision.

    Returns:
        None for a network that was trained on its validation images (`--final`), if no other run is
        named: it is much surer of them than of new ones, so that its thresholds would be too low.

    Raises:
        CheckpointError: The other run is missing or damaged.
        ConfigError: Its thresholds do not fit: it was trained on its validation images too, knows
            other people, or has other settings.
    """
    if run is None:
        return None if matcher.config.data.final else matcher
    if _is_public(run):
        raise ConfigError(
            f"{FACENET} is not a run and has no validation images; name a run as the "
            "threshold source"
        )
    judge = load_matcher(run, asdict(matcher.settings), precision=matcher.config.model.precision)
    if judge.config.data.final:
        raise ConfigError(
            f"{judge.name} was trained on its validation images too (--final), so it has "
            "no thresholds; name a run without --final as the threshold source"
        )
    own = in_common(matcher.config)
    differing = [
        name
        for name, value in in_common(judge.config).items()
        if name not in _OF_ANOTHER_RUN and value != own[name]
    ]
    if _place(judge.config.model.pretrained) != _place(matcher.config.model.pretrained):
        differing.append("pretrained")
    both_known = judge.aligned is not None and matcher.aligned is not None
    if judge.side != matcher.side or (
        both_known and _crop(judge.aligned) != _crop(matcher.aligned)
    ):
        differing.append("how images are cut out")
    if judge.identities != matcher.identities:
        differing.append("people")
    if differing:
        raise ConfigError(
            f"{judge.name} differs from {matcher.name} in {', '.join(differing)}, so its "
            "thresholds do not fit; name another threshold source"
        )
    return judge


def _place(pretrained: Optional[str]) -> Optional[Path]:
    """What `--pretrained` names, however it was written: a path, or the word `facenet`."""
    return user_path(pretrained).resolve() if pretrained else None


def _crop(aligned: Optional[Mapping[str, Any]]) -> tuple[Any, ...]:
    """Of how images were cut out, see `Prepared.aligned`, that by which they look different."""
    return tuple((aligned or {}).get(name) for name in ("align", "margin", LEFT_WHOLE))


def _cut_in_words(crop: tuple[Any, ...]) -> str:
    align, margin, whole = crop
    if not align:
        return "whole pictures"
    return f"cari-align's ({align}, margin {margin}{f'; {whole}s whole' if whole else ''})"


def _public(changes: Mapping[str, Any], precision: Optional[str]) -> Matcher:
    """Branch 1 of the public network; its embedding is compared, since it has no heads."""
    if precision not in (None, "float32"):
        raise ConfigError(
            "the public weights compute in float32 only; leave the precision out. Received: "
            f"{precision}"
        )
    if changes.get("verify_by", "embedding") != "embedding":
        raise ConfigError("the public weights know no identities; use --verify-by embedding")
    source = load_source(FACENET)
    config = Config().with_values({"depth": "facenet", "tasks": ("verification",)})
    model = build_model(config, 2, seeded=False)
    transfer(model, config.model.depth, source)
    network = keras.Model(model.input, {"embedding": model.output["embedding"]})
    return Matcher(
        name=FACENET,
        model=network,
        config=config,
        identities=(),
        tasks=("verification",),
        weights=FILE_SHA256,
        epoch=None,
        settings=replace(PLAIN, **changes),
        side=config.data.prepared_size,
        aligned=FACENET_CROP,
    )
