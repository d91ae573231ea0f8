"""The TFRecord schema there and back."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.images.graph import decode
from cari_keras.records.sample import Sample
from cari_keras.records.schema import parse, serialize

POINTS = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))


@pytest.mark.parametrize("modality", ["photo", "caricature"])
def test_every_field_survives(modality):
    sample = Sample("Réal/Zoë/1.jpg", "Zoë", modality, keypoints=POINTS)
    fields = parse(tf.constant(serialize(sample, b"\xff\xd8bytes", 7)))
    assert fields["image"].numpy() == b"\xff\xd8bytes"
    assert fields["label"].numpy() == 7
    assert fields["label"].dtype == tf.int32
    assert bool(fields["is_caricature"]) == (modality == "caricature")
    assert fields["identity"].numpy().decode() == "Zoë"
    assert fields["path"].numpy().decode() == "Réal/Zoë/1.jpg"
    np.testing.assert_allclose(fields["keypoints"], POINTS)


def test_missing_keypoints_are_nan():
    fields = parse(tf.constant(serialize(Sample("a", "b", "photo"), b"", 0)))
    assert fields["keypoints"].shape == (5, 2)
    assert np.isnan(fields["keypoints"]).all()


def test_parsing_is_the_same_inside_a_pipeline():
    sample = Sample("a", "b", "photo", keypoints=POINTS)
    records = tf.data.Dataset.from_tensors(serialize(sample, b"x", 3))
    (fields,) = records.map(parse)
    np.testing.assert_allclose(fields["keypoints"], POINTS)


def test_decode_gives_rgb_and_insists_on_the_size():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200  # red
    encoded = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode(tf.constant(encoded), 8), image)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        decode(tf.constant(encoded), 9)


def test_fields_are_written_in_one_order():
    """In every process: aligned folders and caches are compared by their bytes."""
    written = serialize(Sample("a.png", "Ann", "photo"), b"pixels", 3)
    names = (b"identity", b"image", b"is_caricature", b"keypoints", b"label", b"path")
    places = [written.index(b"\n" + bytes([len(name)]) + name) for name in names]
    assert places == sorted(places)
