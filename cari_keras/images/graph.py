"""The decoder within a graph: of the records' images, and of files as clients send them.

It is the twin of `images.decode` and `images.encode`, and gives their pixels of JPEG, PNG, GIF and
BMP: to the last bit, or within one level where a file is resized.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple, Optional

import tensorflow as tf

from cari_keras.images.graph_formats import (
    DAMAGED,
    Picture,
    bmp,
    decode_exact,
    gif,
    jpeg,
    png,
    reason,
)
from cari_keras.images.graph_headers import upright
from cari_keras.images.kinds import OTHERS, PICTURES
from cari_keras.tracing import copied_once_traced

#: What is decoded; the other formats are named in the row's error.
READ: dict[str, Callable[[tf.Tensor, int], Picture]] = {
    "JPEG": jpeg,
    "PNG": png,
    "GIF": gif,
    "BMP": bmp,
}


class Decoded(NamedTuple):
    """Files as a graph reads them.

    Attributes:
        pixels: uint8 RGB [N, S, S, 3]; zeros where a file is refused.
        error: Why a file is refused, string [N]; empty where it is not.
    """

    pixels: tf.Tensor
    error: tf.Tensor


def decode(encoded: tf.Tensor, image_size: Optional[int] = None) -> tf.Tensor:
    """JPEG or PNG bytes to uint8 RGB [image_size, image_size, 3]; the size is only asserted.

    The pixels are those of `images.decode` to the last bit.
    """
    return tf.ensure_shape(decode_exact(encoded), [image_size, image_size, 3])


def checked_pixels(image: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 [N, size, size, 3], enforced when the graph runs: a signature's shape is not."""
    return tf.ensure_shape(image, [None, size, size, 3])


def decoded_pixels(encoded: tf.Tensor, size: int) -> Decoded:
    """Image files of any size as the evaluation prepares images; a bad one spoils no other.

    Areas are averaged where both sides shrink, else pixels are interpolated bilinearly, whatever
    the aspect: see `cari_keras.images.encode.resize`, of whose the pixels are within one level of
    255, or a few where a JPEG is so large that it is decoded at a ratio; transparency is laid on
    white, and pictures are turned as their EXIF says. See `graph_formats` for the limits.

    Args:
        encoded: string [N].
        size: S.
    """
    count = tf.shape(encoded)[0]
    # A decoder's error ends a graph, unless a dataset drops the element that it is of.
    files = tf.data.Dataset.from_tensor_slices((tf.range(count), encoded))
    one = _reader(size)
    read = files.map(lambda row, content: (row, *one(content))).ignore_errors()
    # An empty dataset would have no element to take.
    last = (count, tf.constant(""), tf.zeros([size, size, 3], tf.uint8))
    read = read.concatenate(tf.data.Dataset.from_tensors(last))
    rows, errors, pixels = _plainly(read.batch(tf.cast(count, tf.int64) + 1)).get_single_element()
    places = rows[:, tf.newaxis]
    all_pixels = tf.zeros([count + 1, size, size, 3], tf.uint8)
    all_errors = tf.fill([count + 1], DAMAGED)
    return Decoded(
        tf.tensor_scatter_nd_update(all_pixels, places, pixels)[:count],
        tf.tensor_scatter_nd_update(all_errors, places, errors)[:count],
    )


def _plainly(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Without what is rewritten and tuned at each start of a dataset: it is started per request."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)


@cache
def _reader(size: int) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """`_read` for one size: an export has it in eight signatures, and to trace it takes seconds."""
    return copied_once_traced(partial(_read, size=size), [tf.TensorSpec([], tf.string)])


def _read(content: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A file's error, string [], and pixels, uint8 [S, S, 3], of which one says nothing."""
    # As many zeros as the tests of its kind look at.
    head = tf.strings.join([tf.strings.substr(content, 0, 64), "\0" * 32])
    kinds = _kinds(head)
    none = tf.zeros([size, size, 3], tf.uint8)

    def by(reader: Callable[[tf.Tensor, int], Picture]) -> tuple[tf.Tensor, tf.Tensor]:
        picture = reader(content, size)
        is_read = tf.equal(picture.reason, "")
        prepared = partial(_prepared, picture, size)
        return picture.reason, tf.cond(is_read, prepared, lambda: none)

    def refused() -> tuple[tf.Tensor, tf.Tensor]:
        return _why_not(content, head, kinds), none

    # The first that holds; where none does, the index is that of what was put last.
    holds = tf.stack([*(kinds[name] for name in READ), tf.constant(True)])
    branches = [partial(by, reader) for reader in READ.values()]
    error, pixels = tf.switch_case(tf.argmax(holds, output_type=tf.int32), [*branches, refused])
    return error, tf.ensure_shape(pixels, [size, size, 3])


def _kinds(head: tf.Tensor) -> dict[str, tf.Tensor]:
    """Format -> whether a file is of it, bool []; as `images.kinds.kind_of` tells them."""
    found: dict[str, tf.Tensor] = {}
    for magic, kind in PICTURES.items():
        found[kind] = found.get(kind, False) | _has(head, 0, magic)
    found["WEBP"] = _has(head, 0, b"RIFF") & _has(head, 8, b"WEBP")
    found["HEIC or AVIF"] = _has(head, 4, b"ftyp")
    found["PPM"] = tf.strings.regex_full_match(tf.strings.substr(head, 0, 3), r"P[1-6]\s")
    found["BMP"] = _has(head, 0, b"BM") & _has(head, 6, b"\0\0\0\0") & _has(head, 15, b"\0\0\0")
    return found


def _why_not(content: tf.Tensor, head: tf.Tensor, kinds: dict[str, tf.Tensor]) -> tf.Tensor:
    """Why a file is refused that is of no format that is read."""
    start = tf.strings.lower(tf.strings.strip(head))
    return reason(
        (tf.equal(tf.strings.length(content), 0), "empty file"),
        *(
            (holds, f"exports cannot read {kind} (save it as JPEG or PNG)")
            for kind, holds in kinds.items()
        ),
        *(
            (_has(start, 0, magic.lower()), f"not a picture ({what})")
            for magic, what in OTHERS.items()
        ),
        (tf.constant(True), "not a picture"),
    )


def _has(text: tf.Tensor, at: int, wanted: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(text, at, len(wanted)), wanted)


def _prepared(picture: Picture, size: int) -> tf.Tensor:
    """A picture as the network takes it, uint8 RGB [S, S, 3]."""
    image = picture.pixels()[tf.newaxis]
    shrinks = tf.reduce_all(tf.shape(image)[1:3] >= size)
    # Turned afterwards, when there is less of it to copy.
    resized = tf.cond(
        shrinks,
        lambda: tf.image.resize(image, [size, size], method="area"),
        lambda: tf.cast(tf.image.resize(image, [size, size]), tf.float32),
    )[0]
    rounded = tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
    return upright(tf.broadcast_to(rounded, [size, size, 3]), picture.turn)
