"""An outcome's metrics as tables of text, printed by the command and shown in the report."""

from __future__ import annotations

import math

from cari_keras.evaluation.growth import over_folds
from cari_keras.evaluation.labels import label, percent
from cari_keras.evaluation.open_set import FPIR
from cari_keras.evaluation.outcome import Outcome, OverFolds
from cari_keras.evaluation.published import PAPER, TABLES, Column
from cari_keras.evaluation.robustness import FAR
from cari_keras.evaluation.scoring import FarPoint
from cari_keras.evaluation.text_table import TextTable


def tables_of(outcome: Outcome, *, brief: bool = False) -> list[TextTable]:
    """All of an outcome's tables, the published one first; briefly, without those of ten folds."""
    found = [metrics_table(outcome)]
    if outcome.table:
        found.insert(0, published_table(outcome))
    several = len(outcome.folds) > 1
    if any(fold.points for fold in outcome.folds) and not (several and brief):
        found.append(points_table(outcome))
    if several:
        found.append(folds_table(outcome))
    if not brief and any(fold.growth for fold in outcome.folds):
        found.append(growth_table(outcome))
    if not brief and outcome.groups:
        found.append(groups_table(outcome))
    if outcome.legacy:
        found.append(legacy_table(outcome))
    return found


def number(value: float, percent: bool = True) -> str:
    """A metric in percent with two digits, or as it is with three; `-` where it is undefined."""
    if math.isnan(value):
        return "-"
    return f"{100 * value:.2f}" if percent else f"{value:.3f}"


def spread(summary: OverFolds, percent: bool = True) -> str:
    """`mean ± std` over folds, or the metric alone."""
    text = number(summary.mean, percent)
    return text if summary.std is None else f"{text}±{number(summary.std, percent)}"


def published_table(outcome: Outcome) -> TextTable:
    """The paper's rows and ours."""
    table = TABLES[outcome.table or ""]
    summaries = outcome.summaries()

    def cell(column: Column) -> str:
        if column.metric not in summaries:
            return "-"
        return spread(summaries[column.metric], column.percent)

    rows = [[f"{method} (paper)", *cells] for method, cells in table.rows.items()]
    rows.append([f"Here, {outcome.folds[0].name if len(outcome.folds) == 1 else 'mean'}"])
    rows[-1] += [cell(column) for column in table.columns]
    titles = [column.title for column in table.columns]
    return TextTable(f"{PAPER}, {table.source}, percent, and this evaluation", ["", *titles], rows)


def metrics_table(outcome: Outcome) -> TextTable:
    """Every metric with its spread over folds, or its interval over identities."""
    rows = []
    with_folds = len(outcome.folds) > 1
    beside = [other.summaries() for other in outcome.baselines.values()]
    for name, summary in outcome.summaries().items():
        row = [label(name), number(summary.mean)]
        if with_folds:
            row.append(number(summary.std) if summary.std is not None else "-")
        if name in outcome.intervals:
            interval = outcome.intervals[name]
            row.append(f"{number(interval.low)} to {number(interval.high)}")
        elif not with_folds or outcome.intervals:
            row.append("")
        for other in beside:
            found = other.get(name)
            row += ["-", "-"] if found is None else [spread(found), _ratio(summary, found)]
        rows.append(row)
    columns = ["metric", "value"]
    if with_folds:
        columns.append("std over folds")
    if not with_folds or outcome.intervals:
        columns.append("95% interval over identities")
    for other_name in outcome.baselines:
        columns += [other_name, "ratio"]
    return TextTable(f"{outcome.title}, percent", columns, rows)


def _ratio(summary: OverFolds, other: OverFolds) -> str:
    return f"{summary.mean / other.mean:.2f}" if other.mean > 0 else "-"


def points_table(outcome: Outcome) -> TextTable:
    """Operating points: the FAR achieved and the impostor pairs behind it."""
    rows = [[fold.name, *_point_cells(point)] for fold in outcome.folds for point in fold.points]
    columns = ["fold", "FAR asked", "threshold from", "threshold", "FAR achieved", "TAR"]
    return TextTable("Operating points", [*columns, "impostor pairs", ""], rows)


def _point_cells(point: FarPoint) -> list[str]:
    found = point.point
    return [
        percent(point.far),
        "these pairs" if point.own else "other pairs",
        f"{found.threshold:.4f}",
        "-" if math.isnan(found.far) else f"{100 * found.far:.3f}%",
        "-" if math.isnan(found.tar) else f"{100 * found.tar:.2f}%",
        str(found.impostors),
        "" if point.resolved else f"too few to resolve {percent(point.far)}",
    ]


def folds_table(outcome: Outcome) -> TextTable:
    """Every metric of every fold."""
    summaries = outcome.summaries()
    rows = [
        [fold.name, *(number(summary.folds[k]) for summary in summaries.values())]
        for k, fold in enumerate(outcome.folds)
    ]
    return TextTable("Each fold, percent", ["fold", *map(label, summaries)], rows)


def growth_table(outcome: Outcome) -> TextTable:
    """FPIR and FNIR by the size of the gallery: the mean over the folds."""
    growing = over_folds([fold.growth for fold in outcome.folds])
    rows = [
        [
            modality,
            str(point.people),
            f"{point.threshold:.3f}",
            number(point.fpir),
            "-" if point.fnir is None else number(point.fnir),
            number(point.fpir_fixed),
        ]
        for modality, points in growing.items()
        for point in points
    ]
    columns = ["faces asked about", "people", "threshold", "FPIR", "FNIR"]
    title = f"Galleries that grow, an FPIR of {percent(FPIR)} asked for, percent"
    return TextTable(title, [*columns, "FPIR, threshold of the smallest"], rows)


def groups_table(outcome: Outcome) -> TextTable:
    """Verification by groups of pictures, at one threshold for all of them."""
    rows = [
        [
            " of ".join(filter(None, (score.trait, f"{score.modality}s" * bool(score.modality)))),
            score.group,
            f"{score.images:,}",
            f"{score.genuine:,}",
            f"{score.impostors:,}",
            *map(number, (score.auc, score.tar, score.far)),
        ]
        for score in outcome.groups
    ]
    where = "" if len(outcome.folds) == 1 else f", fold {outcome.folds[0].name}"
    title = (
        f"Groups of pictures{where}, at the threshold of FAR {percent(FAR)} over all pairs, percent"
    )
    columns = ["", "group", "images", "genuine pairs", "impostor pairs", "AUC", "TAR", "FAR"]
    return TextTable(title, columns, rows)


def legacy_table(outcome: Outcome) -> TextTable:
    """The published code's arithmetic."""
    rows = [[label(name), number(value)] for name, value in outcome.legacy.items()]
    title = "LEGACY: the published code's arithmetic, errors included, percent"
    return TextTable(title, ["metric", "value"], rows)
