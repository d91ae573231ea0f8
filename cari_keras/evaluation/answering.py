"""From standardised images to answers: the one way, for evaluation and for serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from cari_keras.evaluation.views import views_of
from cari_keras.model.network import restrict_to_tasks

#: float32 [N, S, S, 3], standardised -> output's name -> float32 [N, ...].
Answer = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def answering(
    model: keras.Model,
    tasks: Sequence[str],
    *,
    flip: bool = False,
    crops: Sequence[float] = (1.0,),
    verify_by: str = "embedding",
) -> tuple[keras.Model, Answer]:
    """What a network answers to images, its weight head left out.

    Args:
        model: From `build_network`.
        tasks: The tasks whose heads answer.
        flip: Average the answers to each image and to its mirror image: logits by their mean, the
            embedding by the direction of its mean.
        crops: Average likewise the answers to central squares of these sides, see `views_of`.
        verify_by: See `Evaluator`; `"identities"` adds the output `compared`.

    Returns:
        The part of the network that is asked, and the function that asks it.
    """
    outputs = dict(restrict_to_tasks(model, tasks).output)
    outputs.pop("weight_logits", None)
    network = keras.Model(model.input, outputs)
    size = model.input.shape[1]

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        views = views_of(images, flip=flip, crops=crops, image_size=size)
        all_answers = [network(view, training=False) for view in views]
        answers = {name: _mean([a[name] for a in all_answers]) for name in outputs}
        if verify_by == "identities" and "embedding" in answers:
            answers["compared"] = tf.nn.softmax(answers["logits_verification"])
        for name in [n for n in ("embedding", "compared") if n in answers]:
            answers[name] = tf.math.l2_normalize(answers[name], axis=-1)
        return answers

    return network, answer


def _mean(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n(list(tensors)) / len(tensors)
