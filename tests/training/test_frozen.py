"""Epochs on stored outputs of the shared layers: the same step, nothing shared moves."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.augment import Augmentation
from cari_keras.data.base import Batch
from cari_keras.data.pipeline import training_batches
from cari_keras.model.build import build_model
from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.model.dropout import Dropout
from cari_keras.model.network import (
    build_network,
    freeze_stages,
    named_weights,
    shared_variables,
    split_at,
    split_at_shared,
)
from cari_keras.saved import SHARED_OUTPUTS
from cari_keras.training.build import build_step
from cari_keras.training.frozen import SharedOutputs
from cari_keras.training.retention import Retention
from cari_keras.training.runfolder import Checkpoints
from cari_keras.training.trainer import Trainer
from tests.helpers.disks import no_room
from tests.helpers.runs import small_config

pytestmark = pytest.mark.usefixtures("narrow")

PLAIN = Augmentation()


@pytest.mark.parametrize("private", [0, 1, None])
@pytest.mark.parametrize("detach", [True, False])
def test_three_parts_make_the_whole(private, detach):
    model = build_network(
        3, image_size=80, embedding_size=8, private_blocks=private, detach_weights=detach
    )
    first, late, branches = split_at(model, "block17", "shared")
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    whole, parts = model(images), branches(late(first(images)))
    for name, value in whole.items():
        np.testing.assert_allclose(value, parts[name], atol=1e-5)


@pytest.mark.parametrize("private", [0, 1, None])
@pytest.mark.parametrize("detach", [True, False])
def test_the_two_parts_make_the_whole(private, detach):
    model = build_network(
        3, image_size=80, embedding_size=8, private_blocks=private, detach_weights=detach
    )
    trunk, branches = split_at_shared(model)
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    whole, parts = model(images), branches(trunk(images))
    assert set(whole) == set(parts)
    for name, value in whole.items():
        np.testing.assert_allclose(value, parts[name], atol=1e-5)


def outputs(prepared, folder, **changes):
    trunk, _ = split_at_shared(build_network(3, image_size=80, embedding_size=8))
    arguments = {"views": 2, "batch_size": 8, "seed": 3, "augmentation": PLAIN, **changes}
    return trunk, SharedOutputs(trunk, prepared, folder, **arguments)


@pytest.mark.slow
def test_stored_outputs_are_those_of_the_training_batches(prepared, tmp_path):
    trunk, stored = outputs(prepared, tmp_path / "kept")
    expected, labels = [], []
    for batch in training_batches(prepared, 8, epoch=1, seed=3, augmentation=PLAIN):
        expected += [z.ravel() for z in trunk(batch.images, training=False).numpy()]
        labels += batch.labels.numpy().tolist()
    for epoch in (1, 3):  # both train on view 1
        taken = []
        for batch in stored.batches(epoch):
            for z, label in zip(batch.images.numpy(), batch.labels.numpy()):
                distances = np.abs(np.stack(expected) - z.ravel()).max(axis=1)
                taken.append(int(distances.argmin()))
                assert distances.min() < 1e-3  # float16
                assert labels[taken[-1]] == label
        assert sorted(taken) == list(range(24))
    first, again, other = (
        [b.labels.numpy().tolist() for b in stored.batches(e)] for e in (1, 1, 3)
    )
    assert first == again
    assert first != other
    rest = [b.labels.numpy().tolist() for b in stored.batches(1, skip=2)]
    assert rest == first[2:]


@pytest.mark.slow
def test_workers_share_the_stored_batches(prepared, tmp_path):
    _, whole = outputs(prepared, tmp_path / "kept")
    found = [list(whole.batches(0, part=(worker, 2))) for worker in range(2)]
    assert [len(batches) for batches in found] == [3, 3]
    for batch, *shares in zip(whole.batches(0), *found, strict=True):
        for i, expected in enumerate(batch):
            np.testing.assert_array_equal(np.concatenate([s[i] for s in shares]), expected)


@pytest.mark.slow
def test_a_view_is_computed_once_even_by_two_processes(prepared, tmp_path):
    _, stored = outputs(prepared, tmp_path / "kept")
    first = [b.images.numpy() for b in stored.batches(0)]
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == ["made_for.txt", "view_0"]
    trunk, again = outputs(prepared, tmp_path / "kept")
    trunk.set_weights([np.zeros_like(w) for w in trunk.get_weights()])
    for a, b in zip(first, again.batches(0), strict=True):
        np.testing.assert_array_equal(a, b.images)
    again.delete()
    assert not (tmp_path / "kept").exists()


@pytest.mark.slow
def test_views_that_were_made_for_others_are_removed(prepared, tmp_path):
    """A run that was killed before its first checkpoint begins again, perhaps with other images."""
    view = tmp_path / "kept" / "view_0"
    list(outputs(prepared, tmp_path / "kept", made_for=lambda: "a")[1].batches(0))
    written = view.stat().st_mtime_ns
    next(outputs(prepared, tmp_path / "kept", made_for=lambda: "a")[1].batches(0))
    assert view.stat().st_mtime_ns == written
    _, others = outputs(prepared, tmp_path / "kept", made_for=lambda: "b")
    assert view.is_dir()  # they may be refused yet
    next(others.batches(1))
    assert not view.exists()


@pytest.mark.slow
def test_runs_share_the_views_that_they_have_in_common(prepared, tmp_path):
    shared = tmp_path / "shared"
    same = {"frozen_dir": str(shared), "frozen_views": 1, "epochs": 1, "frozen_epochs": 1}

    def trained(name, **values):
        config = small_config(**same, **values)
        run = tmp_path / name
        (row,) = Trainer(config, prepared, run).fit(progress=False)
        assert not (run / SHARED_OUTPUTS).exists()
        return row

    trained("first", weighting="equal")
    (place,) = shared.iterdir()
    written = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert {path.name for path in written} >= {"view_0", "outputs.npy"}
    beside = trained("second", weighting="naive")
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == written
    assert list(shared.iterdir()) == [place]
    # What the other weighting gives is what it gives on outputs of its own.
    own = small_config(**{**same, "frozen_dir": None}, weighting="naive")
    (alone,) = Trainer(own, prepared, tmp_path / "alone").fit(progress=False)
    assert alone == beside
    # Other draws are other views.
    trained("third", weighting="equal", seed=5)
    assert len(list(shared.iterdir())) == 2


@pytest.mark.parametrize(
    ("shared_rate", "cut", "retained", "weighting"),
    [
        (1.0, "shared", False, "dynamic"),
        (0.1, "shared", False, "dynamic"),
        (0.1, "block17", True, "dynamic"),
        (1.0, "block17", False, "aligned"),
        (1.0, "block35", False, "gradnorm"),
        (0.1, "stem", True, "dynamic"),
    ],
)
def test_gradients_behind_the_cut_are_the_whole_network_s(shared_rate, cut, retained, weighting):
    """BatchNorm before the cut apart, which is why it is frozen for the comparison."""
    config = small_config(
        dropout=0.0,
        private_blocks=1,
        shared_bottleneck=False,
        shared_rate=shared_rate,
        stored_stages=cut,
        frozen_epochs=1,
        weighting=weighting,
    )
    model = build_model(config, 3)
    step = build_step(config, model, 3)
    if retained:
        teacher, late, _ = split_at(build_model(config, 3, seeded=False), cut, "shared")
        for own, theirs in zip(split_at(model, cut)[0].layers, teacher.layers):
            theirs.set_weights(own.get_weights())
        whole_teacher = keras.Model(teacher.input, late(teacher.output))
        step.retention = Retention(whole_teacher, 3.0, late=late)
    images = np.random.default_rng(0).normal(size=(6, 80, 80, 3)).astype(np.float32)
    labels = tf.constant([0, 1, 2, 0, 1, 2])
    is_caricature = tf.constant([True, False] * 3)
    trunk = split_at(step.model, cut)[0]
    before_the_cut = {id(v) for v in trunk.trainable_variables}
    for layer in trunk.layers:
        layer.trainable = False
    whole = step.gradients(Batch(tf.constant(images), labels, is_caricature))
    z = trunk(images, training=False)
    parts = step.gradients(Batch(z, labels, is_caricature), frozen=True)
    np.testing.assert_allclose(parts.observed.losses, whole.observed.losses, rtol=1e-4)
    compared = 0
    for variable, a, b in zip(step.theta, parts.theta, whole.theta):
        if id(variable) in before_the_cut:
            assert a is None
            continue
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)
        compared += 1
    assert compared > 20
    # Of the last shared layer, for the strategies that look at it.
    if weighting == "gradnorm":
        np.testing.assert_allclose(parts.norms, whole.norms, rtol=1e-2)
        assert np.all(parts.norms.numpy() > 0)
    if weighting == "aligned":
        np.testing.assert_allclose(parts.observed.gram, whole.observed.gram, rtol=1e-2)
        assert np.all(np.diag(parts.observed.gram) > 0)
    for a, b in zip(parts.psi, whole.psi):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.stacks
def test_shared_layers_begin_as_new_after_frozen_steps():
    """Adam's first step is of the learning rate's length, however long the branches have trained.

    Its moments begin at 0 and are divided by 1 - beta^t: with the branches' t, the shared layers'
    first step would be several times too long.
    """
    config = small_config(epochs=2, frozen_epochs=1, optimizer="adam", clip_norm=0.0)
    model = build_model(config, 3)
    step = build_step(config, model, 3)
    images = np.random.default_rng(0).normal(size=(6, 80, 80, 3)).astype(np.float32)
    rest = tf.constant([0, 1, 2, 0, 1, 2]), tf.constant([True, False] * 3)
    z = split_at_shared(step.model)[0](images, training=False)
    for _ in range(20):
        step.update_branches(Batch(z, *rest))
    shared = [v for v in shared_variables(step.model) if v.trainable]
    before = [v.numpy() for v in shared]
    for optimizer in (step.theta_optimizer, step.shared_optimizer):
        optimizer.learning_rate.assign(1e-3)
    step(Batch(tf.constant(images), *rest))
    lengths = [np.abs(v.numpy() - old).max() for v, old in zip(shared, before)]
    assert max(lengths) == pytest.approx(1e-3, rel=0.01)


@pytest.mark.slow
@pytest.mark.stacks
def test_a_run_that_thaws(prepared, tmp_path):
    """Two frozen epochs leave every shared array as it was; the next moves them; files go."""
    config = small_config(epochs=2, frozen_epochs=2, frozen_views=1, shared_rate=0.1)
    start = {k: v.numpy() for k, v in named_weights(build_model(config, 3)).items()}
    trainer = Trainer(config, prepared, tmp_path / "frozen")
    shared = {layer.name for layer in split_at_shared(trainer.step.model)[0].layers}
    rows = trainer.fit(progress=False)
    assert [row["epoch"] for row in rows] == [2]
    arrays, _ = load_checkpoint(tmp_path / "frozen" / "best")
    moved = {
        name.split("/")[0]
        for name, value in arrays.items()
        if not np.array_equal(value, start[name])
    }
    assert not moved & shared
    assert {"logits_photo", "Bottleneck", "weight_head"} <= moved

    config = small_config(epochs=2, frozen_epochs=1, frozen_views=1, shared_rate=0.1)
    assert not (tmp_path / "frozen" / SHARED_OUTPUTS).exists()
    rows = Trainer(config, prepared, tmp_path / "thawed").fit(progress=False)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert not (tmp_path / "thawed" / SHARED_OUTPUTS).exists()
    arrays, _ = load_checkpoint(Checkpoints(tmp_path / "thawed").paths()[-1])
    assert not np.array_equal(arrays["Conv2d_1a_3x3/kernel"], start["Conv2d_1a_3x3/kernel"])
    assert (
        json.loads((tmp_path / "thawed" / "config.json").read_text())["training"]["frozen_views"]
        == 1
    )


def test_frozen_stages_leave_training_and_their_statistics_alone():
    model = build_network(3, image_size=80, embedding_size=8)
    freeze_stages(model, "block35")
    before = {k: v.numpy() for k, v in named_weights(model).items()}
    trained = {v.name.split("/")[0] for v in model.trainable_variables}
    images = np.random.default_rng(0).normal(2, 3, size=(4, 80, 80, 3)).astype(np.float32)
    model(images, training=True)
    moved = {
        name.split("/")[0]
        for name, value in named_weights(model).items()
        if not np.array_equal(before[name], value)
    }
    fixed = ("Conv2d_", "Block35_")
    assert not any(name.startswith(fixed) for name in trained | moved)
    assert any(name.startswith("Mixed_6a") for name in moved)
    assert "Block17_1_Conv2d_1x1" in {layer.name for layer in model.layers if layer.trainable}


@pytest.mark.slow
def test_a_step_of_a_run_with_a_fixed_stem_leaves_it(prepared):
    config = small_config(frozen_stages="stem", shared_rate=0.5)
    model = build_model(config, 3)
    step = build_step(config, model, 3)
    before = {name: v.numpy() for name, v in named_weights(model).items()}
    masks = []
    batches = training_batches(
        prepared, 8, epoch=0, seed=0, augmentation=Augmentation(), image_size=80
    )
    for batch in itertools.islice(batches, 2):
        step(batch)
        counters = [int(layer.counter) for layer in model.layers if isinstance(layer, Dropout)]
        masks.append(set(counters))
    assert masks == [{0}, {1}]  # every step drops anew
    moved = {n for n, v in named_weights(model).items() if not np.array_equal(before[n], v)}
    assert not any(name.startswith("Conv2d_") for name in moved)
    assert {"Mixed_6a_Branch_1_Conv2d_0a_1x1/kernel", "logits_photo/kernel"} <= moved


@pytest.mark.slow
def test_a_full_disk_while_outputs_are_stored_is_an_error_and_leaves_no_view(prepared, tmp_path):
    """Not the end of the process without a word, as where a file is mapped into memory."""
    _, stored = outputs(prepared, tmp_path / "kept")
    with no_room(1 << 14), pytest.raises(OSError, match="File too large"):
        next(stored.batches(0))
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["made_for.txt"]
    assert next(stored.batches(0)).images.shape[0] == stored.batch_size  # there is room again
