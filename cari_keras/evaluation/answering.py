"""From standardised images to predictions: the one way, for evaluation and for serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import tensorflow as tf

from cari_keras.config import Config
from cari_keras.evaluation.views import views_of
from cari_keras.model.network import restrict_to_tasks
from cari_keras.stack import keras

#: float32 [N, S, S, 3], standardised -> output's name -> float32 [N, ...].
Answer = Callable[[tf.Tensor], dict[str, tf.Tensor]]


@dataclass(frozen=True)
class AnswerSettings:
    """How a network looks at an image and what it compares: settings of the run, by their names.

    Attributes:
        flip_test: Average the answers to each image and to its mirror image: logits by their mean,
            the embedding by the direction of its mean.
        test_crops: Average likewise the answers to central squares of these sides, see `views_of`.
        view_power: How much more a view counts in the mean embedding whose bottleneck is longer: by
            its length to this power. 0 counts all alike. Views that show a face badly have short
            ones.
        verify_by: `"embedding"`, the paper's; or `"identities"`, which puts branch 1's softmax over
            the K training identities, scaled to unit norm, in the embedding's place (the output
            `compared`): the squared distance of two images is then 2 less twice the cosine of who
            they seem to be. It asks more than the embedding where the faces to verify are of known
            people, as in CaVI's protocol, and is of no use for strangers.
        centre: `"collection"` takes the mean of each modality's embeddings, over the images that
            are evaluated together, off theirs (see `centring`); `"none"` leaves them. No network is
            trained for it, and a single image is not changed.
    """

    flip_test: bool = False
    test_crops: tuple[float, ...] = (1.0,)
    view_power: float = 0.0
    verify_by: str = "embedding"
    centre: str = "none"

    @property
    def views(self) -> int:
        """How many views of an image the network looks at."""
        return len(self.test_crops) * (2 if self.flip_test else 1)

    @staticmethod
    def of(config: Config, changes: Mapping[str, Any] = {}) -> AnswerSettings:
        """A run's own, with some replaced."""
        training = config.training
        names = [item.name for item in fields(AnswerSettings) if item.name != "centre"]
        own = AnswerSettings(**{name: getattr(training, name) for name in names})
        return replace(own, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by the names that results.json, cards of exports and caches know."""
        told = {"flip": self.flip_test, "crops": list(self.test_crops)}
        # Left out where it does nothing: cached predictions go by these values.
        power = {"view_power": self.view_power} if self.view_power else {}
        centre = {"centre": self.centre} if self.centre != "none" else {}
        return {**told, **power, "verify_by": self.verify_by, **centre}

    def told(self) -> str:
        """The same in words."""
        sides = ", ".join(f"{100 * side:g} %" for side in self.test_crops)
        whole = self.test_crops == (1.0,)
        views = "whole images" if whole else f"central squares of {sides} of the side"
        mirrored = " and their mirror images" if self.flip_test else ""
        compared = (
            "embeddings" if self.verify_by == "embedding" else "predictions of the known identities"
        )
        longer = f", of which those of longer features count more (power {self.view_power:g})"
        weighed = longer if self.view_power else ""
        centred = (
            f", less each modality's mean over the {self.centre}" if self.centre != "none" else ""
        )
        return f"looks at {views}{mirrored}{weighed}, compares {compared}{centred}"


#: The image as it is, by its embedding.
PLAIN = AnswerSettings()


def answering(
    model: keras.Model, tasks: Sequence[str], settings: AnswerSettings
) -> tuple[keras.Model, Answer]:
    """A network's predictions for images, without its weight head.

    Args:
        model: From `build_network`.
        tasks: The tasks whose heads answer.
        settings: How; `verify_by` `"identities"` adds the output `compared`.

    Returns:
        The part of the network that is asked, and the function that asks it.
    """
    outputs = dict(restrict_to_tasks(model, tasks).output)
    outputs.pop("weight_logits", None)
    network = keras.Model(model.input, outputs)
    weighed = bool(settings.view_power) and "embedding" in outputs
    asked = network
    if weighed:
        bottleneck = model.get_layer("embedding").input
        asked = keras.Model(model.input, {**outputs, "bottleneck": bottleneck})
    size = model.input.shape[1]

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        views = views_of(
            images,
            flip_test=settings.flip_test,
            test_crops=settings.test_crops,
            image_size=size,
        )
        # In one batch, so that the network is in the graph once, whatever the number of views.
        all_answers = asked(tf.concat(views, axis=0), training=False)
        if weighed:
            bottleneck = tf.cast(all_answers["bottleneck"], tf.float32)
            length = tf.norm(bottleneck, axis=-1, keepdims=True)
            all_answers["embedding"] *= length**settings.view_power
        answers = {name: _mean(all_answers[name], len(views)) for name in outputs}
        if settings.verify_by == "identities" and "embedding" in answers:
            answers["compared"] = tf.nn.softmax(answers["logits_verification"])
        for name in [n for n in ("embedding", "compared") if n in answers]:
            answers[name] = tf.math.l2_normalize(answers[name], axis=-1)
        return answers

    return network, answer


def _mean(values: tf.Tensor, views: int) -> tf.Tensor:
    """[views * N, C], all images of a view together, to the mean over the views, [N, C]."""
    return tf.reduce_mean(tf.reshape(values, [views, -1, values.shape[-1]]), axis=0)
