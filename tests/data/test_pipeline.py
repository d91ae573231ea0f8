"""From shards to batches: order, mixing of modalities, repeatability, going on in the middle."""

import numpy as np
import pytest

from cari_keras.data.augment import Augmentation
from cari_keras.data.pipeline import (
    evaluation_batches,
    split_records,
    steps_per_epoch,
    training_batches,
)
from cari_keras.data.prepared import Prepared
from cari_keras.images.encode import to_jpeg
from cari_keras.images.graph import decode
from cari_keras.records.sample import Sample
from cari_keras.records.schema import parse, serialize
from cari_keras.records.shards import Places, write_shard

OFF = Augmentation(flip=False, crop=1.0, color=0.0, greyscale=0.0)


def batches(prepared, **changes):
    arguments = {"epoch": 0, "seed": 3, "augmentation": Augmentation(), **changes}
    return [tuple(x.numpy() for x in b) for b in training_batches(prepared, 8, **arguments)]


def test_batches_are_full_standardised_and_mixed(prepared):
    found = batches(prepared)
    assert len(found) == steps_per_epoch(prepared, 8) == 3
    for images, labels, is_caricature in found:
        assert images.shape == (8, 80, 80, 3)
        assert images.dtype == np.float32
        np.testing.assert_allclose(images.mean((1, 2, 3)), 0, atol=1e-4)
        np.testing.assert_allclose(images.std((1, 2, 3)), 1, atol=1e-3)
        assert labels.dtype == np.int32
        assert is_caricature.sum() == 4  # half of the dataset's images, in every batch


def test_an_epoch_is_a_pure_function_of_its_arguments(prepared):
    first, again = batches(prepared), batches(prepared)
    for one, two in zip(first, again):
        for a, b in zip(one, two):
            np.testing.assert_array_equal(a, b)
    for change in ({"epoch": 1}, {"seed": 4}):
        other = batches(prepared, **change)
        assert any(not np.array_equal(a[0], b[0]) for a, b in zip(first, other))


def test_going_on_in_the_middle_gives_the_rest(prepared):
    whole, rest = batches(prepared), batches(prepared, skip=1)
    assert len(rest) == 2
    for one, two in zip(whole[1:], rest):
        for a, b in zip(one, two):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_parts_are_the_batches_without_overlap(prepared, workers):
    whole = batches(prepared, skip=1)
    parts = [batches(prepared, skip=1, part=(worker, workers)) for worker in range(workers)]
    for i, batch in enumerate(whole):
        for j, expected in enumerate(batch):
            np.testing.assert_array_equal(np.concatenate([p[i][j] for p in parts]), expected)


def test_an_epoch_shows_no_image_twice(prepared):
    images = np.concatenate([b[0] for b in batches(prepared, augmentation=OFF)])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images) == 24


def test_one_modality_alone(prepared):
    assert steps_per_epoch(prepared, 8, ["photo"]) == 1
    ((_, _, is_caricature),) = batches(prepared, modalities=["photo"])
    assert not is_caricature.any()


@pytest.mark.parametrize("batch_size", [4, 100])
def test_evaluation_shows_every_image_once_unchanged(prepared, batch_size):
    found = list(evaluation_batches(prepared, "validation", batch_size))
    paths = [path for b in found for path in b["path"].numpy()]
    assert len(paths) == len(set(paths)) == 6
    images = dict(zip(paths, np.concatenate([b["image"] for b in found])))
    for record in split_records(prepared, "validation"):
        fields = parse(record)
        pixels = decode(fields["image"], 80).numpy().astype(float)
        expected = (pixels - pixels.mean()) / pixels.std()
        np.testing.assert_allclose(images[fields["path"].numpy()], expected, atol=1e-3)
    assert {int(x) for b in found for x in b["label"]} == {0, 1, 2}


@pytest.fixture
def people_in_order(tmp_path):
    """40 shards, one for each person."""
    names = [f"train-photo-{k:05d}-of-00040.tfrecord" for k in range(40)]
    image, places = to_jpeg(np.zeros((8, 8, 3), np.uint8)), []
    for label, name in enumerate(names):
        samples = [Sample(f"{label}/{k}", str(label), "photo") for k in range(25)]
        written = write_shard(tmp_path / name, [serialize(s, image, label) for s in samples])
        offsets = np.array([offset for offset, _ in written])
        owners = np.full(25, label, np.int32)
        places.append(Places((str(tmp_path / name),), np.zeros(25, np.int32), offsets, owners))
    return Prepared(
        root=tmp_path,
        name="large",
        identities=tuple(map(str, range(40))),
        image_size=8,
        places={"train": {"photo": Places.join(places)}},
        pairs={},
        report={},
        skipped=[],
    )


def test_large_sets_do_not_show_people_in_the_order_of_their_names(people_in_order):
    def labels(**changes):
        return np.concatenate([b[1] for b in batches(people_in_order, **changes)])

    found = labels()
    assert np.bincount(found).tolist() == [25] * 40
    assert len(set(found[:100].tolist())) >= 30
    assert abs(np.corrcoef(np.arange(1000), found)[0, 1]) < 0.2
    np.testing.assert_array_equal(labels(), found)
    np.testing.assert_array_equal(labels(skip=100), found[800:])
    assert not np.array_equal(labels(epoch=1), found)
