"""Figures: what they show, and that they become readable PNG files."""

import cv2
import numpy as np
import pandas as pd
import pytest

from cari_keras.evaluation import drawing, plots
from cari_keras.vocabulary import TASKS


@pytest.fixture
def steps():
    count = 100
    columns = {"iteration": np.arange(count)}
    for k, task in enumerate(TASKS):
        columns[f"loss_{task}"] = np.linspace(4 - k, 1, count)
        columns[f"weight_{task}"] = np.full(count, (0.5, 0.3, 0.2)[k])
    return pd.DataFrame(columns)


def test_weights_above_losses_for_every_task(steps, tmp_path):
    figure = plots.plot_weights_and_losses({"dynamic": steps}, "title")
    upper, lower = figure.axes
    assert [t.get_text() for t in upper.get_legend().get_texts()] == list(TASKS)
    thick = {line.get_label(): line for line in lower.lines if line.get_linewidth() == 2}
    for task in TASKS:
        middle = thick[task].get_ydata()[50]
        assert middle == pytest.approx(steps[f"loss_{task}"][50], abs=0.05)
    drawing.save(figure, tmp_path / "deep" / "a.png")
    image = cv2.imread(str(tmp_path / "deep" / "a.png"))
    assert image.shape[0] > 500
    assert image.std() > 10
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.png"]


def test_a_task_without_weight_is_left_out(steps):
    steps["weight_photo"] = 0.0
    legend = plots.plot_weights_and_losses({"": steps}).axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == list(TASKS[:2])


def test_runs_stand_side_by_side_on_common_axes(steps):
    other = steps.assign(loss_photo=9.0, iteration=2 * steps["iteration"])
    figure = plots.plot_weights_and_losses({"dynamic": steps, "naive": other})
    upper, lower = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title() for axes in upper] == ["dynamic", "naive"]
    assert lower[0].get_ylim() == lower[1].get_ylim()
    assert lower[0].get_ylim()[1] > 9
    assert [axes.get_xlim()[1] > 150 for axes in lower] == [False, True]


def test_many_runs_are_rows_of_four(steps):
    names = [f"run {i}" for i in range(6)]
    figure = plots.plot_weights_and_losses(dict.fromkeys(names, steps))
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == names
    assert len(figure.axes) == 12
    assert [bool(axes.get_ylabel()) for axes in figure.axes] == [
        *[True, False, False, False] * 2,
        *[True, False] * 2,
    ]


def test_validation_is_in_percent():
    metrics = pd.DataFrame({"epoch": [1, 2], "iteration": [5, 10], "v2c": [0.1, 0.4]})
    (line,) = plots.plot_validation(metrics).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [10, 40])
    assert line.get_label() == "V2C"


def test_there_is_no_half_an_epoch():
    metrics = pd.DataFrame({"epoch": [1, 2], "iteration": [5, 10], "v2c": [0.1, 0.4]})
    figure = plots.plot_validation(metrics)
    ticks = figure.axes[0].get_xticks()
    assert (ticks == np.round(ticks)).all()


def test_hardest_task_share(steps):
    assert plots.hardest_task_share(steps) == pytest.approx(1.0, abs=0.02)  # all equal at the end
    swapped = steps.rename(
        columns={"weight_verification": "weight_photo", "weight_photo": "weight_verification"}
    )[list(steps.columns)]
    assert plots.hardest_task_share(swapped) < 0.05
