"""A network's description of itself: the people it knows, its thresholds, its training data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from cari_keras.cards import card
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.labels import LABELS
from cari_keras.serving.answers import Limit
from cari_keras.vocabulary import FACENET

if TYPE_CHECKING:
    from cari_keras.stack import keras

#: What the public weights are.
PUBLIC = "the public FaceNet weights (MS-Celeb-1M)"

#: Of what a network was made from, as far as it is known here.
LICENCES = {
    FACENET: "the public FaceNet weights: MIT",
    "cavi": "CaVI: for research only",
    "webcaricature": "WebCaricature: for research only",
}


class About(NamedTuple):
    """Facts about a network beside its predictions.

    Attributes:
        name: The run, the folder of exports, or `facenet`.
        aligned: How cari-align cut out what the network was trained on; empty where that was whole
            pictures, None where it is not known.
        lacks: Why it has no thresholds; empty where nothing has kept it from having them.
        identities: Names in the order of the labels; None where exports do not hold them.
        limits: What it decides by, see `FaceModel.thresholds`.
        network: Its `keras.Model`; None of exports.
        origin: What it was trained on, see `serving.origin`; empty where exports do not hold it.
    """

    name: str = ""
    aligned: Optional[Mapping[str, Any]] = None
    lacks: str = ""
    identities: Optional[tuple[str, ...]] = ()
    limits: Mapping[str, Limit] = {}
    network: Optional[keras.Model] = None
    origin: Mapping[str, Any] = {}


#: Nothing is known.
UNKNOWN = About()


@dataclass(frozen=True, repr=False)
class ModelCard:
    """A network in a few lines. It prints as Markdown and shows as a card in notebooks.

    Attributes:
        title: The network's name.
        facts: Heading -> what there is to say.
    """

    title: str
    facts: Mapping[str, str]

    def __str__(self) -> str:
        """The card as Markdown.

        Example:
            >>> print(ModelCard("runs/cavi", {"Answers": "verification"}))
            # runs/cavi
            <BLANKLINE>
            - Answers: verification
        """
        return "\n".join([f"# {self.title}", "", *(f"- {line}" for line in self._lines())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return card(self.title, self._lines())

    def _lines(self) -> list[str]:
        return [f"{heading}: {text}" for heading, text in self.facts.items()]


class Described:
    """What `FaceModel` says of itself; see there for the attributes."""

    _about: About
    branches: tuple[str, ...]
    size: int
    _looks_at: str

    def __repr__(self) -> str:
        does = ", ".join(self.branches)
        return f"<FaceModel {self.name}: {does}; {self._looks_at}>"

    @property
    def name(self) -> str:
        """The run, the folder of exports, or `facenet`."""
        return self._about.name

    @property
    def lacks(self) -> str:
        """Why the network has no thresholds; empty if it is not for want of a dataset."""
        return self._about.lacks

    @property
    def aligned(self) -> Optional[Mapping[str, Any]]:
        """How cari-align cut out the training images.

        Empty where that was whole pictures, None where it is not known.
        """
        return self._about.aligned

    @property
    def identities(self) -> tuple[str, ...]:
        """Names of the people it was trained on, in the order of its labels; none for `facenet`.

        Raises:
            CheckpointError: The model is an export of before exports held the names.
        """
        if self._about.identities is None:
            raise CheckpointError(
                f"{self.name}: its exports do not hold the names of the people; export "
                "the run again with cari-export"
            )
        return self._about.identities

    @property
    def thresholds(self) -> dict[str, Limit]:
        """The thresholds of its decisions: endpoint -> threshold, with its FAR or FPIR.

        `verify`, `verify_photos` (`modality="photo"`), `verify_identities` (`by="identities"`),
        `identify_photo` and `identify_caricature`; those of them that it has.
        """
        return dict(self._about.limits)

    @property
    def keras_model(self) -> keras.Model:
        """The network itself: images float32 [n, s, s, 3] -> a dict of outputs.

        Images are standardised, each to zero mean and unit variance, see
        `cari_keras.data.augment.standardize`; s is the network's input, `keras_model.input_shape`.
        What the run's settings add, as several views of an image, is not in it.

        Raises:
            ConfigError: The model is an export, which is a graph without layers.
        """
        if self._about.network is None:
            run = self._about.origin.get("network", "the run it was exported from")
            raise ConfigError(
                f"{self.name}: exports are graphs and hold no keras.Model; load {run} instead"
            )
        return self._about.network

    @property
    def card(self) -> ModelCard:
        """The network in a few lines: its endpoints, its training data and its thresholds."""
        about, origin = self._about, self._about.origin
        facts = {"Answers": ", ".join(self.branches), "Looks at": self._looks_at}
        if origin.get("network", about.name) != about.name:
            facts["Exported from"] = str(origin["network"])
        facts |= _training(origin)
        facts |= {name: str(limit) for name, limit in about.limits.items()}
        if about.lacks:
            facts["No thresholds"] = about.lacks
        sources = (origin.get("pretrained"), origin.get("dataset"))
        licences = [LICENCES[name] for name in sources if name in LICENCES]
        if licences:
            facts["Licence"] = "; ".join(licences)
        return ModelCard(about.name, facts)


def _training(origin: Mapping[str, Any]) -> dict[str, str]:
    """What a network was trained on, and how well it did, by headings; empty if it is not known."""
    if not origin:
        return {}
    if origin["dataset"] is None:
        return {"Trained on": f"nothing here: {PUBLIC} as they are"}
    people = f"{origin['people']} people"
    told = [str(origin["dataset"]), people]
    if origin["steps"] is not None:
        told.append(f"{origin['steps']} steps of {origin['batch_size']} images an epoch")
    if origin["unseen_fold"]:
        told.append(f"without the people of fold {origin['unseen_fold']}")
    start = {None: "nothing", FACENET: PUBLIC}
    return {
        "Trained on": ", ".join(told),
        "Began with": start.get(origin["pretrained"], str(origin["pretrained"])),
        "Weights": f"of epoch {origin['epoch']} of {origin['epochs']}",
        "Validation": _validation(origin),
    }


def _validation(origin: Mapping[str, Any]) -> str:
    if origin["final"]:
        return "none; its images were trained on too (--final)"
    shares: Sequence[tuple[str, Any]] = [
        (label, origin["validation"].get(name)) for name, label in LABELS.items()
    ]
    known = [(label, s) for label, s in shares if s is not None and math.isfinite(s)]
    return ", ".join(f"{label} {100 * share:.1f} %" for label, share in known) or "not known"
