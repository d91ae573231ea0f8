"""The first frame of a GIF, cut out of its bytes.

TensorFlow decodes all frames at once, each as large as the picture, and shows a clear colour as
black.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from cari_keras.images.graph_headers import as_bytes, number

#: More bytes are not looked at; nor are more blocks, of which each has 255 bytes at most.
_HEAD, _MOST = 1 << 24, 40_000

_WHITE = b"\xff\xff\xff"


class Frame(NamedTuple):
    """The first frame of a GIF.

    Attributes:
        content: A GIF of this frame alone, string []; its clear colour is an opaque white.
        width: The picture's, int64 [].
        height: The picture's, int64 [].
        fills: Whether the frame is as large as the picture, bool [].
        incomplete: Whether the file ends, or is not to be understood, before the frame's end.
    """

    content: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    fills: tf.Tensor
    incomplete: tf.Tensor


def first_frame(content: tf.Tensor) -> Frame:
    """Finds the first frame of a GIF's bytes, string []."""
    data = as_bytes(tf.strings.substr(content, 0, _HEAD))

    def at(place: tf.Tensor, size: int = 1) -> tf.Tensor:
        return number(data, place, size, tf.constant(True))

    def table(flags: tf.Tensor) -> tf.Tensor:
        """The size in bytes of the table of colours that flags tell of."""
        entries = tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8)
        return tf.where(flags >= 128, 3 * entries, tf.constant(0, tf.int64))

    def past_blocks(place: tf.Tensor) -> tf.Tensor:
        """The place after the blocks that begin at a place."""
        last = tf.size(data, tf.int64) - 1
        (end,) = tf.while_loop(
            lambda place: (place < last) & (data[tf.minimum(place, last)] > 0),
            lambda place: (place + 1 + tf.cast(data[place], tf.int64),),
            (place,),
            maximum_iterations=_MOST,
        )
        return end + 1

    def past_extension(place: tf.Tensor, clear: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_control = tf.equal(at(place + 1), 0xF9)
        found = tf.where(tf.equal(at(place + 3) % 2, 1), at(place + 6), tf.constant(-1, tf.int64))
        return past_blocks(place + 2), tf.where(is_control, found, clear)

    width, height = at(tf.constant(6, tf.int64), 2), at(tf.constant(8, tf.int64), 2)
    header = 13 + table(at(tf.constant(10, tf.int64)))
    place, clear = tf.while_loop(
        lambda place, clear: tf.equal(at(place), 0x21),
        past_extension,
        (header, tf.constant(-1, tf.int64)),
        maximum_iterations=_MOST,
    )
    fills = tf.equal(at(place + 1, 4), 0) & tf.equal(at(place + 5, 2), width)
    fills &= tf.equal(at(place + 7, 2), height)
    own = table(at(place + 9))
    end = past_blocks(place + 11 + own)
    entry = tf.where(own > 0, place + 10, tf.constant(13, tf.int64)) + 3 * clear
    whole = tf.equal(at(place), 0x2C) & (end <= tf.size(data, tf.int64))
    whole &= tf.equal(at(end - 1), 0)
    whitened = tf.cond(
        clear >= 0,
        lambda: tf.strings.join([_cut(content, 0, entry), _WHITE, _cut(content, entry + 3, end)]),
        lambda: content,
    )
    parts = [_cut(whitened, 0, header), _cut(whitened, place, end), b";"]
    return Frame(tf.strings.join(parts), width, height, fills, tf.logical_not(whole))


def _cut(content: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    start, end = tf.cast(start, tf.int64), tf.cast(end, tf.int64)
    return tf.strings.substr(content, start, tf.maximum(end - start, 0))
