"""Images as clients send them, within the graph: pixels of a fixed size, or encoded files."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.data.pictures import MAX_PIXELS, PNG
from cari_keras.data.records import decode


def checked_pixels(image: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 [N, size, size, 3], enforced when the graph runs: a signature's shape is not."""
    return tf.ensure_shape(image, [None, size, size, 3])


def _png(content: tf.Tensor) -> tf.Tensor:
    """A PNG as uint8 RGB, transparency on white, by the sum of `data.pictures.decode_image`."""
    # With its own channels: asked for four, TensorFlow invents an alpha, and not always 255.
    image = tf.cast(tf.io.decode_png(content), tf.int32)
    channels = tf.shape(image)[-1]
    colors = channels - 1 + channels % 2  # two and four channels end with alpha
    opaque = tf.pad(image, [[0, 0], [0, 0], [0, 1]], constant_values=255)
    rgb, alpha = image[..., :colors], opaque[..., colors : colors + 1]
    on_white = (rgb * alpha + 255 * (255 - alpha) + 127) // 255
    shape = tf.concat([tf.shape(image)[:2], [3]], axis=0)
    return tf.cast(tf.broadcast_to(on_white, shape), tf.uint8)


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
    the aspect: see `cari_keras.data.encoding.resize`, of whose the pixels are within one level of
    255; transparency is laid on white. A file that cannot be decoded, is empty, or has more than
    `MAX_PIXELS` pixels fails the request. A JPEG's EXIF entry is not looked at, unlike in
    evaluation: clients send pictures the right way up.

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
        small = tf.debugging.assert_less_equal(
            _pixels_of(content),
            tf.constant(MAX_PIXELS, tf.int64),
            message="an image of the request has too many pixels",
        )
        with tf.control_dependencies([full, small]):
            image = tf.cond(
                _is_png(content),
                lambda: _png(content),
                lambda: decode(content),
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
