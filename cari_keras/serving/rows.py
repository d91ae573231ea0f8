"""Answers row by row: a bad image of a batch spoils the answer of no other.

A server merges the requests of several clients into one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.errors import ImageError

#: Outputs of endpoints of files: whether a row was answered, bool [N], and why not, string [N].
VALID, ERROR = "valid", "error"


def never_empty(
    function: Callable[..., dict[str, tf.Tensor]], *images: tf.Tensor
) -> dict[str, tf.Tensor]:
    """What a function answers to images [N, S, S, 3]; for N of 0 as many rows of each output.

    TensorFlow's convolutions refuse an empty batch.
    """
    count = tf.shape(images[0])[0]
    missing = tf.cast(tf.equal(count, 0), tf.int32)
    full = (tf.pad(each, [[0, missing], [0, 0], [0, 0], [0, 0]]) for each in images)
    return {name: value[:count] for name, value in function(*full).items()}


def by_row(answers: Mapping[str, tf.Tensor], error: tf.Tensor) -> dict[str, tf.Tensor]:
    """Answers with `valid` bool [N] and `error` string [N] beside them.

    Args:
        answers: Name -> tensor [N, ...].
        error: Why a row has no answer, string [N]; empty where it has one. What is not valid is
            zeros, False and empty text.
    """
    valid = tf.equal(error, "")
    found = {}
    for name, value in answers.items():
        shape = tf.concat([tf.shape(valid), tf.ones([tf.rank(value) - 1], tf.int32)], axis=0)
        found[name] = tf.where(tf.reshape(valid, shape), value, tf.zeros_like(value))
    return {**found, VALID: valid, ERROR: error}


def named_errors(names: Sequence[str], errors: Sequence[tf.Tensor]) -> tf.Tensor:
    """The errors of a row's images as one text that names them, string [N].

    Args:
        names: Of the images of a row.
        errors: Of each, string [N].
    """
    found = tf.zeros_like(errors[0])
    for name, error in zip(names, errors):
        said = tf.where(tf.equal(error, ""), "", tf.strings.join([name, ": ", error]))
        both = tf.equal(found, "") | tf.equal(said, "")
        found = tf.strings.join([found, tf.where(both, "", "; "), said])
    return found


def checked_rows(answers: dict[str, Array]) -> dict[str, Array]:
    """The answers alone, of an endpoint that may have refused rows.

    Raises:
        ImageError: It has; with the first of them, by its place.
    """
    valid, error = answers.pop(VALID, None), answers.pop(ERROR, None)
    if valid is not None and error is not None and not valid.all():
        row = int(valid.argmin())
        raise ImageError(f"images[{row}]: {error[row].decode(errors='replace')}")
    return answers


def escaped(name: str) -> bytes:
    """A person's name as exports answer it: valid UTF-8, without which REST answers are no JSON.

    What was not UTF-8 on disk (a lone surrogate in Python) is written as its escape.

    Example:
        >>> escaped("Zoë"), escaped("Zo\\udceb")
        (b'Zo\\xc3\\xab', b'Zo\\\\udceb')
    """
    return name.encode("utf-8", "backslashreplace")
