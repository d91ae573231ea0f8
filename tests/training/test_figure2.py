"""The demo has the paper's Figure 2 in it: what one modality teaches is lost on the other."""

import pytest

from cari_keras.data.prepare import prepare
from cari_keras.data.registry import load_dataset
from cari_keras.presets import PRESETS
from cari_keras.training.trainer import Trainer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "own", "other"),
    [
        ("photo", "photo_identification", "v2c"),
        ("caricature", "caricature_identification", "c2v"),
    ],
)
def test_a_network_trained_on_one_modality_fails_on_the_other(task, own, other, tmp_path):
    config = PRESETS["demo"]().with_values(
        {
            "tasks": (task,),
            "demo_identities": 8,
            "demo_images": 30,
            "image_size": 80,
            "batch_size": 16,
            "epochs": 6,
            "private_blocks": 0,
            "shared_bottleneck": True,
        }
    )
    prepared = prepare(load_dataset(config), 80, cache_dir=tmp_path, progress=False)
    last = Trainer(config, prepared, tmp_path / "run").fit(progress=False)[-1]
    assert last[own] > 0.6  # chance is 1/8
    assert last[own] > last[other] + 0.1
