"""Fixed class vectors, and statistics that stay as they were."""

import numpy as np
import pytest

from cari_keras.config import Config
from cari_keras.data.folder import load
from cari_keras.data.pipeline import training_batches
from cari_keras.data.prepare import prepare
from cari_keras.errors import ConfigError
from cari_keras.model.build import build_model
from cari_keras.model.checkpoints import as_arrays
from cari_keras.model.heads import HEAD_1
from cari_keras.model.network import named_weights, split_at
from cari_keras.training.build import build_augmentation, build_step
from cari_keras.training.class_means import with_dense_heads
from cari_keras.training.class_vectors import fix_class_vectors
from cari_keras.vocabulary import TASKS
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.runs import small_config


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Three people, the last one without photos."""
    root = write_folder_dataset(tmp_path_factory.mktemp("people"), images=5)
    for picture in (root / "photo" / "person_2").iterdir():
        picture.unlink()
    where = tmp_path_factory.mktemp("cache")
    return prepare(load(str(root)), 80, cache_dir=where, workers=1, progress=False)


def of_recipe(**values):
    return small_config(
        pretrained="facenet",
        class_vectors="photos",
        margin_scale=20.0,
        keep_statistics=True,
        retain_embedding=10.0,
        **values,
    )


def batches_of(prepared, config, epoch=0):
    augmentation = build_augmentation(config, prepared)
    return training_batches(prepared, 4, epoch=epoch, seed=0, augmentation=augmentation)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [None, "block35", "shared"])
def test_they_are_the_directions_of_the_photos_means(prepared, cut):
    config = of_recipe()
    model = build_model(config, 4)
    batches = list(batches_of(prepared, config))
    given = batches
    if cut:
        trunk = split_at(model, cut)[0]
        given = [batch._replace(images=trunk(batch.images, training=False)) for batch in batches]
    fix_class_vectors(model, given, cut=cut)
    found = np.array(model.get_layer(HEAD_1).kernel).T
    embedding = np.concatenate([model(b.images, training=False)["embedding"] for b in batches])
    labels = np.concatenate([batch.labels for batch in batches])
    drawn = np.concatenate([batch.is_caricature for batch in batches])
    for person in range(3):
        mean = embedding[(labels == person) & (drawn == (person == 2))].mean(axis=0)
        np.testing.assert_allclose(found[person], mean / np.linalg.norm(mean), atol=1e-5)
    # Whoever has no picture at all has a vector of unit length too.
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)


@pytest.mark.slow
def test_a_step_leaves_class_vectors_and_statistics_and_moves_the_rest(prepared):
    config = of_recipe(learning_rate=0.01, warmup=0.0)
    model = build_model(config, 3)
    fix_class_vectors(model, batches_of(prepared, config))
    vectors = np.array(model.get_layer(HEAD_1).kernel)
    step = build_step(config, model, 3)
    assert not any(variable is model.get_layer(HEAD_1).kernel for variable in step.theta)
    before = as_arrays(named_weights(model))
    losses = [step(given).numbers().losses[0] for given in batches_of(prepared, config)]
    assert np.isfinite(losses).all()
    moved = {
        name.rpartition("/")[2]
        for name, value in as_arrays(named_weights(model)).items()
        if not np.array_equal(value, before[name])
    }
    assert moved == {"kernel", "beta", "bias"}
    np.testing.assert_array_equal(model.get_layer(HEAD_1).kernel, vectors)


@pytest.mark.parametrize(
    "values",
    [
        {"class_vectors": "photos"},
        {"keep_statistics": True},
        {"retain_embedding": 1.0},
    ],
)
def test_what_is_held_to_needs_pretrained_weights(values):
    (name,) = values
    with pytest.raises(ConfigError, match=f"{name} .*--pretrained"):
        Config().with_values(values)


def test_class_means_need_a_head_that_is_not_of_fixed_class_vectors():
    both = {"pretrained": "facenet", "class_vectors": "photos", "class_means": 0.5}
    one_head = {"shared_bottleneck": True, "head_decay": 1e-3}
    for values in ({"tasks": ("verification",)}, one_head):
        with pytest.raises(ConfigError, match="leave one of the two out"):
            Config().with_values({**both, **values})
    assert with_dense_heads(Config().with_values(both)) == ("caricature", "photo")
    assert with_dense_heads(Config()) == TASKS
    config = Config().with_values({"pretrained": "facenet", "class_means": 0.5})
    fixed = {"class_vectors": "photos"}
    assert config.with_values(fixed).training.class_means == 0.5
    assert config.with_values(one_head).with_values(fixed).training.class_means == 0


def test_heads_that_are_class_means_alone_answer_without_training():
    values = {"pretrained": "facenet", "class_vectors": "photos", "tasks": ("verification",)}
    config = Config().with_values({**values, "shared_bottleneck": True, "class_means": 1.0})
    assert config.answered_tasks == TASKS
    assert with_dense_heads(config) == ("caricature", "photo")
    # A branch that has layers for itself, which nobody trained, has nothing to say.
    with pytest.raises(ConfigError, match="leave one of the two out"):
        config.with_values({"shared_bottleneck": False})
    assert Config().with_values({"tasks": ("photo",), "class_means": 1.0}).answered_tasks == (
        "photo",
    )
