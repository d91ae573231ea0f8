"""Checks on two logical devices of one machine; run in a process of its own by test_cluster.py.

TensorFlow takes logical devices only before it has started.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from cari_keras import replicas
from cari_keras.data.base import Batch
from cari_keras.model.blocks import BatchNorm
from cari_keras.model.dropout import Dropout
from cari_keras.model.network import build_network, named_weights, split_at_shared
from cari_keras.training.averaging import MovingAverage
from cari_keras.training.cluster import ALONE, start
from cari_keras.training.retention import Retention
from cari_keras.vocabulary import STRATEGIES
from tests.helpers.steps import make_batch, make_step, numbers, toy_branches

#: The second device gets no caricature of the second batch, the first no photo of the third.
BATCHES = ([0, 1, 1, 0, 1, 1], [1, 0, 1, 0, 0, 0], [1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0])


def strategies(mirrored):
    """Five steps by every strategy: all numbers, weights, centers and averages are equal."""
    for name in STRATEGIES:
        if name == "single":
            continue
        found = []
        for cluster in (ALONE, mirrored):
            model = toy_branches()
            step = make_step(
                model,
                weighting=name,
                static_weights=(3.0, 2.0, 1.0),
                cluster=cluster,
                label_smoothing=0.1,
                average=MovingAverage(named_weights(model), 0.9),
            )
            told = [numbers(step, make_batch(kinds, seed=i)) for i, kinds in enumerate(BATCHES)]
            found.append([np.stack(told), *(np.array(v) for v in step.state().values())])
        for one, two in zip(*found):
            np.testing.assert_allclose(two, one, atol=2e-6, err_msg=name)


def batch_norm(mirrored):
    """Outputs, gradients and moving statistics are those of the whole batch."""
    rng = np.random.default_rng(0)
    for shape in ((8, 3, 3, 4), (8, 4)):
        images = tf.constant(5.0 + 3.0 * rng.normal(size=shape), tf.float32)
        slopes = tf.constant(rng.normal(size=shape), tf.float32)
        found = []
        for cluster in (ALONE, mirrored):
            layer = BatchNorm(momentum=0.9, epsilon=1e-3, scale=False)
            layer.build((None, *shape[1:]))
            layer.beta.assign(np.arange(4.0))

            def differentiate(batch, layer=layer):
                with tf.GradientTape() as tape:
                    tape.watch(batch.images)
                    outputs = layer(batch.images, training=True)
                    loss = tf.reduce_sum(outputs * batch.labels)
                inner, beta = tape.gradient(loss, [batch.images, layer.trainable_variables[0]])
                return replicas.all_rows(outputs), replicas.all_rows(inner), replicas.all_sum(beta)

            run = tf.function(lambda batch, c=cluster, f=differentiate: c.run(f, batch))
            for _ in range(2):
                results = run(Batch(images, slopes, images))
            found.append([*results, layer.moving_mean, layer.moving_variance])
        for one, two in zip(*found):
            np.testing.assert_allclose(np.array(two), np.array(one), atol=2e-5)
        np.testing.assert_allclose(
            np.array(found[0][0]).mean(tuple(range(len(shape) - 1))), np.arange(4.0), atol=1e-5
        )


def dropout(mirrored):
    """The masks are those of one device."""
    layer = Dropout(0.5, seed=1)
    layer.build((None, 50))
    layer.counter.assign(7)
    ones = tf.ones([8, 50])
    run = tf.function(
        lambda batch: mirrored.run(
            lambda rows: replicas.all_rows(layer(rows.images, training=True)), batch
        )
    )
    found = run(Batch(ones, ones, ones))
    np.testing.assert_array_equal(found, layer(ones, training=True))
    assert len(np.unique(np.array(found)[::4], axis=0)) == 2, "each device has masks of its own"


def network(mirrored):
    """A step of the paper's network with a teacher, and one of its branches: all moves alike.

    Sixteen images, since BatchNorm over a few makes much of the last digits; each step on a new
    network, since a second one makes more of them still; and Softplus for ReLU, which the last
    digits open or close.
    """
    rng = np.random.default_rng(0)
    batch = Batch(
        tf.constant(rng.normal(size=(16, 80, 80, 3)), tf.float32),
        tf.constant([0, 1, 2, 3] * 4, tf.int32),
        # Six photos on one device, two on the other.
        tf.constant([True, False] * 2 + [False] * 4 + [True, False] * 2 + [True] * 4),
    )
    for how in ("retained", "frozen"):
        one, two = (moved_by_a_step(batch, cluster, how) for cluster in (ALONE, mirrored))
        for name, moved in one.items():
            size = np.linalg.norm(moved)
            assert size > 0, name
            # Of the whole variable: rounding picks other pixels of a max pooling here and there,
            # which moves single weights far. A sum for a mean would be out by half.
            apart = np.linalg.norm(two[name] - moved)
            assert apart < 0.03 * size + 1e-7, f"{how}, {name}: {apart} of {size}"


def moved_by_a_step(batch, cluster, how):
    """How far each variable of a new network moves, of those that the step changes."""
    model = smooth_network(seed=0)
    trunk, branches = split_at_shared(model)
    named = named_weights(branches if how == "frozen" else model)
    before = {name: np.array(v) for name, v in named.items()}
    retention = None
    if how == "retained":
        retention = Retention(split_at_shared(smooth_network(seed=1))[0], 100.0)
    step = make_step(model, rate=1e-3, cluster=cluster, retention=retention)
    if how == "frozen":
        step.update_branches(batch._replace(images=trunk(batch.images, training=False)))
    else:
        step(batch)
    return {name: np.array(v) - before[name] for name, v in named.items()}


def smooth_network(seed):
    keras.utils.set_random_seed(seed)
    model = build_network(
        4,
        image_size=80,
        embedding_size=8,
        bn_momentum=0.9,
        private_blocks=0,
        shared_bottleneck=True,
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.Activation):
            layer.activation = keras.activations.softplus
    return model


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    cluster = start("mirrored")
    assert (cluster.replicas, cluster.workers, cluster.is_chief) == (2, 1, True)
    {check.__name__: check for check in (strategies, batch_norm, dropout, network)}[sys.argv[1]](
        cluster
    )
