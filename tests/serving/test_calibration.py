"""Thresholds on pairs: what can be asked for, and what is advised where it cannot."""

import re

import numpy as np
import pytest

from cari_keras.errors import ConfigError
from cari_keras.serving.calibration import Calibration, calibrate


def test_the_default_is_the_most_accurate_threshold():
    """By hand: 0.75, between 0.5 and 1, takes four of five genuine pairs and one impostor pair."""
    genuine, impostors = [0.1, 0.2, 0.4, 0.5, 2.0], [0.3, 1.0, 1.2, 1.4]
    distances, same = np.array(genuine + impostors), np.arange(9) < 5
    assert calibrate(distances, same) == Calibration(0.75, 0.25, 0.8, 4, 5)
    assert 1.0 <= calibrate(distances, same, far=0.5).threshold < 1.2


@pytest.mark.parametrize("impostors", [1, 3, 7, 49, 100, 300, 6007, 1_000_003])
def test_the_advised_far_can_be_asked_for(impostors):
    """Rounded to where it can: 1 / 300 to 0.00334, not to 0.0033."""
    distances = np.linspace(1.0, 3.0, impostors + 1)
    same = np.zeros(impostors + 1, bool)
    same[0] = True
    with pytest.raises(ConfigError, match="cannot be told from 0") as caught:
        calibrate(distances, same, far=0.9 / impostors)
    advised = float(re.search("ask for (.*) or more", str(caught.value)).group(1))
    assert 1 <= advised * impostors < 1.01 or advised == pytest.approx(1 / impostors)
    assert calibrate(distances, same, far=advised).far <= advised
