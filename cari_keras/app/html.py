"""What the page says, as HTML that browsers read aloud: verdicts, people, faces, errors."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from cari_keras.app.desk import Near, Who
from cari_keras.evaluation.probability import ProbabilityCurve
from cari_keras.serving.about import ModelCard
from cari_keras.serving.answers import Verification
from cari_keras.serving.calibration import LARGEST
from cari_keras.wording import likely

#: The scale of distances ends here, or where the distance does: hardly a pair is farther apart.
_SCALE = 2.0

#: The colours of one person and of two people. The bar changes from the first to the second between
#: the first and the last of the probabilities that it marks.
_GOOD, _BAD = "#1a7f4b", "#c4501b"
_SHARES = (0.95, 0.5, 0.05)

#: Margins and length of the bar, and the least distance of two labels. The words stay readable
#: where a telephone shows the scale 270 pixels wide.
_LEFT, _LONG, _APART = 20, 280, 32

#: Nothing has been asked yet.
NOTHING = '<div role="status"></div>'

#: Colours with enough contrast on light and on dark pages; the words say the same.
STYLE = """
.answer { border-left: 5px solid var(--border-color-primary); padding: 4px 14px; }
.answer.good { border-color: #1a7f4b; } .answer.bad { border-color: #c4501b; }
.answer.error { border-color: #b3261e; }
.answer h3 { margin: 2px 0 6px; font-size: 1.3em; }
.answer table { border-collapse: collapse; } .answer td { padding: 3px 12px 3px 0; }
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 12px;
  padding: 0 !important; margin: 0; list-style: none; }
.faces li { max-width: 150px; padding: 0; margin: 0; overflow-wrap: anywhere; font-size: 0.9em; }
.faces li a { margin: 0; padding: 0; }
.faces img, .answer td img { width: 100%; max-width: 150px; border-radius: 4px; }
.answer td img { max-width: 72px; }
"""


def error(text: str) -> str:
    """Why there is no answer."""
    return f'<div role="alert" class="answer error"><b>No answer:</b> {_safe(text)}</div>'


def verdict(found: Verification, curve: Optional[ProbabilityCurve] = None) -> str:
    """Whether two faces are one person's, how sure that is, and by which rule.

    Args:
        found: The answer.
        curve: From distances to probabilities, for the scale; None where it is not known.
    """
    kind = {True: " good", False: " bad", None: ""}[found.same]
    lines = [f"<h3>{_safe(found.verdict.capitalize())}</h3>"]
    if found.probability is not None:
        lines.append(
            f"<p>Probability of one person: <b>{likely(found.probability)}</b>, if "
            "half of all pairs that you ask about show one person.</p>"
        )
    lines.append(_scale(found.distance, found.threshold, curve))
    if found.why is not None:
        lines.append(f"<p>The network does not decide: {_safe(found.why)}.</p>")
    else:
        lines.append(
            f"<p>The rule: one person up to a squared distance of {found.threshold:.3f} of the two "
            f"{_safe(found.by)}s. By this rule {100 * found.far:.2g} % of pairs of two different "
            f"people are taken for one person (FAR), measured on {_safe(found.measured_on)}.</p>"
        )
    return f'<div role="status" class="answer{kind}">{"".join(lines)}</div>'


def people(found: Who) -> str:
    """Who a face shows: the best five, or that it is nobody known."""
    title = "Nobody known here" if found.known is False else found.people[0].name
    nearest = "<p>The nearest people:</p>" if found.known is False else ""
    rows = "".join(
        f"<tr><td>{_picture(one.picture, one.name)}</td><td>{_safe(one.name)}</td>"
        f"<td>{_safe(one.told)}</td></tr>"
        for one in found.people
    )
    rate = f"<p>{_safe(found.rate)}.</p>" if found.rate else ""
    kind = {True: " good", False: " bad", None: ""}[found.known]
    return (
        f'<div role="status" class="answer{kind}"><h3>{_safe(title)}</h3>{nearest}'
        f"<table>{rows}</table>{rate}</div>"
    )


def faces(found: Sequence[Near]) -> str:
    """The nearest faces of a gallery as a sheet, with the files they are from."""
    if not found:
        return (
            '<div role="status" class="answer"><h3>The gallery has no face of this '
            "modality</h3></div>"
        )
    items = "".join(
        f"<li>{_picture(one.picture, one.row.identity or 'a face')}"
        f"<b>{_safe(one.row.identity or 'no name')}</b><br>{one.row.modality}, distance "
        f'{one.distance:.3f}<br><a href="{_link(one.row.path)}" target="_blank" rel="noopener">'
        f"{_safe(Path(one.row.path).name)}</a></li>"
        for one in found
    )
    return (
        '<div role="status" class="answer"><h3>Nearest first</h3>'
        f'<ul class="faces">{items}</ul></div>'
    )


def footer(card: ModelCard) -> str:
    """The network's card."""
    rows = "".join(
        f"<tr><td><b>{_safe(heading)}</b></td><td>{_safe(told)}</td></tr>"
        for heading, told in card.facts.items()
    )
    return (
        f"<details><summary>The network: {_safe(Path(card.title).name)}"
        f"</summary><table>{rows}</table></details>"
        "<p>Uploaded pictures stay on this machine, for an hour at most. A verdict "
        "on drawings is a measurement with an error rate, not a proof.</p>"
    )


def _scale(distance: float, threshold: float, curve: Optional[ProbabilityCurve]) -> str:
    """Where a distance lies between those of genuine pairs and those of impostor pairs."""
    found = {} if curve is None else {share: curve.distance(share) for share in _SHARES}
    turns = [found.get(share, threshold) for share in (_SHARES[0], _SHARES[-1])]
    marks = {share: value for share, value in found.items() if 0 <= value <= LARGEST}
    end = max(_SCALE, distance, threshold, *marks.values())

    def place(value: float) -> float:
        return _LEFT + _LONG * value / end

    at, limit = place(distance), place(threshold)
    told = (
        f"Squared distance {distance:.3f} on a scale from 0 to {end:.1f}; the threshold "
        f"is {threshold:.3f}, pairs below it count as one person"
    )
    ticks, free = "", 0.0  # from where on there is room for a label
    if marks and place(min(marks.values())) > _LEFT + 80:
        ticks = f'<text x="{_LEFT}" y="57">probability</text>'
    for share, value in marks.items():
        x = place(value)
        ticks += f'<path d="M{x:.1f} 40 v5" stroke="currentColor"/>'
        if x >= free:
            ticks += f'<text x="{x:.1f}" y="57" text-anchor="middle">{100 * share:.0f} %</text>'
            free = x + _APART
    if marks:
        told += "; the probability of one person is " + ", ".join(
            f"{100 * share:.0f} % at {value:.2f}" for share, value in marks.items()
        )
    colors = "".join(
        f'<stop offset="{min(max(value / end, 0), 1):.3f}" stop-color="{color}"/>'
        for value, color in zip(turns, (_GOOD, _BAD))
    )
    return (
        f'<svg role="img" aria-label="{told}" viewBox="0 0 {_LONG + 2 * _LEFT} 100" width="100%" '
        'style="max-width:480px" fill="currentColor" font-size="12">'
        f'<defs><linearGradient id="scale">{colors}</linearGradient></defs>'
        f'<rect x="{_LEFT}" y="30" width="{_LONG}" height="10" fill="url(#scale)"/>'
        f'{ticks}<path d="M{limit:.1f} 25 v20" stroke="currentColor" stroke-width="2"/>'
        f'<text x="{_within(limit)}" y="75" text-anchor="middle">threshold {threshold:.3f}</text>'
        f'<path d="M{at - 6:.1f} 17 h12 l-6 11 z"/>'
        f'<text x="{_within(at)}" y="12" text-anchor="middle">distance {distance:.3f}</text>'
        f'<text x="{_LEFT}" y="94">one person</text>'
        f'<text x="{_LEFT + _LONG}" y="94" text-anchor="end">two people</text></svg>'
    )


def _within(place: float) -> str:
    """Where the middle of a label goes, so that the label stays on the scale."""
    return f"{min(max(place, 52), 2 * _LEFT + _LONG - 52):.1f}"


def _picture(content: Optional[bytes], name: str) -> str:
    if content is None:
        return ""
    data = base64.b64encode(content).decode("ascii")
    return f'<img alt="{_safe(name)}" src="data:image/jpeg;base64,{data}">'


def _link(path: str) -> str:
    """Where the page's server has a file that it may show."""
    return _safe("gradio_api/file=" + quote(path))


def _safe(text: str) -> str:
    """Text within HTML, and within Gradio's templates, in which `${` would be code."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return html.escape(plain).replace("$", "&#36;").replace("{", "&#123;").replace("`", "&#96;")
