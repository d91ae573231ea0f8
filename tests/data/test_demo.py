"""The demo dataset: its splits and pairs, and that drawing does not depend on who asks, or when."""

import pickle
from collections import Counter

import numpy as np
import pytest

from cari_keras.data import demo
from cari_keras.errors import ConfigError


@pytest.fixture(scope="module")
def dataset():
    return demo.load(identities=3, photos=10, caricatures=5, size=64, seed=4)


def test_splits_hold_every_identity_in_both_modalities(dataset):
    assert dataset.identities == ("person_000", "person_001", "person_002")
    counts = {
        split: Counter((s.identity, s.modality) for s in samples)
        for split, samples in dataset.splits.items()
    }
    for name in dataset.identities:
        assert counts["train"][name, "photo"] == 8
        assert counts["validation"][name, "photo"] == 2
        assert counts["train"][name, "caricature"] == 4
        assert counts["validation"][name, "caricature"] == 1
    paths = [s.path for samples in dataset.splits.values() for s in samples]
    assert len(set(paths)) == len(paths) == 45


def test_pairs_are_over_validation_images_half_genuine(dataset):
    owner = {s.path: (s.identity, s.modality) for s in dataset.splits["validation"]}
    pairs = dataset.pairs["validation"]
    assert sum(p.same for p in pairs) * 2 == len(pairs) > 0
    for pair in pairs:
        (a, kind_a), (b, kind_b) = owner[pair.first], owner[pair.second]
        assert (kind_a, kind_b) == ("caricature", "photo")
        assert (a == b) == pair.same


def test_an_image_is_the_same_in_another_process(dataset):
    sample = dataset.splits["train"][3]
    image = dataset.load(sample)
    assert image.shape == (64, 64, 3)
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy.load(sample), image)
    # Nor does it depend on how many people or pictures there are.
    larger = demo.load(identities=5, photos=12, caricatures=5, size=64, seed=4)
    np.testing.assert_array_equal(larger.load(sample), image)


def test_another_seed_is_other_people(dataset):
    other = demo.load(identities=3, photos=10, caricatures=5, size=64, seed=5)
    assert other.fingerprint != dataset.fingerprint
    sample = dataset.splits["train"][0]
    assert np.mean(other.load(sample) != dataset.load(sample)) > 0.5


def test_keypoints_come_with_every_sample(dataset):
    for sample in dataset.splits["train"]:
        assert sample.keypoints is not None
        assert len(sample.keypoints) == 5


@pytest.mark.parametrize("name", ["identities", "photos", "caricatures", "size"])
def test_impossible_numbers_are_refused(name):
    with pytest.raises(ConfigError, match=rf"demo: {name} must be at least .* Received: 1"):
        demo.load(**{name: 1})
