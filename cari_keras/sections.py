"""The settings of a run in three sections: images, network, training. The one source of flags.

What most people set is marked `usual`, for the first level of `--help`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Optional

from cari_keras.settings import WithPaths, setting
from cari_keras.vocabulary import (
    CLASS_VECTORS,
    CUTS,
    DATASETS,
    DEPTHS,
    DISTRIBUTE,
    FOLDS,
    HEAD_FEATURES,
    HEAD_STARTS,
    OPTIMIZERS,
    PRECISIONS,
    PROTOCOLS,
    SCHEDULES,
    SHARED,
    STAGES,
    STRATEGIES,
    TASKS,
    VERIFY_BY,
)


@dataclass(frozen=True)
class DataConfig(WithPaths):
    """Which images, and how they reach the network."""

    dataset: str = setting("demo", "dataset to train on", DATASETS, usual=True)
    data_dir: Optional[str] = setting(
        None, "the dataset's folder", path=True, metavar="DIR", usual=True
    )
    cache_dir: Optional[str] = setting(
        None,
        "folder that caches prepared datasets (default: the per-user cache)",
        path=True,
        metavar="DIR",
    )
    align: bool = setting(
        False,
        "cut out the faces of raw pictures first, as cari-align --margin 0.2 does",
        usual=True,
    )
    whole_pictures: bool = setting(
        False, "where --align cuts out the faces, train on the whole pictures as well"
    )
    whole_caricatures: bool = setting(
        False,
        "where --align cuts out the faces, train on whole caricatures as well, and judge "
        "caricatures by the whole pictures",
    )
    final: bool = setting(
        False,
        "cavi: train on the validation images too, for a score on the test split; validation "
        "metrics then mean nothing",
    )
    protocol: str = setting("unrestricted", "webcaricature: which protocol", PROTOCOLS)
    fold: str = setting(
        "dev", "webcaricature: dev is view 1, for tuning; 1 to 10 are view 2's folds", FOLDS
    )
    unseen_fold: Optional[str] = setting(
        None,
        "hold out the k-th of K folds of people, as 1/5, to evaluate on people never seen",
        metavar="k/K",
        usual=True,
    )
    unseen_seed: int = setting(0, "seed that deals the people to the unseen folds", metavar="SEED")
    image_size: int = setting(
        160, "side of the network's input in pixels (160 in the paper)", metavar="PIXELS"
    )
    stored_size: Optional[int] = setting(
        None,
        "side of the stored images; a larger one keeps crops sharp (default: the input's)",
        metavar="PIXELS",
    )
    batch_size: int = setting(64, "images per step", metavar="IMAGES")
    flip: bool = setting(True, "mirror half of the training images")
    crop: float = setting(
        0.85, "smallest side of a random crop, as a fraction; 1 turns it off", metavar="SIDE"
    )
    color: float = setting(
        0.2, "largest relative change of channels and saturation; 0 turns it off"
    )
    greyscale: float = setting(
        0.1, "share of training images that lose their colour", metavar="SHARE"
    )
    drawing: float = setting(
        0.0, "share of training images made to look drawn: edges or few tones", metavar="SHARE"
    )
    rotation: float = setting(
        0.0, "largest random rotation in degrees; 0 turns it off", metavar="DEGREES"
    )
    erase: float = setting(
        0.0, "share of training images that lose a random rectangle", metavar="SHARE"
    )
    exaggerate: float = setting(
        0.0,
        "largest exaggeration: how far keypoints move away from those of the mean face, as a share "
        "of their distance; needs keypoints; 0 turns it off",
    )
    demo_identities: int = setting(20, "demo: number of people", metavar="PEOPLE")
    demo_images: int = setting(
        30, "demo: photos, and as many caricatures, of each person", metavar="IMAGES"
    )

    @property
    def prepared_size(self) -> int:
        """Side of the images that are stored."""
        return self.stored_size or self.image_size


@dataclass(frozen=True)
class ModelConfig(WithPaths):
    """The network; see `cari_keras.model.network.build_network`."""

    depth: str = setting("paper", "repeats of the blocks: 1/1/1 or 5/10/5", DEPTHS)
    embedding_size: int = setting(128, "width of the bottleneck", metavar="WIDTH")
    dropout: float = setting(0.5, "probability of dropping a pooled feature", metavar="SHARE")
    weight_decay: float = setting(
        5e-5, "times the sum of the squared kernels (TF-slim's number is twice this)"
    )
    bn_momentum: float = setting(0.995, "decay of BatchNorm's moving statistics")
    private_blocks: Optional[int] = setting(
        None,
        "number of last block8s that each branch has to itself (default: all)",
        metavar="BLOCKS",
    )
    shared_bottleneck: bool = setting(
        False, "the three heads read one bottleneck; no branch has blocks of its own"
    )
    head_decay: Optional[float] = setting(
        None,
        "heads 2 and 3 are head 1 plus a part of their own with this L2 coefficient; 'none' = "
        "separate heads",
    )
    head_features: str = setting(
        "bottleneck",
        "what heads 2 and 3 read: the bottleneck, or the pooled features before it, "
        "which say more about known people",
        HEAD_FEATURES,
    )
    precision: str = setting("float32", "arithmetic of the network", PRECISIONS)
    pretrained: Optional[str] = setting(
        None,
        "trained weights to start from: facenet (the public ones), a run folder or a "
        "file; 'none' = no weights, and without --preset the settings of cavi-scratch",
        path=True,
        metavar="WEIGHTS",
        usual=True,
    )


@dataclass(frozen=True)
class TrainingConfig(WithPaths):
    """The loop, the losses, the optimizers."""

    epochs: int = setting(10, "passes over the training images", metavar="EPOCHS", usual=True)
    seed: int = setting(
        0,
        "seed of weights, order, augmentation and splits",
        metavar="SEED",
        usual=True,
    )
    repeatable: bool = setting(
        True, "equal runs for equal seeds, to the last bit; costs about a tenth of the speed"
    )
    tasks: tuple[str, ...] = setting(TASKS, "tasks to train", TASKS, usual=True)
    weighting: str = setting("dynamic", "how the losses are weighted", STRATEGIES)
    static_weights: tuple[float, ...] = setting(
        (),
        "for --weighting static: the weights of verification, caricature and photo",
        metavar="WEIGHT",
    )
    logit_scale: Optional[float] = setting(
        1.0,
        "bound of the task weights: scale of the normalised weight logits; 'none' = unbounded",
        metavar="SCALE",
    )
    loss_epsilon: float = setting(0.01, "added to the losses in L4 = sum of w / (L + epsilon)")
    center_weight: float = setting(0.1, "beta: share of the center loss in L1")
    center_rate: float = setting(0.5, "alpha: how fast class centers move")
    label_smoothing: float = setting(
        0.0, "share of each target to spread over all classes", metavar="SHARE"
    )
    margin: float = setting(
        0.0, "additive angular margin of branch 1's head in radians; 0 = none", metavar="RADIANS"
    )
    margin_scale: float = setting(
        30.0,
        "scale of the cosines where there is a margin, or class vectors are fixed",
        metavar="SCALE",
    )
    class_vectors: str = setting(
        "trained",
        "branch 1's head: trained; or photos, which are fixed: the mean pretrained "
        "embedding of each person's photos, towards which training draws the caricatures",
        CLASS_VECTORS,
    )
    keep_statistics: bool = setting(
        False, "BatchNorm keeps the statistics that the network began with; no dropout"
    )
    optimizer: str = setting("adam", "optimizer of both parameter sets", OPTIMIZERS)
    momentum: float = setting(0.9, "rmsprop: momentum (the published code: 0.9)")
    learning_rate: float = setting(
        1e-3, "learning rate of the network, after the warm-up", metavar="RATE"
    )
    shared_rate: float = setting(
        1.0,
        "learning rate of the shared layers relative to the branches'; each has its clipping",
        metavar="FACTOR",
    )
    retain: float = setting(
        0.0,
        "how strongly photos' features are held to the pretrained network's, while the "
        "shared layers are trained",
    )
    retain_embedding: float = setting(
        0.0, "how strongly photos' embeddings are held to the pretrained network's"
    )
    weight_learning_rate: float = setting(1e-3, "learning rate of the weight head", metavar="RATE")
    schedule: str = setting("cosine", "learning rate after the warm-up", SCHEDULES)
    milestones: tuple[int, ...] = setting(
        (),
        "steps schedule: iterations at which the learning rate is divided by ten",
        metavar="STEP",
    )
    warmup: float = setting(
        0.05, "share of all steps over which the learning rate rises from 0", metavar="SHARE"
    )
    clip_norm: float = setting(5.0, "largest global norm of a gradient; 0 turns clipping off")
    average_decay: float = setting(
        0.99, "decay of the weights' moving average, which is evaluated in their place; 0 = none"
    )
    class_means: float = setting(
        0.0,
        "share of each trained head's logits to replace by logits of the class means, "
        "which a pass over the training images computes before each validation; training "
        "is the same; 0 = none",
    )
    head_start: str = setting(
        "random",
        "how dense heads begin: random, or as the class means of the pretrained "
        "network's features of the training images",
        HEAD_STARTS,
    )
    flip_test: bool = setting(
        False, "evaluate the mean of the predictions for each image and its mirror image"
    )
    test_crops: tuple[float, ...] = setting(
        (1.0,),
        "evaluate the mean over central squares of these sides, as fractions of the image",
        metavar="SIDE",
    )
    view_power: float = setting(
        0.0,
        "weight of a view in the mean embedding: the length of its bottleneck to this power; 0 = "
        "all views alike",
    )
    verify_by: str = setting(
        "embedding",
        "what verification compares: embeddings, or branch 1's predictions of the known identities",
        VERIFY_BY,
    )
    evaluate_every: int = setting(
        1,
        "epochs from one validation to the next, counted from the last frozen one",
        metavar="EPOCHS",
    )
    frozen_epochs: int = setting(
        0,
        "number of first epochs in which the layers up to stored_stages do not change; later "
        "layers are trained on stored outputs of these",
        metavar="EPOCHS",
    )
    stored_stages: str = setting(
        SHARED,
        "stage up to which the frozen epochs store outputs; they train all later layers. "
        "shared: all shared layers, so that only the branches are trained",
        CUTS,
    )
    frozen_views: int = setting(
        4, "augmented versions of each image to store for the frozen epochs", metavar="VIEWS"
    )
    frozen_dir: Optional[str] = setting(
        None,
        "folder in which runs, one at a time, share the stored outputs that they have in common, "
        "and leave them (default: in the run's folder, until the frozen epochs end)",
        path=True,
        metavar="DIR",
    )
    frozen_stages: str = setting(
        "nothing",
        "last of the first stages that are never trained",
        STAGES,
    )
    distribute: str = setting(
        "none",
        "mirrored: on all GPUs of this machine; multiworker: on the machines of TF_CONFIG",
        DISTRIBUTE,
    )
    output: Optional[str] = setting(
        None,
        "the run's folder, in which the same command resumes the run (default: a new one in runs/)",
        path=True,
        metavar="DIR",
        usual=True,
    )
    keep_checkpoints: bool = setting(
        False,
        "keep the last three checkpoints of a finished run; otherwise only its best and its last "
        "weights stay",
    )
    workers: Optional[int] = setting(
        None, "processes that prepare images (default: all cores)", metavar="PROCESSES"
    )

    @property
    def head_of_cosines(self) -> bool:
        """Whether branch 1's head compares directions, see `build_network`'s `cosine_scale`."""
        return self.margin > 0 or self.class_vectors != "trained"


SECTIONS: dict[str, Any] = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}

#: Section -> names of its fields.
FIELDS = {name: [f.name for f in dataclasses.fields(cls)] for name, cls in SECTIONS.items()}
