"""From a configuration to the network, and to the weights that it starts from."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.config import Config
from cari_keras.model.network import build_network, freeze_stages
from cari_keras.model.transfer import describe_transfer, load_source, transfer
from cari_keras.stack import keras


def build_model(
    config: Config, num_identities: int, *, seeded: bool = True, detach_weights: bool = True
) -> keras.Model:
    """The network as a configuration describes it.

    Args:
        config: The settings.
        num_identities: K.
        seeded: Whether the seed decides its random weights, which seeds Python, NumPy and
            TensorFlow as a whole; not for a network that is given others anyway.
        detach_weights: See `build_network`; it matters to training alone.
    """
    if seeded:
        keras.utils.set_random_seed(config.training.seed)
    fixed, of_cosines = config.training.class_vectors != "trained", config.training.head_of_cosines
    # No layer has Python's control flow over tensors. Whoever opens a network waits for its answer,
    # and would wait half a second longer for Keras to look for such control flow.
    build = tf.autograph.experimental.do_not_convert(build_network)
    model: keras.Model = build(
        num_identities,
        image_size=config.data.image_size,
        seed=config.training.seed,
        depth=config.model.depth,
        embedding_size=config.model.embedding_size,
        dropout=config.model.dropout,
        weight_decay=config.model.weight_decay,
        bn_momentum=config.model.bn_momentum,
        private_blocks=config.model.private_blocks,
        shared_bottleneck=config.model.shared_bottleneck,
        head_decay=config.model.head_decay,
        head_features=config.model.head_features,
        precision=config.model.precision,
        detach_weights=detach_weights,
        cosine_scale=config.training.margin_scale if of_cosines else None,
        fixed_head=fixed,
    )
    freeze_stages(model, config.training.frozen_stages)
    return model


def load_pretrained(config: Config, model: keras.Model) -> str:
    """Puts the weights that a run starts from into its network; returns one line about them.

    Raises:
        PretrainedError: They are missing, or do not fit.
    """
    if not config.model.pretrained:
        return ""
    source = load_source(config.model.pretrained)
    return describe_transfer(transfer(model, config.model.depth, source), source)
