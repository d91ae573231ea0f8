"""Costs of strategies: what is timed, and what a file keeps of it."""

import json

import pytest

from cari_keras.comparison import cost
from cari_keras.comparison.cost import Cost, kept_costs, measure_costs
from tests.helpers.runs import small_config


@pytest.mark.slow
@pytest.mark.stacks
def test_a_run_of_frozen_epochs_is_timed_on_stored_outputs(monkeypatch):
    """The whole network's step would be another figure, and takes most of the time."""
    monkeypatch.setattr(cost, "TURNS", (1, 2))
    frozen = {"frozen_epochs": 1, "epochs": 1, "stored_stages": "block17"}
    shapes = []
    step = cost._run

    def noted(take, batch):
        shapes.append(tuple(batch.images.shape[1:]))
        return step(take, batch)

    monkeypatch.setattr(cost, "_run", noted)
    found = dict(measure_costs(small_config(**frozen), ["equal", "gradnorm"], 3))
    assert list(found) == ["equal", "gradnorm"]
    assert found["equal"].ratio == 1.0
    assert all(each.seconds > 0 for each in found.values())
    assert len(set(shapes)) == 1
    assert shapes[0] != (80, 80, 3)
    # With an epoch that is not frozen, steps are of the whole network.
    shapes.clear()
    dict(measure_costs(small_config(**{**frozen, "epochs": 2}), ["equal"], 3))
    assert set(shapes) == {(80, 80, 3)}


def test_what_is_measured_is_kept_at_once_and_not_measured_again(tmp_path, monkeypatch):
    path, asked = tmp_path / "costs.json", []

    def measured(config, strategies, num_identities):
        for name in strategies:
            asked.append(name)
            if name == "famo":
                raise KeyboardInterrupt
            yield name, Cost(0.5, 1.25)

    monkeypatch.setattr(cost, "measure_costs", measured)
    config = small_config(repeatable=False)
    with pytest.raises(KeyboardInterrupt):
        kept_costs(path, config, ["single", "naive", "famo"], 3)
    assert asked == ["equal", "naive", "famo"]
    assert json.loads(path.read_text()) == {"equal": [0.5, 1.25], "naive": [0.5, 1.25]}
    asked.clear()
    assert kept_costs(path, config, ["gls", "naive"], 3) == dict.fromkeys(
        ("equal", "gls", "naive"), Cost(0.5, 1.25)
    )
    assert asked == ["gls"]
