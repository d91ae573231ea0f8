"""The page itself, in Gradio: tabs, what is asked where, and what happens at a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple

from cari_keras.app import html
from cari_keras.app.desk import Asked, Desk
from cari_keras.app.library import gradio
from cari_keras.app.looking import face_at, outlined
from cari_keras.errors import CariError
from cari_keras.vocabulary import CARICATURE, EXPLAIN_BY, MODALITIES, PHOTO

#: One question at a time is before the network; the others wait in a queue. Gradio would decode
#: uploads by itself, without limits; unprocessed they are the names of files.
_QUEUE = {"concurrency_id": "network", "concurrency_limit": 1, "preprocess": False}

TITLE = "Photographs and caricatures: one person?"

#: What the filter of `Find` offers -> the modality.
_KINDS = {"both": None, **{word: word for word in MODALITIES}}


class _Side(NamedTuple):
    """Where a picture is given and its face chosen.

    Attributes:
        picture: The upload.
        modality: A choice of `MODALITIES`.
        face: The choice of a face, numbered from 1.
        shown: The picture with its faces outlined.
    """

    picture: Any
    modality: Any
    face: Any
    shown: Any

    @property
    def inputs(self) -> list[Any]:
        """What names the face that is asked about."""
        return [self.picture, self.modality, self.face]


def build(desk: Desk, examples: Sequence[tuple[str, str]]) -> Any:
    """The page, as Gradio's Blocks.

    Args:
        desk: Who answers.
        examples: Pairs of files, of a photo and a caricature, to begin with.

    Raises:
        ConfigError: Gradio is not installed.
    """
    gr = gradio()
    # Files of uploads go an hour after they came; what is left goes when the server ends.
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown(f"# {TITLE}")
        with gr.Tab("Compare"):
            photo, other = _pair(gr, desk, examples)
        with gr.Tab("Why"):
            _why(gr, desk, photo, other)
        with gr.Tab("Who is it"):
            _who(gr, desk)
        if desk.gallery is not None:
            with gr.Tab("Find"):
                _find(gr, desk, page)
        gr.HTML(html.footer(desk.model.card), padding=True)
    return page


def _pair(gr: Any, desk: Desk, examples: Sequence[tuple[str, str]]) -> tuple[_Side, _Side]:
    with gr.Row():
        photo = _side(gr, desk, "First picture", PHOTO, [PHOTO])
        other = _side(gr, desk, "Second picture", CARICATURE, MODALITIES)
    button = gr.Button("Compare", variant="primary", elem_id="compare")
    answer = gr.HTML(html.NOTHING, elem_id="verdict", padding=True)
    gr.Examples(
        [list(pair) for pair in examples],
        [photo.picture, other.picture],
        label="Drawn people to try the page with",
        example_labels=["one person", "two people"][: len(examples)],
    )

    def compare(*given: Any) -> str:
        one, another = _asked(given)
        return html.verdict(desk.compare(one, another), desk.curve(another.modality))

    button.click(_told(compare), [*photo.inputs, *other.inputs], answer, **_QUEUE)
    return photo, other


def _why(gr: Any, desk: Desk, photo: _Side, other: _Side) -> None:
    gr.Markdown(
        "Which regions of the two faces of the tab *Compare* raise their similarity (purple), and "
        "which lower it (orange)."
    )
    way = gr.Radio(
        [("gradient: quick", EXPLAIN_BY[0]), ("occlusion: slow, exact", EXPLAIN_BY[1])],
        value=EXPLAIN_BY[0],
        label="How",
    )
    button = gr.Button("Explain", variant="primary", elem_id="explain")
    problem = gr.HTML(html.NOTHING, padding=True)
    picture = gr.Image(
        label="Both faces, and both with their regions",
        show_label=False,
        alt_text="Both faces, and both with the regions that raise and that lower the similarity",
        interactive=False,
        format="png",
        elem_id="why",
        buttons=["download", "fullscreen"],
    )

    # Gradio hands in the progress that it shows by the default of a parameter, and by its place.
    def explain(
        path: Any,
        kind: Any,
        face: Any,
        path_2: Any,
        kind_2: Any,
        face_2: Any,
        how: Any,
        progress: Any = gr.Progress(),  # noqa: B008
    ) -> tuple[str, Any]:
        one, another = _asked((path, kind, face, path_2, kind_2, face_2))
        try:
            found = desk.explain(one, another, how, partial(progress, desc="hiding regions"))
        except CariError as error:
            return html.error(str(error)), None
        return html.NOTHING, found.picture()

    inputs = [*photo.inputs, *other.inputs, way]
    button.click(explain, inputs, [problem, picture], show_progress_on=[picture], **_QUEUE)


def _who(gr: Any, desk: Desk) -> None:
    with gr.Row():
        side = _side(gr, desk, "Picture", PHOTO, MODALITIES)
        with gr.Column():
            button = gr.Button("Who is it?", variant="primary", elem_id="who")
            answer = gr.HTML(html.NOTHING, elem_id="people", padding=True)

    def who(*given: Any) -> str:
        return html.people(desk.who(*_asked(given)))

    button.click(_told(who), side.inputs, answer, **_QUEUE)


def _find(gr: Any, desk: Desk, page: Any) -> None:
    with gr.Row():
        side = _side(gr, desk, "Picture", PHOTO, MODALITIES)
        with gr.Column():
            kind = gr.Radio(list(_KINDS), value="both", label="Faces to find", elem_id="kind")
            button = gr.Button("Find", variant="primary", elem_id="find")
    answer = gr.HTML(html.NOTHING, elem_id="faces", padding=True)

    def find(*given: Any) -> str:
        *face, modality = given
        (asked,) = _asked(face)
        found = desk.find(asked, _KINDS.get(modality))
        for path in {one.row.path for one in found} - set(page.allowed_paths):
            page.allowed_paths.append(path)  # what was found may be opened, and nothing else
        return html.faces(found)

    button.click(_told(find), [*side.inputs, kind], answer, **_QUEUE)


def _side(gr: Any, desk: Desk, label: str, modality: str, choices: Sequence[str]) -> _Side:
    """A place for a picture, the choice of its face, and what happens at either."""
    with gr.Column(min_width=300):
        picture = gr.Image(
            label=label, type="filepath", sources=["upload", "webcam", "clipboard"], height=300
        )
        kind = gr.Radio(list(choices), value=modality, label="It is a", visible=len(choices) > 1)
        problem = gr.HTML(html.NOTHING, padding=True)
        face = gr.Radio(
            [1],
            value=1,
            label="Face that is used",
            info="or click on it in the picture below",
            visible=False,
        )
        shown = gr.Image(
            label="Faces found",
            show_label=False,
            alt_text="The picture with its faces outlined and numbered",
            interactive=False,
            visible=False,
            format="jpeg",
            buttons=[],
        )
    side = _Side(picture, kind, face, shown)

    nothing = gr.update(value=None, visible=False)

    def look(*given: Any) -> tuple[str, Any, Any]:
        (asked,) = _asked((*given, 1))
        hidden = gr.update(value=1, choices=[1], visible=False)
        if asked.path is None:
            return html.NOTHING, hidden, nothing
        try:
            looked = desk.look(asked)
        except CariError as error:
            return html.error(str(error)), hidden, nothing
        numbers = list(range(1, len(looked.faces) + 1))
        several = gr.update(value=1, choices=numbers, visible=len(numbers) > 1)
        return html.NOTHING, several, gr.update(value=outlined(looked, 0), visible=True)

    def mark(*given: Any) -> Any:
        (asked,) = _asked(given)
        try:
            return gr.update(value=outlined(desk.look(asked), asked.face))
        except CariError:  # it was taken away meanwhile
            return nothing

    def clicked(path: Any, word: Any, number: Any, place: Any) -> Any:
        (asked,) = _asked((path, word, number))
        found = face_at(desk.look(asked), *place.index)
        return number if found is None else found + 1

    # Gradio tells where the click was by the type of a parameter.
    clicked.__annotations__["place"] = gr.SelectData
    gr.on([picture.change, kind.change], look, [picture, kind], [problem, face, shown], **_QUEUE)
    face.input(mark, side.inputs, shown, **_QUEUE)
    shown.select(clicked, side.inputs, face, **_QUEUE).then(mark, side.inputs, shown, **_QUEUE)
    return side


def _asked(given: Sequence[Any]) -> list[Asked]:
    """Faces from the values of their sides, three of each, as browsers send them."""
    return [
        Asked(None if file is None else str(file["path"]), str(modality), _number(face))
        for file, modality, face in zip(given[::3], given[1::3], given[2::3])
    ]


def _number(face: Any) -> int:
    """The number of a face, from 0; -1, which no face has, for what is no number."""
    return face - 1 if isinstance(face, int) else -1


def _told(answer: Callable[..., str]) -> Callable[..., str]:
    """An answer, or why there is none, as HTML."""

    @wraps(answer)
    def told(*given: Any) -> str:
        try:
            return answer(*given)
        except CariError as error:
            return html.error(str(error))

    return told
