"""The multi-task network of the paper's Figure 4 and Table 1, as one functional Keras model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Optional

from cari_keras.errors import ConfigError
from cari_keras.model import blocks
from cari_keras.model.dropout import Dropout
from cari_keras.model.heads import Heads
from cari_keras.process import check_not_forked
from cari_keras.stack import keras, plain_settings
from cari_keras.vocabulary import HEAD_FEATURES, SHARED, TASKS, check_word

#: Depth -> repeats of block35, block17 and block8 (the last block8, of scale 1, comes on top).
REPEATS = {"paper": (1, 1, 1), "facenet": (5, 10, 5)}

#: Layers whose parameters are Psi, the dynamic weights learning module; all others are Theta.
WEIGHT_HEAD = "weight_head"

#: Stage -> the beginnings of the names of the layers up to its end.
LAYERS_UP_TO: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "stem": ("Conv2d_",),
    "block35": ("Conv2d_", "Block35_"),
    "block17": ("Conv2d_", "Block35_", "Mixed_6a", "Block17_"),
}

#: Stage -> a layer that reads its output and nothing else.
_BEHIND = {
    "stem": "Block35_1_Branch_0_Conv2d_1x1",
    "block35": "Mixed_6a_Branch_0_Conv2d_1a_3x3",
    "block17": "Mixed_7a_Branch_0_Conv2d_0a_1x1",
}

#: Precision -> Keras' policy of it.
DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}

MIN_IMAGE_SIZE = 80


@plain_settings()  # initial class vectors of unit length
def build_network(
    num_identities: int,
    *,
    depth: str = "paper",
    image_size: int = 160,
    embedding_size: int = 128,
    dropout: float = 0.5,
    weight_decay: float = 5e-5,
    bn_momentum: float = 0.995,
    private_blocks: Optional[int] = None,
    shared_bottleneck: bool = False,
    head_decay: Optional[float] = None,
    head_features: str = "bottleneck",
    precision: str = "float32",
    cosine_scale: Optional[float] = None,
    fixed_head: bool = False,
    detach_weights: bool = True,
    seed: int = 0,
) -> keras.Model:
    """Builds the network.

    Args:
        num_identities: Number of classes K of each of the three identification heads.
        depth: `"paper"` (each block once, Table 1) or `"facenet"` (5, 10, 5: the public FaceNet).
        image_size: Side of the square input in pixels; the paper's is 160, the least is 80.
        embedding_size: Width d of the bottleneck.
        dropout: Probability of dropping a pooled feature, 0 <= dropout < 1 (section 5.2: 0.5).
        weight_decay: L2 coefficient on all convolution and dense kernels of Theta (5e-5). The
            weight head has none: Psi is moved by L4 alone.
        bn_momentum: Decay of the moving statistics of BatchNorm.
        private_blocks: How many of the last block8s each branch has for itself; the others are
            shared. None keeps all of them private, as in the paper; 0 shares all.
        shared_bottleneck: Give the three heads one bottleneck, so that each reads the embedding
            that branch 1 shapes on both modalities; there can then be no private blocks.
        head_decay: None gives every branch a head of its own, as in the paper. A number makes the
            heads of branches 2 and 3 the sum of branch 1's, which sees both modalities, and a part
            of their own that starts at zero and has this L2 coefficient: tasks regularised towards
            a common one (Evgeniou and Pontil, 2004). The branches must then share a bottleneck.
        head_features: `"bottleneck"`, as in the paper; or `"pooled"`: the heads of branches 2 and 3
            read the 1,792 pooled features before their bottleneck, which tell more of known people
            than the d that serve strangers. There is then no `head_decay`.
        precision: `"float32"`, or `"bfloat16"` for mixed precision (variables, embeddings, logits
            and whatever follows from them stay float32).
        fixed_head: Whether the class vectors of a head of cosines are never trained.
        cosine_scale: None gives branch 1 the paper's head, dense on the bottleneck. A number s
            makes its logits s times the cosine between the embedding and each class's unit vector,
            as heads with a margin need (ArcFace, Deng et al., 2019).
        detach_weights: Whether the weight head sees Z as a constant, so that no loss reaches the
            shared layers through the task weights (section 4: Psi alone descends L4).
        seed: Seeds the dropout masks. The initial weights follow the global seed, see
            `keras.utils.set_random_seed`.

    Returns:
        A functional model from `image`, float32 [N, image_size, image_size, 3], each image
        standardised to zero mean and unit variance, to a dict of float32 tensors:

        - `embedding` [N, d], unit L2 norm: branch 1's bottleneck;
        - `logits_verification`, `logits_caricature`, `logits_photo` [N, K]: the branches' heads;
        - `weight_logits` [N, 3]: equation 11, in the order of `TASKS`.

    Raises:
        ConfigError: An argument is out of its range; or this process was forked from one in which
            TensorFlow had started.
    """
    check_not_forked()
    check_word("depth", depth, tuple(REPEATS))
    check_word("precision", precision, tuple(DTYPE_POLICIES))
    check_word("head_features", head_features, HEAD_FEATURES)
    if num_identities < 2:
        raise ConfigError(f"num_identities must be at least 2. Received: {num_identities}")
    if image_size < MIN_IMAGE_SIZE:
        raise ConfigError(f"image_size must be at least {MIN_IMAGE_SIZE}. Received: {image_size}")
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout must be in [0, 1). Received: {dropout}")
    blocks35, blocks17, blocks8 = REPEATS[depth]
    total8 = blocks8 + 1
    private = private_blocks
    if private is None:
        private = 0 if shared_bottleneck else total8
    if shared_bottleneck and private:
        raise ConfigError(
            f"private_blocks must be 0 with shared_bottleneck. Received: {private_blocks}"
        )
    if head_decay is not None and not shared_bottleneck:
        raise ConfigError(f"head_decay needs shared_bottleneck. Received: {head_decay}")
    if head_decay is not None and head_features != "bottleneck":
        raise ConfigError(f"head_decay needs heads on the bottleneck. Received: {head_features!r}")
    if not 0 <= private <= total8:
        raise ConfigError(
            f"private_blocks must be between 0 and {total8} for depth {depth}. Received: {private}"
        )
    dtype = DTYPE_POLICIES[precision]
    shared = blocks.Layers(dtype=dtype, weight_decay=weight_decay, bn_momentum=bn_momentum)

    image = keras.Input((image_size, image_size, 3), dtype="float32", name="image")
    x = blocks.stem(shared, image)
    for i in range(blocks35):
        x = blocks.block35(shared, x, i + 1)
    x = blocks.reduction_a(shared, x)
    for i in range(blocks17):
        x = blocks.block17(shared, x, i + 1)
    x = blocks.reduction_b(shared, x)
    x = _blocks8(shared, x, 0, total8 - private, total8)

    outputs: dict[str, Any] = {}
    heads = Heads(
        num_identities,
        shared.regularizer(),
        cosine_scale=cosine_scale,
        fixed=fixed_head,
        head_decay=head_decay,
    )
    common: dict[str, Any] = {}
    if shared_bottleneck:
        common["pooled"] = _pooled(shared, x, dropout, seed)
        common["bottleneck"] = _bottleneck(shared, common["pooled"], embedding_size)
    for position, task in enumerate(TASKS):
        features = common
        if not shared_bottleneck:
            layers = blocks.Layers(dtype, weight_decay, bn_momentum, prefix=f"{task}_")
            own = _blocks8(layers, x, total8 - private, total8, total8)
            features = {"pooled": _pooled(layers, own, dropout, seed + position)}
            if task == "verification" or head_features == "bottleneck":
                features["bottleneck"] = _bottleneck(layers, features["pooled"], embedding_size)
        if task == "verification":
            bottleneck = features["bottleneck"]
            outputs["embedding"] = keras.layers.UnitNormalization(
                dtype="float32", name="embedding"
            )(bottleneck)
            logits = heads.first(bottleneck, outputs["embedding"])
        else:
            logits = heads.other(task, features[head_features], outputs["logits_verification"])
        outputs[f"logits_{task}"] = logits
    outputs["weight_logits"] = _weight_head(shared, x, detach_weights)
    return keras.Model(image, outputs, name=f"cari_{depth}")


def _blocks8(layers: blocks.Layers, x: Any, first: int, stop: int, total: int) -> Any:
    """Block8s number first + 1 to stop of `total`; the last of all has scale 1 and no ReLU."""
    for i in range(first, stop):
        last = i == total - 1
        x = blocks.block8(layers, x, i + 1, scale=1.0 if last else 0.20, relu=not last)
    return x


def _pooled(layers: blocks.Layers, x: Any, dropout: float, seed: int) -> Any:
    """[N, 3, 3, 1792] to the pooled features [N, 1792], with dropout."""
    prefix = layers.prefix
    x = keras.layers.GlobalAveragePooling2D(
        data_format=blocks.CHANNELS, dtype=layers.dtype, name=f"{prefix}AvgPool"
    )(x)
    return Dropout(dropout, seed, dtype=layers.dtype, name=f"{prefix}Dropout")(x)


def _bottleneck(layers: blocks.Layers, pooled: Any, size: int) -> Any:
    """[N, 1792] to the bottleneck's [N, size]: dense, BatchNorm."""
    x = keras.layers.Dense(
        size,
        use_bias=False,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=layers.regularizer(),
        dtype=layers.dtype,
        name=f"{layers.prefix}Bottleneck",
    )(pooled)
    return layers.batch_norm(x, "Bottleneck")


def _weight_head(layers: blocks.Layers, z: Any, detach: bool) -> Any:
    """Equation 11: one linear map of the flattened end Z of the shared layers, without ReLU."""
    if detach:
        z = blocks.StopGradient(dtype=layers.dtype, name=f"{WEIGHT_HEAD}_stop")(z)
    flat = keras.layers.Flatten(
        data_format=blocks.CHANNELS, dtype="float32", name=f"{WEIGHT_HEAD}_flatten"
    )(z)
    return keras.layers.Dense(3, dtype="float32", name=WEIGHT_HEAD)(flat)


def restrict_to_tasks(model: keras.Model, tasks: Sequence[str]) -> keras.Model:
    """The part of the network that some tasks need: shared layers, their branches, weight head.

    The layers are the same objects. `embedding` is kept with the verification task. The model
    itself is returned where all tasks are named.
    """
    if set(tasks) >= set(TASKS):
        return model
    kept = {f"logits_{task}" for task in tasks} | {"weight_logits"}
    if "verification" in tasks:
        kept.add("embedding")
    outputs = {name: tensor for name, tensor in model.output.items() if name in kept}
    return keras.Model(model.input, outputs, name=model.name)


def split_at(model: keras.Model, *cuts: str) -> list[keras.Model]:
    """The network cut into parts, each of which takes what the part before it gives.

    Args:
        model: From `build_network` or `restrict_to_tasks`.
        cuts: Of `vocabulary.CUTS`, in their order; `"shared"` is the end Z of the shared layers.

    Returns:
        One part more than there are cuts; the layers are the same objects. The first takes images,
        the last gives all of the network's outputs.
    """
    ends = [model.input, *(_end_of(model, cut) for cut in cuts), model.output]
    return [keras.Model(start, end) for start, end in itertools.pairwise(ends)]


def split_at_shared(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The network cut at the end Z of the shared layers, as (shared layers, branches)."""
    shared, branches = split_at(model, SHARED)
    return shared, branches


def _end_of(model: keras.Model, cut: str) -> Any:
    """The symbolic tensor at which the network is cut."""
    if cut != SHARED:
        return model.get_layer(_BEHIND[cut]).input
    names = {layer.name for layer in model.layers}
    stop = f"{WEIGHT_HEAD}_stop"
    return model.get_layer(stop if stop in names else f"{WEIGHT_HEAD}_flatten").input


def freeze_stages(model: keras.Model, last: str) -> None:
    """Takes the first stages of the network out of training, up to and including `last`.

    Their kernels, and their BatchNorm layers' statistics, then stay as they are: Keras runs a
    BatchNorm layer that is not trainable on its moving statistics.

    Args:
        model: From `build_network`.
        last: One of `vocabulary.STAGES`.
    """
    for layer in model.layers:
        if layer.name.startswith(LAYERS_UP_TO[last]):
            layer.trainable = False


def split_variables(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """The model's trainable variables as (Theta, Psi); they are disjoint and complete."""
    psi = list(model.get_layer(WEIGHT_HEAD).trainable_variables)
    own = {id(variable) for variable in psi}
    theta = [variable for variable in model.trainable_variables if id(variable) not in own]
    return theta, psi


def shared_variables(model: keras.Model) -> list[Any]:
    """The trainable variables of the shared layers, those up to Z; a part of Theta.

    A bottleneck that the branches share lies behind Z and is not one of them.
    """
    own = ("logits_", WEIGHT_HEAD, "Bottleneck", *(f"{task}_" for task in TASKS))
    return [
        variable
        for layer in model.layers
        if not layer.name.startswith(own)
        for variable in layer.trainable_variables
    ]


def named_weights(model: keras.Model) -> dict[str, Any]:
    """All variables by `layer/weight`, a name that is the same on Keras 2 and Keras 3."""
    return {
        f"{layer.name}/{weight.name.split('/')[-1].split(':')[0]}": weight
        for layer in model.layers
        for weight in layer.weights
    }
