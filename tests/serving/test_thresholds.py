"""Where a run's thresholds come from: which people, compared by what."""

from types import SimpleNamespace

import numpy as np
import pytest

from cari_keras.config import Config
from cari_keras.data.base import Pair
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.answering import PLAIN
from cari_keras.evaluation.predictions import Predictions
from cari_keras.serving import thresholds
from cari_keras.serving.thresholds import Thresholds, thresholds_of

#: How many people the network knows.
KNOWN = 12


def answers(labels, *, images=3, drawn=(False, True), apart=True, compared=None):
    """Unit vectors: of one direction a person, or of noise alone; in every image a little noise."""
    rng = np.random.default_rng(sum(labels))
    rows = [(p, d, k) for p in labels for d in drawn for k in range(images)]
    owners = np.array([p for p, _, _ in rows])
    noise = rng.normal(size=(len(rows), 64))
    vectors = np.eye(64)[owners] + 0.02 * noise if apart else noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    outputs = {"embedding": vectors.astype(np.float32)}
    if compared is not None:
        outputs["compared"] = compared(owners)
    paths = [f"{'c' if d else 'p'}{p}-{k}" for p, d, k in rows]
    return Predictions(paths, owners, np.array([d for _, d, _ in rows]), outputs)


def listed(predictions, other="p"):
    """Each person's first drawing with its photos, and with everybody else's first photo."""
    people = np.unique(predictions.labels).tolist()
    first = "c" if other == "p" else "p"
    images = sum(path.startswith(f"p{people[0]}-") for path in predictions.paths)
    own = [Pair(f"{first}{p}-0", f"p{p}-{k}", True) for p in people for k in range(1, images)]
    return own + [Pair(f"{first}{p}-0", f"p{q}-0", False) for p in people for q in people if p != q]


@pytest.fixture
def measured(monkeypatch):
    """Thresholds of a network with such answers for its validation images and its strangers'."""

    def measure(validation, unknown=None, pairs=None, **given):
        splits = {"validation": validation, "unknown": unknown}
        pairs = listed(validation) if pairs is None else pairs
        prepared = SimpleNamespace(
            name="people",
            identities=tuple(map(str, range(KNOWN))),
            pairs={"validation": pairs},
            count=lambda split, modalities=(): len(getattr(splits[split], "paths", ())),
        )
        monkeypatch.setattr(thresholds, "load_faces", lambda config, **how: None)
        monkeypatch.setattr(thresholds, "prepare", lambda *_, **__: prepared)
        matcher = SimpleNamespace(
            name="a rule",
            run="run",
            config=Config(),
            side=80,
            tasks=("verification",),
            settings=PLAIN,
            check_heads=lambda prepared: None,
            predict=lambda prepared, split, **_: splits[split],
        )
        return thresholds_of(matcher, **given)

    return measure


def test_strangers_judge_embeddings(measured):
    """All pairs of a photo and a caricature of people whom it was not trained on."""
    found = measured(answers(range(KNOWN)), answers(range(KNOWN, KNOWN + 5))).verify
    assert found.measured_on == (
        "pairs of a photo and a caricature of 5 people it was not trained on"
    )
    assert (found.genuine_pairs, found.impostor_pairs) == (5 * 9, 20 * 9)
    assert found.far == found.far_unseen == 0
    assert found.tar == 1
    assert found.undecided is None


@pytest.mark.parametrize(
    "unknown",
    [
        None,
        answers([KNOWN]),
        answers([KNOWN, KNOWN + 1], drawn=(False,)),
        # Two people, of whom one has no caricature.
        answers([KNOWN, KNOWN + 1]).only(np.arange(9)),
    ],
    ids=["none", "one person", "photos alone", "one with both"],
)
def test_without_two_strangers_the_validation_pairs_do(unknown, measured):
    found = measured(answers(range(KNOWN)), unknown).verify
    assert found.measured_on == (
        "validation pairs of a photo and a caricature of people it was trained on"
    )
    assert (found.genuine_pairs, found.impostor_pairs) == (24, 132)
    assert found.far_unseen == 0


def test_a_far_that_strangers_cannot_tell_is_told_by_validation_pairs(measured):
    known, unknown = answers(range(KNOWN)), answers([KNOWN, KNOWN + 1])
    assert "not trained on" in measured(known, unknown, far=1 / 18).verify.measured_on
    found = measured(known, unknown, far=0.01).verify
    assert found.measured_on.endswith("of people it was trained on")
    with pytest.raises(ConfigError, match="cannot be told from 0 with 132 impostor pairs"):
        measured(known, unknown, far=0.001)
    with pytest.raises(ConfigError, match=r"far must be in \(0, 1\]"):
        measured(known, unknown, far=2.0)
    with pytest.raises(DatasetError, match="no validation pairs to take a threshold from"):
        measured(known, None, [], far=0.01)
    assert measured(known, None, []) == Thresholds(None, {})


def test_validation_people_may_be_strangers_by_themselves(measured):
    """As WebCaricature's, whose labels come after those of the people it was trained on."""
    found = measured(answers(range(KNOWN, KNOWN + 4))).verify
    assert found.measured_on == (
        "validation pairs of a photo and a caricature of 4 people it was not trained on"
    )


def test_two_photos_have_pairs_of_their_own(measured):
    photos = answers(range(KNOWN), drawn=(False,))
    found = measured(photos, pairs=listed(photos, other="photo"))
    assert found.verify is None
    told = "validation pairs of two photos of people it was trained on"
    assert found.verify_photos.measured_on == told


def test_what_it_says_of_known_people_has_a_threshold_of_its_own(measured):
    """Embeddings tell nobody apart here, and who they seem to be does."""
    known = answers(range(KNOWN), apart=False, compared=lambda p: np.eye(64, dtype="f4")[p])
    unknown = answers(
        range(KNOWN, KNOWN + 5), apart=False, compared=lambda p: np.eye(64, dtype="f4")[p % KNOWN]
    )
    for strangers in (unknown, None):
        found = measured(known, strangers)
        assert found.verify.undecided is not None
        assert found.verify.auc < 0.7
        assert found.verify_identities.undecided is None
        assert found.verify_identities.auc == 1
        assert found.verify_identities.threshold == pytest.approx(1.0)
        assert found.verify_identities.measured_on.endswith("of people it was trained on")
    assert Thresholds.of_json(found.as_json()) == found
    assert measured(answers(range(KNOWN))).verify_identities is None
