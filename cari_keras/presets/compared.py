"""The presets that compare weighting strategies, in the paper's separate branches."""

from __future__ import annotations

from cari_keras.config import Config
from cari_keras.presets.recipes import cavi_scratch


def cavi_short() -> Config:
    """CaVI from the public FaceNet weights in a few minutes, to compare settings by.

    The paper's separate branches, two epochs, 128 pixels.

    Command: `cari-compare --preset cavi-short --data-dir DIR --strategies equal naive dynamic`.
    """
    return cavi_scratch().with_values(
        {
            "pretrained": "facenet",
            "depth": "facenet",
            "image_size": 128,
            "batch_size": 32,
            "epochs": 2,
            "evaluate_every": 2,
            "frozen_stages": "stem",
            "shared_rate": 0.1,
            "dropout": 0.3,
            "bn_momentum": 0.98,
        }
    )


def cavi_paper() -> Config:
    """CaVI with the paper's three separate branches and its optimizer, to compare weightings.

    From public weights: the FaceNet depth, 160 pixels, pictures whole, verification by embeddings,
    the paper's batches of 90. Twelve epochs of all layers but the stem, by RMSprop with the
    published code's momentum and epsilon. Dynamic weights, three seeds, on the validation split:
    verification 90.9 ± 0.3 %, photos 93.4 ± 0.1 %, caricatures 76.7 ± 0.2 %, V2C 38.0 ± 2.4 %, C2V
    68.4 ± 2.5 %; 41 minutes of processor time on an Intel Xeon with AMX.

    Command: `scripts/reproduce_table2 --recipe paper --data-dir DIR`.
    """
    return cavi_paper_adam().with_values({"optimizer": "rmsprop", "learning_rate": 0.1})


def cavi_paper_adam() -> Config:
    """The preset `cavi-paper` by Adam in place of RMSprop.

    Dynamic weights, three seeds, on the validation split: verification 91.7 ± 1.3 %, photos 91.5 ±
    0.3 %, caricatures 74.9 ± 0.9 %, V2C 32.2 ± 1.3 %, C2V 45.8 ± 0.9 %; 40 minutes of processor
    time on an Intel Xeon with AMX.

    Command: `scripts/reproduce_table2 --recipe paper-adam --data-dir DIR`.
    """
    return cavi_short().with_values(
        {
            "image_size": 160,
            "batch_size": 90,
            "epochs": 12,
            "evaluate_every": 3,
            "precision": "bfloat16",
        }
    )


def cavi_frozen() -> Config:
    """CaVI from frozen layers, to compare many weightings: a few minutes of one core for each.

    The preset `cavi-paper-adam` at 128 pixels. The branches and the last shared layers train for
    four epochs on stored outputs of all layers before them, which are computed once for each seed.
    Equal weights, three seeds, on the validation split: verification 84.7 ± 1.3 %, photos 74.4 ±
    1.6 %, caricatures 51.0 ± 0.9 %, V2C 16.6 ± 1.4 %, C2V 23.8 ± 1.2 %; four minutes on one core of
    an Intel Xeon with AMX.

    Command: `cari-compare --preset cavi-frozen --data-dir DIR --strategies all --seeds 0 1 2`.
    """
    return cavi_paper_adam().with_values(
        {
            "image_size": 128,
            "epochs": 4,
            "frozen_epochs": 4,
            "stored_stages": "block17",
            "frozen_views": 2,
            "evaluate_every": 4,
        }
    )


def toy() -> Config:
    """The toy example of section 5.3: two tasks on CaVI, so that w1 = 0 and w2 + w3 = 1.

    Command: `cari-compare --preset toy --data-dir DIR --strategies dynamic naive`; its picture is
    the paper's Figure 5.
    """
    return cavi_short().with_values({"tasks": ("caricature", "photo")})
