"""The report: one HTML file with everything in it, and no link to anything outside."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from cari_keras.evaluation.figures import plot_weights_and_losses
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.report import people, plots
from cari_keras.evaluation.report.pictures import WrongPair, wrong_pairs
from cari_keras.evaluation.tables import TextTable, tables_of

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff;
       max-width: 1120px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #dfe3e8; }
p.how, figcaption, .notes { color: #566070; font-size: .88rem; }
table { border-collapse: collapse; margin: .4rem 0 1.2rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
caption { text-align: left; color: #566070; font-size: .88rem; padding-bottom: .3rem; }
th, td { padding: .22rem .8rem .22rem 0; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 1px solid #aab2bd; font-weight: 600; }
tr.ours td { font-weight: 600; background: #eef5fb; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(430px, 1fr)); gap: 1rem; }
figure { margin: 0; }
figure img { max-width: 100%; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); gap: .9rem; }
.pairs img { width: 224px; height: 112px; border: 3px solid #9aa5b1; display: block; }
.pairs.accepted img { border-color: #c81e1e; }
.pairs figcaption { line-height: 1.3; overflow-wrap: anywhere; }
"""


def report_html(outcome: Outcome) -> str:
    """The whole page. Equal outcomes give equal pages."""
    matcher = outcome.matcher
    epoch = "" if matcher.epoch is None else f", best epoch {html.escape(str(matcher.epoch))}"
    views = ", ".join(f"{name} {value}" for name, value in sorted(matcher.views.items()))
    parts = [
        f"<h1>{html.escape(outcome.title)}</h1>",
        f'<p class="how">Network: {html.escape(matcher.name)}{epoch}; '
        f"weights {matcher.weights[:16]}; {html.escape(views)}</p>",
        *(_table(table) for table in tables_of(outcome)),
        *_verification(outcome),
        *_galleries(outcome),
        *_people(outcome),
        *_training(outcome),
        _notes(outcome),
    ]
    title = html.escape(f"cari-evaluate: {outcome.title}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def svg_of(figure: Figure) -> str:
    """A figure as SVG, the same each time."""
    FigureCanvasSVG(figure)
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "cari_keras"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _plot(figure: Figure, caption: str) -> str:
    data = base64.b64encode(svg_of(figure).encode()).decode()
    text = html.escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _plots(drawn: Sequence[str]) -> str:
    return '<div class="plots">' + "\n".join(drawn) + "</div>"


def _table(table: TextTable) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    rows = []
    for cells in table.rows:
        ours = ' class="ours"' if cells[0].startswith("Here, ") else ""
        row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        rows.append(f"<tr{ours}>{row}</tr>")
    return (
        f'<div class="wide"><table><caption>{html.escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _verification(outcome: Outcome) -> list[str]:
    folds = [
        fold
        for fold in outcome.folds
        if fold.trials is not None and fold.trials.same.any() and not fold.trials.same.all()
    ]
    if not folds:
        return []
    drawn = [
        _plot(plots.plot_roc(folds), "ROC, on a logarithmic FAR axis."),
        _plot(plots.plot_det(folds), "DET, on normal-deviate axes."),
        _plot(plots.plot_scores(folds), "Scores of genuine and impostor pairs; dashed: threshold."),
    ]
    found = ["<h2>Verification</h2>", _plots(drawn)]
    first, where = folds[0], "" if len(folds) == 1 else f" (fold {folds[0].name})"
    for kind, same in (("accepted", False), ("rejected", True)):
        pairs = wrong_pairs(first, outcome.dataset, same=same)
        if pairs:
            found.append(f"<h2>False {kind} pairs{where}, the worst first</h2>")
            found.append(f'<div class="pairs {kind}">{"".join(map(_pair, pairs))}</div>')
    return found


def _pair(pair: WrongPair) -> str:
    data = base64.b64encode(pair.jpeg).decode()
    left, right = map(html.escape, pair.people)
    who = left if left == right else f"{left} / {right}"
    paths = html.escape(" and ".join(pair.paths))
    return (
        f'<figure title="{paths}"><img alt="{paths}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{who}<br>{pair.distance:.3f}, threshold {pair.threshold:.3f}</figcaption>"
        "</figure>"
    )


def _galleries(outcome: Outcome) -> list[str]:
    if not any(fold.cmcs for fold in outcome.folds):
        return []
    caption = "CMC: mean over folds, shaded their range." if len(outcome.folds) > 1 else "CMC."
    drawn = [_plot(plots.plot_cmc(outcome.folds), caption)]
    return ["<h2>Identification in a gallery</h2>", _plots(drawn)]


def _people(outcome: Outcome) -> list[str]:
    predictions = outcome.predictions
    drawn = []
    for found_there in people.namings(outcome):
        matrix, labels = people.confusions(found_there.named, found_there.shown)
        if len(labels):
            title = f"{found_there.title}: the most confused people"
            names = [found_there.people[label] for label in labels]
            drawn.append(
                _plot(
                    people.plot_confusions(matrix, names, title),
                    f"{title}; rows are who is shown, columns who is named.",
                )
            )
    found = ["<h2>Who is taken for whom</h2>", _plots(drawn)] if drawn else []
    if "embedding" in predictions.outputs and len(np.unique(predictions.labels)) > 1:
        drawn = [
            _plot(
                people.plot_map(predictions, outcome.people),
                "Two principal components of the "
                "embeddings of some people: circles are photos, crosses caricatures.",
            )
        ]
        found += ["<h2>Where the embeddings lie</h2>", _plots(drawn)]
    return found


def _training(outcome: Outcome) -> list[str]:
    run = outcome.matcher.run
    if run is None or not (run / "steps.csv").is_file():
        return []
    steps = pd.read_csv(run / "steps.csv")
    if not len(steps):
        return []
    caption = "Task weights and losses while training (Figure 6)."
    return ["<h2>Training</h2>", _plots([_plot(plot_weights_and_losses({"": steps}), caption)])]


def _notes(outcome: Outcome) -> str:
    counts = [
        f"Fold {fold.name}: " + ", ".join(f"{n:,} {kind}" for kind, n in fold.counts.items()) + "."
        for fold in outcome.folds
    ]
    items = "".join(f"<li>{html.escape(note)}</li>" for note in (*outcome.remarks(), *counts))
    return f'<h2>Notes</h2><ul class="notes">{items}</ul>'
