"""The moving average of the parameters."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.training.averaging import MovingAverage


def test_by_hand():
    variable = tf.Variable([0.0])
    average = MovingAverage({"v": variable}, decay=0.5)
    variable.assign([1.0])
    average.update(tf.constant(0))  # decay min(0.5, 1/10): 0 + 0.9 * 1
    assert average.shadows["v"].numpy() == pytest.approx([0.9])
    variable.assign([2.0])
    average.update(tf.constant(100))  # decay 0.5: (0.9 + 2) / 2
    assert average.shadows["v"].numpy() == pytest.approx([1.45])


def test_unit_vectors_stay_unit_vectors():
    """The mean of (1, 0) and (0, 1) is (1/2, 1/2); of unit length 1 / sqrt(2) each."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_constraint=keras.constraints.UnitNorm())
    layer.build([None, 2])
    layer.kernel.assign([[1.0], [0.0]])
    average = MovingAverage({"kernel": layer.kernel}, decay=0.5)
    layer.kernel.assign([[0.0], [1.0]])
    average.update(tf.constant(100))
    np.testing.assert_allclose(average.shadows["kernel"], [[0.5], [0.5]])
    np.testing.assert_allclose(average.values()["kernel"], np.full((2, 1), 0.5**0.5), rtol=1e-6)
    with average.applied():
        np.testing.assert_array_equal(layer.kernel, average.values()["kernel"])


def test_applied_swaps_and_restores_even_after_an_error():
    variable = tf.Variable([0.0])
    average = MovingAverage({"v": variable}, decay=0.5)
    variable.assign([1.0])
    with average.applied():
        np.testing.assert_array_equal(variable, [0.0])
    np.testing.assert_array_equal(variable, [1.0])
    with pytest.raises(RuntimeError), average.applied():
        raise RuntimeError
    np.testing.assert_array_equal(variable, [1.0])
