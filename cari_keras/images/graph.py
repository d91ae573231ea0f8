"""The decoder within a graph: of the records' images, and of files as clients send them.

It is the twin of `images.decode` and `images.encode`, and gives their pixels of JPEG and PNG: to
the last bit, or within one level where a file is resized.
"""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from cari_keras.images.decode import MAX_PIXELS
from cari_keras.images.graph_headers import as_bytes, jpeg_exif, orientation, png_chunk, upright
from cari_keras.images.pixels import JPEG, PNG


def decode(encoded: tf.Tensor, image_size: Optional[int] = None) -> tf.Tensor:
    """JPEG or PNG bytes to uint8 RGB [image_size, image_size, 3]; the size is only asserted.

    The pixels are those of `images.decode` to the last bit: TensorFlow's own choice, the fast
    inverse DCT, is off by 0.9 levels in the mean, and by up to 9. Its operation for JPEG reads PNG
    as well.
    """
    image = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(image, [image_size, image_size, 3])


def checked_pixels(image: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 [N, size, size, 3], enforced when the graph runs: a signature's shape is not."""
    return tf.ensure_shape(image, [None, size, size, 3])


def _png(content: tf.Tensor) -> tf.Tensor:
    """A PNG as uint8 RGB, upright, transparency on white, as `images.decode` has it."""
    # With its own channels: asked for four, TensorFlow invents an alpha, and not always 255.
    image = tf.cast(tf.io.decode_png(content), tf.int32)
    channels = tf.shape(image)[-1]
    colors = channels - 1 + channels % 2  # two and four channels end with alpha
    opaque = tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=255)
    rgb, alpha = image[..., :colors], opaque[..., colors : colors + 1]
    on_white = (rgb * alpha + 255 * (255 - alpha) + 127) // 255
    shape = tf.concat([tf.shape(image)[:2], [3]], axis=0)
    pixels = tf.cast(tf.broadcast_to(on_white, shape), tf.uint8)
    header = as_bytes(content)
    pixels = _without_clear_color(pixels, header)
    return upright(pixels, orientation(png_chunk(header, b"eXIf")))


def _without_clear_color(pixels: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
    """Pixels [h, w, 3] of a PNG, white where they have the colour that is to be clear.

    TensorFlow heeds it in palettes alone.
    """
    clear = tf.cast(png_chunk(data, b"tRNS"), tf.int64)
    depth, kind = (tf.cast(data[at], tf.int64) for at in (24, 25))

    def cleared() -> tf.Tensor:
        # Grey has one value of two bytes, RGB three; each of the picture's own depth.
        largest = tf.bitwise.left_shift(tf.constant(1, tf.int64), depth) - 1
        stated = tf.concat([clear, tf.zeros([6], tf.int64)], axis=0)[:6]
        values = tf.bitwise.bitwise_and(stated[0::2] * 256 + stated[1::2], largest)
        values = tf.where(depth > 8, values // 256, values * 255 // largest)
        values = tf.where(tf.equal(kind, 0), tf.gather(values, [0, 0, 0]), values)
        same = tf.reduce_all(tf.equal(pixels, tf.cast(values, tf.uint8)), axis=-1, keepdims=True)
        return tf.where(same, tf.constant(255, tf.uint8), pixels)

    of_kind = tf.logical_or(tf.equal(kind, 0), tf.equal(kind, 2))
    return tf.cond(tf.logical_and(tf.size(clear) >= 2, of_kind), cleared, lambda: pixels)


def _jpeg(content: tf.Tensor) -> tf.Tensor:
    """A JPEG as uint8 RGB, upright."""
    return upright(decode(content), orientation(jpeg_exif(as_bytes(content))))


def _is_png(content: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.substr(content, 0, len(PNG)), PNG)


def _pixels_of(content: tf.Tensor) -> tf.Tensor:
    """Width times height as the file says, int64; 0 where it is too short to."""

    def of_png() -> tf.Tensor:
        sides = tf.io.decode_raw(tf.strings.substr(content, 16, 8), tf.uint8)
        powers = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
        return tf.reduce_prod(tf.tensordot(tf.reshape(tf.cast(sides, tf.int64), [2, 4]), powers, 1))

    def of_jpeg() -> tf.Tensor:
        return tf.reduce_prod(tf.cast(tf.io.extract_jpeg_shape(content)[:2], tf.int64))

    long = tf.strings.length(content) >= 24
    return tf.cond(
        long,
        lambda: tf.cond(_is_png(content), of_png, of_jpeg),
        lambda: tf.constant(0, tf.int64),
    )


def decoded_pixels(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """JPEG or PNG files of any size as the evaluation prepares images.

    Areas are averaged where both sides shrink, else pixels are interpolated bilinearly, whatever
    the aspect: see `cari_keras.images.encode.resize`, of whose the pixels are within one level of
    255; transparency is laid on white, and pictures are turned as their EXIF says. A file that is
    neither JPEG nor PNG, cannot be decoded, is empty, or has more than `MAX_PIXELS` pixels fails
    the request.

    Args:
        encoded: string [N].
        size: S.

    Returns:
        uint8 RGB [N, S, S, 3].
    """

    def one(content: tf.Tensor) -> tf.Tensor:
        full = tf.debugging.assert_greater(
            tf.strings.length(content), 0, message="an image of the request is empty"
        )
        known = tf.debugging.assert_equal(
            tf.logical_or(_is_png(content), tf.equal(tf.strings.substr(content, 0, 3), JPEG)),
            True,
            message="an image of the request is neither JPEG nor PNG",
        )
        with tf.control_dependencies([full, known]):
            small = tf.debugging.assert_less_equal(
                _pixels_of(content),
                tf.constant(MAX_PIXELS, tf.int64),
                message="an image of the request has too many pixels",
            )
        with tf.control_dependencies([small]):
            image = tf.cond(
                _is_png(content),
                lambda: _png(content),
                lambda: _jpeg(content),
            )
        shape = tf.shape(image)
        pixels = tf.cast(image, tf.float32)[tf.newaxis]
        shrinks = tf.reduce_all(shape[:2] >= size)
        resized = tf.cond(
            shrinks,
            lambda: tf.image.resize(pixels, [size, size], method="area"),
            lambda: tf.image.resize(pixels, [size, size]),
        )
        return tf.cast(tf.clip_by_value(tf.round(resized[0]), 0.0, 255.0), tf.uint8)

    return tf.map_fn(one, encoded, fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8))
