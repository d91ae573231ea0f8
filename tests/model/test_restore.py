"""A run's network from its folder."""

import json
import shutil

import numpy as np
import pytest

from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.evaluator import Evaluator
from cari_keras.model.network import named_weights
from cari_keras.model.restore import restore_run
from cari_keras.training.trainer import Trainer
from tests.helpers.runs import small_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    Trainer(small_config(epochs=1), prepared, folder).fit(progress=False)
    return folder


def test_it_gives_the_figures_the_run_wrote_down(run, prepared):
    restored = restore_run(run)
    assert restored.config == small_config(epochs=1)
    assert restored.identities == tuple(f"person_{i}" for i in range(3))
    found = Evaluator(restored.model, prepared)()
    assert found == pytest.approx(restored.meta["metrics"], abs=1e-6)


def test_in_another_arithmetic_it_is_the_same_network(run):
    own, other = restore_run(run), restore_run(run, "bfloat16")
    assert "metrics" in own.meta
    assert "metrics" not in other.meta
    assert other.config == own.config.with_values({"precision": "bfloat16"})
    weights = named_weights(other.model)
    for name, value in named_weights(own.model).items():
        np.testing.assert_array_equal(value, weights[name])
    images = np.random.default_rng(0).normal(size=(4, 80, 80, 3)).astype(np.float32)
    one, two = (r.model(images)["embedding"].numpy() for r in (own, other))
    assert one.dtype == two.dtype == np.float32
    assert 0 < np.max(np.linalg.norm(one - two, axis=1)) < 0.1
    with pytest.raises(ConfigError, match=r"precision must be one of float32, bfloat16"):
        restore_run(run, "int8")


def test_what_is_missing_or_does_not_fit_is_named(run, tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere/config\.json: not a run's configuration"):
        restore_run(tmp_path / "nowhere")
    for change, message in (
        (lambda c: c["model"].update(embedding_size=9), "expected"),
        (lambda c: c["model"].update(embedding_size=0), "not a run's configuration"),
        (lambda c: c.update(model=3), "not a run's configuration"),
    ):
        copy = tmp_path / "copy"
        shutil.copytree(run, copy)
        config = json.loads((copy / "config.json").read_text())
        change(config)
        (copy / "config.json").write_text(json.dumps(config))
        with pytest.raises(CheckpointError, match=message):
            restore_run(copy)
        shutil.rmtree(copy)
    assert np.isfinite(restore_run(run).meta["score"])


def test_a_run_that_says_figures_is_read(run, tmp_path):
    """Versions before the word `metrics` wrote that."""
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "best" / "checkpoint.json"
    content = json.loads(path.read_text())
    old = {**content, "figures": content["metrics"]}
    del old["metrics"]
    path.write_text(json.dumps(old))
    assert restore_run(tmp_path / "run").meta["metrics"] == content["metrics"]
    assert "metrics" not in restore_run(tmp_path / "run", "bfloat16").meta
