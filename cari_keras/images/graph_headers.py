"""What a graph needs of a file before its pixels: a PNG's chunks, a JPEG's segments, its EXIF."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

#: More chunks of a PNG, or segments of a JPEG, are not looked at: bytes that were made up could
#: hold millions.
_MOST = 10_000

_EXIF = b"Exif\0\0"

#: Kinds of a JPEG's segments: what ends the walk, and those that are numbered among the frames'
#: headers without being one.
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_NO_FRAMES = (0xC4, 0xC8, 0xCC)

#: Types of a TIFF's entries, of two bytes and of four.
_SHORTS, _LONGS = (3, 8), (4, 9)


def as_bytes(content: tf.Tensor) -> tf.Tensor:
    """A file's bytes, uint8 [n]."""
    return tf.io.decode_raw(content, tf.uint8)


def number(data: tf.Tensor, at: tf.Tensor, size: int, little: tf.Tensor) -> tf.Tensor:
    """The whole number of some bytes from a place on, int64; what is not there counts as zeros."""
    there = tf.cast(data[at : at + size], tf.int64)
    found = tf.concat([there, tf.zeros([size], tf.int64)], axis=0)[:size]
    found = tf.cond(little, lambda: found[::-1], lambda: found)
    return tf.reduce_sum(found * tf.constant([256**k for k in reversed(range(size))], tf.int64))


def big(data: tf.Tensor, at: tf.Tensor, size: int) -> tf.Tensor:
    return number(data, at, size, tf.constant(False))


def _equal(data: tf.Tensor, at: tf.Tensor, expected: bytes) -> tf.Tensor:
    there = data[at : at + len(expected)]
    wanted = tf.constant(list(expected), tf.uint8)
    return tf.logical_and(
        tf.equal(tf.size(there), len(expected)),
        tf.reduce_all(tf.equal(tf.concat([there, wanted], axis=0)[: len(expected)], wanted)),
    )


def png_chunk(data: tf.Tensor, name: bytes) -> tf.Tensor:
    """The data of a PNG's first chunk of some name, uint8 [n]; none where it has none."""
    end = tf.size(data, tf.int64)
    at, found = tf.while_loop(
        lambda at, found: tf.logical_and(at + 12 <= end, tf.logical_not(found)),
        lambda at, found: tf.cond(
            _equal(data, at + 4, name),
            lambda: (at, tf.constant(True)),
            lambda: (at + 12 + big(data, at, 4), tf.constant(False)),
        ),
        (tf.constant(8, tf.int64), tf.constant(False)),
        maximum_iterations=_MOST,
    )
    size = tf.where(found, big(data, at, 4), tf.constant(0, tf.int64))
    return data[at + 8 : at + 8 + size]


class Segments(NamedTuple):
    """Where a JPEG's segments are, int64; 0 for what is not there before the picture.

    Attributes:
        exif: The first segment of EXIF.
        frame: The frame's header, which has the picture's size.
        scan: The first scan's header.
    """

    exif: tf.Tensor
    frame: tf.Tensor
    scan: tf.Tensor


def jpeg_segments(data: tf.Tensor) -> Segments:
    """Walks through a JPEG's segments up to its first scan."""
    end = tf.size(data, tf.int64)
    zero = tf.constant(0, tf.int64)

    def kind_at(at: tf.Tensor) -> tf.Tensor:
        return big(data, at + 1, 1)

    def going_on(at: tf.Tensor, exif: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
        over = tf.equal(kind_at(at), _START_OF_SCAN) | tf.equal(kind_at(at), _END_OF_IMAGE)
        return (at + 4 <= end) & tf.equal(big(data, at, 1), 0xFF) & tf.logical_not(over)

    def step(
        at: tf.Tensor, exif: tf.Tensor, frame: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        kind = kind_at(at)
        is_exif = tf.equal(kind, 0xE1) & _equal(data, at + 4, _EXIF)
        no_frame = tf.reduce_any(tf.equal(kind, tf.constant(_NO_FRAMES, tf.int64)))
        is_frame = (kind >= 0xC0) & (kind <= 0xCF) & tf.logical_not(no_frame)
        filled = tf.equal(kind, 0xFF)  # as many of them as one likes
        return (
            tf.where(filled, at + 1, at + 2 + big(data, at + 2, 2)),
            tf.where(is_exif & tf.equal(exif, 0), at, exif),
            tf.where(is_frame & tf.equal(frame, 0), at, frame),
        )

    at, exif, frame = tf.while_loop(
        going_on, step, (tf.constant(2, tf.int64), zero, zero), maximum_iterations=_MOST
    )
    return Segments(exif, frame, tf.where(tf.equal(kind_at(at), _START_OF_SCAN), at, zero))


def jpeg_exif(data: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """The EXIF of a JPEG's segment, as a TIFF's bytes, uint8 [n]; none where `at` is 0."""
    size = tf.where(at > 0, big(data, at + 2, 2) - 2 - len(_EXIF), tf.constant(0, tf.int64))
    first = at + 4 + len(_EXIF)
    return data[first : first + size]


def orientation(exif: tf.Tensor) -> tf.Tensor:
    """How a picture is to be turned by its EXIF, 1 to 8; 1 where that does not say.

    Args:
        exif: The bytes of a TIFF, uint8 [n].
    """
    zero = tf.constant(0, tf.int64)
    twice = _equal(exif, zero, _EXIF)  # as some programs write it
    exif = tf.cond(twice, lambda: exif[len(_EXIF) :], lambda: exif)
    little = _equal(exif, zero, b"II*\0")
    known = tf.logical_or(little, _equal(exif, zero, b"MM\0*"))

    def halves(rows: tf.Tensor, at: int, little: tf.Tensor) -> tf.Tensor:
        one, other = rows[:, at], rows[:, at + 1]
        return tf.where(little, other * 256 + one, one * 256 + other)

    def said() -> tf.Tensor:
        first = number(exif, tf.constant(4, tf.int64), 4, little)
        whole = tf.maximum((tf.size(exif, tf.int64) - first - 2) // 12, 0)
        count = tf.minimum(number(exif, first, 2, little), whole)
        entries = exif[first + 2 : first + 2 + 12 * count]
        rows = tf.reshape(tf.cast(entries, tf.int64), [-1, 12])
        tags, kinds, counts = (halves(rows, at, little) for at in (0, 2, 6))
        counts = tf.where(little, halves(rows, 4, little), counts)
        of_long = tf.where(little, halves(rows, 8, little), halves(rows, 10, little))
        short, long = (
            tf.reduce_any(tf.equal(kinds[:, tf.newaxis], types), axis=1)
            for types in (_SHORTS, _LONGS)
        )
        values = tf.where(short, halves(rows, 8, little), of_long)
        inside = (short & (counts >= 1) & (counts <= 2)) | (long & tf.equal(counts, 1))
        chosen = tf.equal(tags, 0x0112) & inside
        return tf.reduce_max(tf.concat([tf.boolean_mask(values, chosen), [0]], axis=0))

    value = tf.cond(known, said, lambda: tf.constant(1, tf.int64))
    return tf.where(tf.logical_and(value >= 1, value <= 8), value, tf.constant(1, tf.int64))


def upright(image: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """A picture [h, w, c] turned and mirrored as an orientation of 1 to 8 says."""

    def mirrored(picture: tf.Tensor, turns: list[int], axis: int) -> tf.Tensor:
        asked = tf.reduce_any(tf.equal(turn, tf.constant(turns, tf.int64)))
        return tf.cond(asked, lambda: tf.reverse(picture, [axis]), lambda: picture)

    image = tf.cond(turn >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    return mirrored(mirrored(image, [2, 3, 6, 7], 1), [3, 4, 7, 8], 0)
