"""The formats that a graph decodes: what a file's header promises, and its pixels.

All limits are checked by the header, before a pixel is decoded, and keep what one picture takes
below some 300 MB: a JPEG that is much larger than needed is decoded at 1/2, 1/4 or 1/8 of its
sides; what cannot be decoded in parts has fewer pixels at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from cari_keras.images.decode import MAX_PIXELS
from cari_keras.images.graph_gif import first_frame
from cari_keras.images.graph_headers import (
    as_bytes,
    big,
    jpeg_exif,
    jpeg_segments,
    number,
    orientation,
    png_chunk,
)

#: The most pixels of a PNG, GIF or BMP: their decoders know no smaller picture. A JPEG of more is
#: decoded at half its sides at least.
MAX_WHOLE = 20_000_000

#: The most bytes of coefficients that a JPEG's decoder may hold: of a progressive one, or one of
#: several scans, it holds all of them, whatever the ratio.
MAX_COEFFICIENTS = 150_000_000

#: A JPEG is decoded at a ratio that leaves its shorter side this many times the side wanted, and
#: divides both sides: pixels are then the same within one level, but for some at hard edges (0.3 %,
#: by 6 levels at most). At 4 times more differ; and what is left of a division shifts the picture.
ENOUGH = 8

#: What a file is refused for whose decoder fails.
DAMAGED = "damaged or truncated picture"

#: Of a JPEG, more bytes than this before the picture are not looked at.
_HEAD = 1 << 22

_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)

#: Pixels that are laid on white at once.
_AT_ONCE = 1 << 18


class Picture(NamedTuple):
    """What is known of a file before it is decoded.

    Attributes:
        reason: Why it is refused, string []; empty where it is not.
        turn: How it is to be turned, int64 [], 1 to 8.
        pixels: Decodes it, to uint8 [h, w, 1 or 3], not turned yet.
    """

    reason: tf.Tensor
    turn: tf.Tensor
    pixels: Callable[[], tf.Tensor]


def reason(*cases: tuple[tf.Tensor, tf.Tensor | str]) -> tf.Tensor:
    """The text of the first case that holds, string []; empty where none does."""
    found = tf.constant("")
    for holds, text in reversed(cases):
        found = tf.where(holds, text, found)
    return found


def decode_exact(encoded: tf.Tensor, ratio: int = 1) -> tf.Tensor:
    """JPEG or PNG bytes to uint8 RGB [h, w, 3].

    TensorFlow's own choice, the fast inverse DCT, is off by 0.9 levels in the mean, and by up to 9.
    Its operation for JPEG reads PNG as well.
    """
    return tf.io.decode_jpeg(encoded, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")


def jpeg(content: tf.Tensor, size: int) -> Picture:
    """A JPEG that is to become a square of `size` pixels."""
    data = as_bytes(tf.strings.substr(content, 0, _HEAD))
    segments = jpeg_segments(data)
    height, width = (big(data, segments.frame + at, 2) for at in (5, 7))
    area, shorter = height * width, tf.minimum(height, width)

    parts = big(data, segments.frame + 9, 1)
    sampling = tf.cast(data[segments.frame + 11 :][: 3 * parts : 3], tf.int64)
    across, down = sampling // 16, sampling % 16
    largest = tf.maximum(tf.reduce_max(across) * tf.reduce_max(down), 1)
    coefficients = 2 * area * tf.reduce_sum(across * down) // largest
    kind = big(data, segments.frame + 1, 1)
    progressive = tf.reduce_any(tf.equal(kind, tf.constant(_PROGRESSIVE, tf.int64)))
    held = progressive | (big(data, segments.scan + 4, 1) < parts)

    enough = [
        (shorter >= ratio * ENOUGH * size) & tf.equal(height % ratio + width % ratio, 0)
        for ratio in (2, 4, 8)
    ]
    halvings = tf.reduce_sum(tf.cast(tf.stack(enough), tf.int32))
    halvings = tf.maximum(halvings, tf.cast(area > MAX_WHOLE, tf.int32))
    return Picture(
        reason(
            (tf.equal(segments.frame, 0) | tf.equal(segments.scan, 0), DAMAGED),
            (area > MAX_PIXELS, _too_many(width, height, MAX_PIXELS)),
            (
                held & (coefficients > MAX_COEFFICIENTS),
                "too many pixels for a progressive JPEG "
                f"({MAX_COEFFICIENTS // 10**6} MB of coefficients at most; save it as a baseline "
                "JPEG, or smaller)",
            ),
        ),
        orientation(jpeg_exif(data, segments.exif)),
        lambda: tf.switch_case(
            halvings, [lambda ratio=1 << k: decode_exact(content, ratio) for k in range(4)]
        ),
    )


def png(content: tf.Tensor, size: int) -> Picture:
    """A PNG, whose transparency is laid on white as `images.decode` does."""
    data = as_bytes(content)
    width, height = (big(data, tf.constant(at, tf.int64), 4) for at in (16, 20))
    depth, kind = (big(data, tf.constant(at, tf.int64), 1) for at in (24, 25))
    clear = tf.cast(png_chunk(data, b"tRNS"), tf.int64)
    # A palette's is an alpha in what TensorFlow decodes.
    has_clear = (tf.size(clear) >= 2) & (tf.equal(kind, 0) | tf.equal(kind, 2))

    def pixels() -> tf.Tensor:
        # With its own channels: asked for four, TensorFlow invents an alpha, and not always 255.
        image = tf.io.decode_png(content)
        has_alpha = tf.equal(tf.shape(image)[-1] % 2, 0)

        def shown(rows: tf.Tensor) -> tf.Tensor:
            return _without_clear_color(_on_white(rows), has_clear, clear, depth, kind)

        return tf.cond(has_alpha | has_clear, lambda: _in_blocks(image, shown), lambda: image)

    return Picture(
        reason((width * height > MAX_WHOLE, _too_many(width, height, MAX_WHOLE))),
        orientation(png_chunk(data, b"eXIf")),
        pixels,
    )


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """uint8 [h, w, 1 to 4] as uint8 RGB; two and four channels end with alpha."""
    image = tf.cast(image, tf.int32)
    channels = tf.shape(image)[-1]
    colors = channels - 1 + channels % 2
    opaque = tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=255)
    rgb, alpha = image[..., :colors], opaque[..., colors : colors + 1]
    on_white = (rgb * alpha + 255 * (255 - alpha) + 127) // 255
    shape = tf.concat([tf.shape(image)[:2], [3]], axis=0)
    return tf.cast(tf.broadcast_to(on_white, shape), tf.uint8)


def _without_clear_color(
    pixels: tf.Tensor, has_clear: tf.Tensor, clear: tf.Tensor, depth: tf.Tensor, kind: tf.Tensor
) -> tf.Tensor:
    """Pixels [h, w, 3] of a PNG, white where they have the colour that is to be clear."""

    def cleared() -> tf.Tensor:
        # Grey has one value of two bytes, RGB three; each of the picture's own depth.
        largest = tf.bitwise.left_shift(tf.constant(1, tf.int64), depth) - 1
        stated = tf.concat([clear, tf.zeros([6], tf.int64)], axis=0)[:6]
        values = tf.bitwise.bitwise_and(stated[0::2] * 256 + stated[1::2], largest)
        values = tf.where(depth > 8, values // 256, values * 255 // largest)
        values = tf.where(tf.equal(kind, 0), tf.gather(values, [0, 0, 0]), values)
        same = tf.reduce_all(tf.equal(pixels, tf.cast(values, tf.uint8)), axis=-1, keepdims=True)
        return tf.where(same, tf.constant(255, tf.uint8), pixels)

    return tf.cond(has_clear, cleared, lambda: pixels)


def _in_blocks(image: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """A function of pixels, uint8 [h, w, c] to uint8 RGB, on some rows after the other."""
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    rows = tf.maximum(_AT_ONCE // tf.maximum(width, 1), 1)
    count = (height + rows - 1) // rows
    done = tf.TensorArray(tf.uint8, count, infer_shape=False, element_shape=[None, None, 3])
    _, done = tf.while_loop(
        lambda k, done: k < count,
        lambda k, done: (k + 1, done.write(k, function(image[k * rows : (k + 1) * rows]))),
        (tf.constant(0), done),
        parallel_iterations=1,
    )
    return done.concat()


def gif(content: tf.Tensor, size: int) -> Picture:
    """The first frame of a GIF, whose clear colour is white, as `images.decode` has it."""
    frame = first_frame(content)
    return Picture(
        reason(
            (frame.incomplete, DAMAGED),
            (
                frame.width * frame.height > MAX_WHOLE,
                _too_many(frame.width, frame.height, MAX_WHOLE),
            ),
            (
                tf.logical_not(frame.fills),
                "a GIF of a kind that cannot be read: its first frame is smaller than "
                "the picture (save it as PNG)",
            ),
        ),
        tf.constant(1, tf.int64),
        lambda: tf.io.decode_gif(frame.content)[0],
    )


def bmp(content: tf.Tensor, size: int) -> Picture:
    """A BMP of 24 or 32 bits, or of 8 with a palette, that is not compressed."""
    data = as_bytes(tf.strings.substr(content, 0, 2048))

    def little(at: int, count: int) -> tf.Tensor:
        return number(data, tf.constant(at, tf.int64), count, tf.constant(True))

    header, width, height = little(14, 4), little(18, 4), little(22, 4)
    height = tf.minimum(height, (1 << 32) - height)  # below zero: the upper row comes first
    bits, compression = little(28, 2), little(30, 4)
    is_read = tf.reduce_any(tf.equal(bits, tf.constant([8, 24, 32], tf.int64)))

    def pixels() -> tf.Tensor:
        image = tf.io.decode_bmp(content)
        padded = tf.concat([data[14 + header :], tf.zeros([1024], tf.uint8)], axis=0)[:1024]
        palette = tf.reshape(padded, [256, 4])[:, 2::-1]
        return tf.cond(
            tf.equal(bits, 8),
            lambda: tf.gather(palette, tf.cast(image[..., 0], tf.int32)),
            lambda: image[..., :3],
        )

    return Picture(
        reason(
            (width * height > MAX_WHOLE, _too_many(width, height, MAX_WHOLE)),
            (
                (header < 40) | (compression > 0) | tf.logical_not(is_read),
                "a BMP of a kind that cannot be read (save it as PNG)",
            ),
        ),
        tf.constant(1, tf.int64),
        pixels,
    )


def _too_many(width: tf.Tensor, height: tf.Tensor, limit: int) -> tf.Tensor:
    sides = [tf.as_string(width), " x ", tf.as_string(height)]
    return tf.strings.join(
        ["too many pixels (", *sides, f", the limit is {limit}; save it smaller)"]
    )
