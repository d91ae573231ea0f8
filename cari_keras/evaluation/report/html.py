"""The report: one HTML file with everything in it, and no link to anything outside.

What the page says is gathered here. How it looks is in `report.html.j2`.
"""

from __future__ import annotations

import base64
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.evaluation.drawing import Figure, svg_of
from cari_keras.evaluation.growth import over_folds
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.plots import plot_reliability, plot_weights_and_losses
from cari_keras.evaluation.published import PAPER
from cari_keras.evaluation.report import curves, people
from cari_keras.evaluation.report.explained import EXPLAINED, ExplainedPair, explained_pairs
from cari_keras.evaluation.report.pictures import WrongPair, wrong_pairs
from cari_keras.evaluation.report.worst import People, worst_people
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.evaluation.tables import tables_of
from cari_keras.evaluation.text_table import TextTable
from cari_keras.explaining.picture import LOWERS, RAISES
from cari_keras.history import STEPS_FILE, read_steps
from cari_keras.wording import counted


class Plot(NamedTuple):
    """A figure on the page.

    Attributes:
        svg: The figure.
        caption: Below it, and in its place where it cannot be seen.
    """

    svg: bytes
    caption: str


class WrongPairs(NamedTuple):
    """Pairs that were judged wrongly in the same way.

    Attributes:
        kind: `accepted` or `rejected`, in the heading and as a CSS class.
        where: In the heading: which fold, where there are several.
        pairs: The worst first.
    """

    kind: str
    where: str
    pairs: list[WrongPair]


class Page(NamedTuple):
    """What the template shows. A list that is empty has no heading on the page.

    Attributes:
        title: Of the outcome.
        network: The network's name.
        epoch: Whose weights they are; None for the public weights.
        weights: The beginning of their SHA-256.
        settings: How the network looks at an image.
        tables: All of the outcome's tables.
        verification: The curves and the scores of pairs.
        people: Those whom the network is wrong about most often.
        wrong: Pairs that were judged wrongly.
        explained: What speaks for and against the worst of them.
        most: As many of each kind, at most.
        colors: What lowers the similarity, and what raises it: RGB.
        galleries: The curves of searches in galleries.
        growth: FPIR and FNIR of galleries that grow.
        confusions: Who is taken for whom.
        embeddings: Where the embeddings lie.
        training: The run's weights and losses.
        notes: The outcome's remarks, and what each fold counted.
    """

    title: str
    network: str
    epoch: Optional[int]
    weights: str
    settings: str
    tables: list[TextTable]
    verification: list[Plot]
    people: People
    wrong: list[WrongPairs]
    explained: list[ExplainedPair]
    most: int
    colors: tuple[tuple[int, int, int], tuple[int, int, int]]
    galleries: list[Plot]
    growth: list[Plot]
    confusions: list[Plot]
    embeddings: list[Plot]
    training: list[Plot]
    notes: list[str]


def report_html(outcome: Outcome, *, progress: bool = False) -> str:
    """The whole page. Equal outcomes give equal pages.

    Args:
        outcome: What was found.
        progress: Whether to show how far the explanations of the worst pairs are; nothing else
            takes long.
    """
    matcher = outcome.matcher
    folds = _with_both_kinds_of_pairs(outcome)
    wrong = _wrong(folds, outcome)
    worst = [(one.kind, one.pairs) for one in wrong]
    page = Page(
        title=outcome.title,
        network=matcher.name,
        epoch=matcher.epoch,
        weights=matcher.weights[:16],
        settings=matcher.settings.told(),
        tables=tables_of(outcome),
        verification=_verification(folds),
        people=worst_people(outcome),
        wrong=wrong,
        explained=explained_pairs(matcher, outcome.dataset, worst, progress=progress),
        most=EXPLAINED,
        colors=(LOWERS, RAISES),
        galleries=_galleries(outcome),
        growth=_growth(outcome),
        confusions=_confusions(outcome),
        embeddings=_embeddings(outcome),
        training=_training(outcome),
        notes=_notes(outcome),
    )
    return _rendered(page)


def _rendered(page: Page) -> str:
    # Imported here: only a report needs it.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cari_keras", "evaluation/report"),
        autoescape=True,  # people and files are named by others
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return environment.get_template("report.html.j2").render(page._asdict())


def _plot(figure: Figure, caption: str) -> Plot:
    return Plot(svg_of(figure).encode(), caption)


def _with_both_kinds_of_pairs(outcome: Outcome) -> list[FoldScores]:
    return [fold for fold in outcome.folds if fold.trials is not None and fold.trials.both_kinds]


def _verification(folds: list[FoldScores]) -> list[Plot]:
    if not folds:
        return []
    scores = "Scores of genuine and impostor pairs; dashed: threshold."
    told = {f"fold {fold.name}": fold.reliability for fold in folds if fold.reliability}
    means = (
        "Reliability: the probability that other pairs give these, at a prior of 50 %, and the "
        "share of genuine pairs that was found."
    )
    return [
        _plot(curves.plot_roc(folds), "ROC, on a logarithmic FAR axis."),
        _plot(curves.plot_det(folds), "DET, on normal-deviate axes."),
        _plot(curves.plot_scores(folds), scores),
        *([_plot(plot_reliability(told), means)] if told else []),
    ]


def _wrong(folds: list[FoldScores], outcome: Outcome) -> list[WrongPairs]:
    """Of several folds, the first one's."""
    if not folds:
        return []
    where = "" if len(folds) == 1 else f" (fold {folds[0].name})"
    found = [
        WrongPairs(kind, where, wrong_pairs(folds[0], outcome.dataset, same=same))
        for kind, same in (("accepted", False), ("rejected", True))
    ]
    return [one for one in found if one.pairs]


def _galleries(outcome: Outcome) -> list[Plot]:
    if not any(fold.cmcs for fold in outcome.folds):
        return []
    caption = "CMC: mean over folds, shaded their range." if len(outcome.folds) > 1 else "CMC."
    return [_plot(curves.plot_cmc(outcome.folds), caption)]


def _growth(outcome: Outcome) -> list[Plot]:
    """A half of the people are in the gallery, the others are strangers."""
    growing = over_folds([fold.growth for fold in outcome.folds])
    spread = "mean over folds, shaded their range" if len(outcome.folds) > 1 else "mean over deals"
    return [
        _plot(
            curves.plot_growth(outcome.folds, modality),
            f"{modality.capitalize()}s of people in the gallery (FNIR) and of strangers (FPIR) "
            f"by the gallery's own threshold, {spread}; dotted: the FPIR asked for.",
        )
        for modality in growing
    ]


def _confusions(outcome: Outcome) -> list[Plot]:
    drawn = []
    for where in people.namings(outcome):
        matrix, labels = people.confusions(where.named, where.shown)
        if len(labels):
            title = f"{where.title}: the most confused people"
            names = [where.people[label] for label in labels]
            caption = f"{title}; rows are who is shown, columns who is named."
            drawn.append(_plot(people.plot_confusions(matrix, names, title), caption))
    return drawn


def _embeddings(outcome: Outcome) -> list[Plot]:
    predictions = outcome.predictions
    if "embedding" not in predictions.outputs or len(np.unique(predictions.labels)) < 2:
        return []
    caption = (
        "Two principal components of the embeddings of some people: circles are photos, crosses "
        "caricatures."
    )
    return [_plot(people.plot_map(predictions, outcome.people), caption)]


def _training(outcome: Outcome) -> list[Plot]:
    run = outcome.matcher.run
    if run is None or not (run / STEPS_FILE).is_file():
        return []
    steps = read_steps(run)
    if not len(steps):
        return []
    caption = f"Task weights and losses while training, as in Figure 6 of {PAPER}."
    return [_plot(plot_weights_and_losses({"": steps}), caption)]


def _of_fold(outcome: Outcome, fold: FoldScores) -> str:
    return f"Fold {fold.name}: " if len(outcome.folds) > 1 else ""


def _notes(outcome: Outcome) -> list[str]:
    counts = [
        _of_fold(outcome, fold)
        + ", ".join(counted(n, kind) for kind, n in fold.counts.items())
        + "."
        for fold in outcome.folds
    ]
    return [*outcome.remarks(), *counts]
