"""Configuration: presets, ranges, the round through JSON."""

import json

import pytest

from cari_keras.cli.flags import add_config_flags, asked_config, config_flags, config_values
from cari_keras.cli.parser import Parser
from cari_keras.config import Config
from cari_keras.errors import ConfigError
from cari_keras.presets import PRESETS
from cari_keras.sections import SECTIONS, DataConfig, TrainingConfig
from cari_keras.settings import settings


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_survive_json(name):
    config = PRESETS[name]()
    of = {"pretrain": "folder", "toy": "cavi", "strangers": "cavi"}
    assert config.data.dataset == of.get(name, name.split("-")[0])
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_papers_recipe_by_adam_differs_in_the_optimizer_alone():
    paper = PRESETS["cavi-paper"]()
    assert paper.training.optimizer == "rmsprop"
    by_adam = {"optimizer": "adam", "learning_rate": Config().training.learning_rate}
    assert paper.with_values(by_adam) == PRESETS["cavi-paper-adam"]()


def test_what_is_put_over_a_preset_leaves_it_alone():
    config = PRESETS["cavi-facenet"]()
    before = config.to_dict()
    changed = config.with_values({"epochs": 3, "test_crops": (0.5,), "margin": 0.2})
    assert config.to_dict() == before
    assert changed.training.test_crops == (0.5,)
    assert (changed.training.epochs, changed.training.frozen_epochs) == (3, 1)
    assert changed.training.class_means == 0.0  # which a margin excludes


def test_with_values_changes_only_what_is_named():
    config = Config().with_values({"epochs": 3, "image_size": 96})
    assert (config.training.epochs, config.data.image_size) == (3, 96)
    assert config.with_values({"epochs": Config().training.epochs, "image_size": 160}) == Config()


def test_what_begins_with_nothing_has_nothing_to_hold_on_to():
    config = PRESETS["cavi-facenet"]().with_values({"pretrained": None})
    own = TrainingConfig()
    for name in ("retain", "frozen_stages", "frozen_epochs", "shared_rate"):
        assert getattr(config.training, name) == getattr(own, name)
    kept = PRESETS["cavi-facenet"]().with_values({"pretrained": None, "frozen_epochs": 3})
    assert kept.training.frozen_epochs == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": 0}, ["epochs", "[1, ", "0"]),
        ({"image_size": 79}, ["image_size", "80", "79"]),
        ({"dropout": 1.0}, ["dropout", "1.0"]),
        ({"crop": 0.0}, ["crop", "0.0"]),
        ({"logit_scale": -1.0}, ["logit_scale", "-1.0"]),
        ({"depth": "deep"}, ["depth", "paper", "'deep'"]),
        ({"tasks": ("photo", "photograph")}, ["tasks", "'photograph'"]),
        ({"tasks": ()}, ["tasks", "at least one"]),
        ({"learning_rate": float("nan")}, ["learning_rate", "nan"]),
        ({"nonsense": 1}, ["'nonsense'"]),
        ({"static_weights": (float("nan"), 1.0, 1.0)}, ["static_weights", "nan"]),
        ({"image_size": None}, ["image_size", "int", "None"]),
        ({"seed": 1.5}, ["seed", "int", "1.5"]),
        ({"epochs": True}, ["epochs", "int", "True"]),
        ({"dropout": "much"}, ["dropout", "float", "'much'"]),
        ({"tasks": "photo"}, ["tasks", "a list", "'photo'"]),
        ({"milestones": (5,)}, ["milestones", "--schedule steps"]),
        ({"schedule": "steps"}, ["milestones"]),
    ],
)
def test_bad_values_are_named(values, words):
    with pytest.raises(ConfigError) as caught:
        Config().with_values(values)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words)


def test_none_is_a_value_where_it_is_allowed():
    assert Config().with_values({"logit_scale": None}).training.logit_scale is None
    logit_scale = next(s for s in settings(TrainingConfig) if s.name == "logit_scale")
    assert logit_scale.parse("none") is None
    assert logit_scale.parse("0.5") == 0.5


def test_equal_numbers_stay_and_equal_choices_do_not():
    parser = Parser("program", "Does it.", "")
    add_config_flags(parser)
    numbers = ["--static-weights", "2", "1", "1", "--milestones", "100", "100"]
    assert config_values(parser.parse_args([*numbers, "--tasks", "photo", "photo"])) == {
        "static_weights": (2.0, 1.0, 1.0),
        "milestones": (100, 100),
        "tasks": ("photo",),
    }


def test_settings_know_their_types():
    kinds = {s.name: s.type for s in settings(DataConfig)}
    assert kinds["image_size"] is int
    assert kinds["crop"] is float
    assert kinds["flip"] is bool


def test_every_field_has_help_and_a_unique_name():
    found = [s for section in SECTIONS.values() for s in settings(section)]
    assert all(s.help for s in found)
    assert len({s.name for s in found}) == len(found)


@pytest.mark.parametrize(
    ("flags", "preset"),
    [
        ([], "demo"),
        (["--dataset", "cavi"], "cavi"),
        (["--dataset", "folder"], "folder"),
        (["--dataset", "webcaricature"], "webcaricature"),
        (["--dataset", "cavi", "--pretrained", "none"], "cavi-scratch"),
        (["--dataset", "demo", "--pretrained", "none"], "demo"),
        (["--preset", "cavi-facenet"], "cavi-facenet"),
    ],
)
def test_what_is_typed_decides_the_recipe(flags, preset):
    """Datasets start from the public weights; nothing is what has to be asked for."""
    parser = Parser("program", "Does it.", "")
    add_config_flags(parser)
    assert asked_config(parser.parse_args(flags)) == PRESETS[preset]()


def test_all_settings_as_flags_are_the_settings_again():
    """Whatever preset they are put over, if it has no list of its own."""
    parser = Parser("program", "Does it.", "")
    add_config_flags(parser)
    for name in ("cavi", "cavi-facenet", "cavi-scratch", "toy", "webcaricature"):
        config = PRESETS[name]().with_values({"output": "a b", "final": name == "cavi"})
        given = parser.parse_args(config_flags(config))
        assert asked_config(given) == config, name


def test_what_is_stored_needs_epochs_that_train_on_it():
    with pytest.raises(ConfigError, match="give --frozen-epochs"):
        Config().with_values({"stored_stages": "block35"})
    config = Config().with_values({"epochs": 4, "frozen_epochs": 2, "stored_stages": "block35"})
    assert config.with_values({"epochs": 1}).training.stored_stages == "shared"
    assert config.with_values({"frozen_epochs": 0}).training.stored_stages == "shared"


def test_another_length_keeps_the_share_of_the_frozen_epochs():
    """And of those between validations; what is named stays."""
    half = PRESETS["cavi-facenet"]().with_values({"epochs": 24}).training
    assert (half.frozen_epochs, half.evaluate_every) == (10, 7)
    one = PRESETS["cavi-facenet"]().with_values({"epochs": 1}).training
    assert (one.frozen_epochs, one.evaluate_every) == (0, 1)
    named = PRESETS["cavi-facenet"]().with_values({"epochs": 30, "frozen_epochs": 20}).training
    assert (named.frozen_epochs, named.evaluate_every) == (20, 14)
    assert PRESETS["demo"]().with_values({"epochs": 3}).training.evaluate_every == 1


def test_images_are_not_stored_smaller_than_the_input():
    config = PRESETS["cavi-facenet"]()
    assert config.with_values({"image_size": 256}).data.stored_size == 256
    assert config.with_values({"image_size": 160}).data.stored_size == 224
    assert config.with_values({"image_size": 256, "stored_size": None}).data.stored_size is None
