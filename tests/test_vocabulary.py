"""The words of the field and what they stand for elsewhere name the same things."""

import pytest

from cari_keras import vocabulary
from cari_keras.config import Config
from cari_keras.data.registry import LOADERS
from cari_keras.data.webcaricature.folds import FOLDS_OF
from cari_keras.model.network import DTYPE_POLICIES, LAYERS_UP_TO, REPEATS
from cari_keras.presets import PRESETS


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (vocabulary.DATASETS, LOADERS),
        (vocabulary.PROTOCOLS, FOLDS_OF),
        (vocabulary.DEPTHS, REPEATS),
        (vocabulary.STAGES, LAYERS_UP_TO),
        (vocabulary.PRECISIONS, DTYPE_POLICIES),
    ],
)
def test_every_word_has_a_meaning(words, meaning):
    assert tuple(meaning) == words


def test_every_dataset_has_a_preset_of_its_name():
    for name in vocabulary.DATASETS:
        assert PRESETS[name]().data.dataset == name


def test_defaults_are_words():
    config = Config()
    assert config.data.dataset in vocabulary.DATASETS
    assert config.training.tasks == vocabulary.TASKS
    assert set(vocabulary.MODALITIES) < set(vocabulary.TASKS)


def test_modalities_of_tasks():
    assert vocabulary.modalities_of(["verification"]) == ("photo", "caricature")
    assert vocabulary.modalities_of(["caricature"]) == ("caricature",)
