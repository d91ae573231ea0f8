"""Functions that are traced once, and called within several graphs."""

import gc
import weakref

import numpy as np
import tensorflow as tf

from cari_keras.tracing import copied_once_traced, traced_once

FLOATS = tf.TensorSpec([None], tf.float32)


def test_one_trace_for_all_graphs():
    traces = []

    def doubled(x):
        traces.append(x)
        return {"double": 2 * x}

    once = traced_once(doubled, [FLOATS])
    assert not traces  # until it is called
    graphs = [tf.function(lambda x, k=k: once(x)["double"] + k, [FLOATS]) for k in range(3)]
    for k, graph in enumerate(graphs):
        np.testing.assert_array_equal(graph([1.0, 2.0]), [2.0 + k, 4.0 + k])
    np.testing.assert_array_equal(once(tf.constant([3.0]))["double"], [6.0])
    assert len(traces) == 1


def test_it_calls_the_variables_as_they_are():
    variable = tf.Variable(2.0)
    once = traced_once(lambda x: variable * x, [FLOATS])
    graph = tf.function(once, [FLOATS])
    np.testing.assert_array_equal(graph([3.0]), [6.0])
    variable.assign(5.0)
    np.testing.assert_array_equal(graph([3.0]), [15.0])


def test_the_graph_that_calls_it_first_is_let_go():
    once = traced_once(lambda x: x + 1, [FLOATS])
    whole = tf.function(lambda x: once(x), [FLOATS]).get_concrete_function()
    first = weakref.ref(whole.graph)
    del whole
    gc.collect()
    assert first() is None


def test_copies_of_conditions_outlive_the_first_graph_that_had_them():
    """TensorFlow drops a condition's functions with the graph that they were made for."""

    def larger(x):
        one = tf.switch_case(tf.cast(x[0], tf.int32), [lambda: x + 1.0, lambda: x + 10.0])
        return one, tf.cond(x[0] > 0.5, lambda: 2 * one, lambda: one)

    copied = copied_once_traced(larger, [tf.TensorSpec([1], tf.float32)])
    for _ in range(3):
        # The executor that the tests have for training waits for ever in conditions.
        with tf.experimental.function_executor_type(""):
            whole = tf.function(lambda x: copied(x)[1], [tf.TensorSpec([1], tf.float32)])
            np.testing.assert_array_equal(whole([1.0]), [22.0])
            np.testing.assert_array_equal(whole([0.0]), [1.0])
        del whole
        gc.collect()


def test_all_graphs_that_read_files_share_the_decoders_functions():
    from cari_keras.images.graph import _reader, decoded_pixels

    assert _reader(48) is _reader(48)
    graphs = [
        tf.function(lambda x: decoded_pixels(x, 48).pixels).get_concrete_function(
            tf.TensorSpec([None], tf.string)
        )
        for _ in range(2)
    ]
    names = [{f.signature.name for f in g.graph.as_graph_def().library.function} for g in graphs]
    shared = names[0] & names[1]
    assert len(shared) > 50  # a function for every condition and loop of the decoder
    assert len(names[0] - shared) < 5
