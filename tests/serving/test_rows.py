"""One bad image of a batch spoils no answer but its own, as a server's session runs the graph."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cari_keras import load_model
from cari_keras.errors import ImageError
from cari_keras.serving.asking import Asker
from tests.helpers.pictures import png_of_size

pytestmark = [pytest.mark.slow, pytest.mark.stacks]


def saved(image, kind, **how):
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return stream.getvalue()


def picture(height=120, width=150):
    small = np.random.default_rng(height).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture(), "JPEG", exif=exif, quality=95)


GOOD = {
    "jpeg": saved(picture(), "JPEG"),
    "png": saved(picture(), "PNG"),
    "gif": saved(picture().quantize(16), "GIF", transparency=3),
    "bmp": saved(picture(), "BMP"),
    "huge": saved(picture().resize((9_000, 9_000)), "JPEG"),
    "tiny": saved(Image.new("RGB", (1, 1), (200, 30, 90)), "PNG"),
    **{f"turned {turn}": turned(turn) for turn in range(1, 9)},
}

BAD = {
    "empty": (b"", "empty file"),
    "broken": (GOOD["jpeg"][:400], "damaged or truncated picture"),
    "broken png": (GOOD["png"][:-300], "damaged or truncated picture"),
    "webp": (saved(picture(), "WEBP"), "exports cannot read WEBP (save it as JPEG or PNG)"),
    "a page": (b"<html>", "not a picture (an HTML page)"),
    "too large": (png_of_size(60_000, 60_000), "too many pixels (60000 x 60000, the limit is "),
}


@pytest.fixture(scope="module")
def session(exported):
    """(branch, signature, inputs) -> outputs, by the session that the server runs."""
    made = {}

    def ask(branch, signature, **inputs):
        if branch not in made:
            # Without a configuration it would have that of the tests' training, whose executor
            # waits for ever in loops.
            plain = tf.compat.v1.ConfigProto()
            opened = tf.compat.v1.Session(graph=tf.Graph(), config=plain)
            with opened.graph.as_default():
                folder = str(exported / branch / "1")
                made[branch] = (opened, tf.compat.v1.saved_model.load(opened, ["serve"], folder))
        opened, meta = made[branch]
        found = meta.signature_def[signature]
        feed = {found.inputs[name].name: value for name, value in inputs.items()}
        return opened.run({name: info.name for name, info in found.outputs.items()}, feed)

    yield ask
    for opened, _ in made.values():
        opened.close()


def files(contents):
    return np.array(list(contents), dtype=object)


@pytest.mark.parametrize("branch", ["verification", "photo"])
def test_every_good_row_of_a_mixed_batch_is_its_answer_alone(branch, session):
    bad = [content for content, _ in BAD.values()]
    mixed = [one for pair in zip(bad, GOOD.values()) for one in pair]
    mixed += list(GOOD.values())[len(bad) :]
    found = session(branch, "serving_bytes", image_bytes=files(mixed))
    expected = dict(BAD.values())
    for row, content in enumerate(mixed):
        said = found["error"][row].decode()
        if content in expected:
            assert said.startswith(expected[content])
            assert not found["valid"][row]
            for name in set(found) - {"error", "valid"}:
                assert not np.any(found[name][row].astype(bool)), name
            continue
        assert (said, found["valid"][row]) == ("", True)
        alone = session(branch, "serving_bytes", image_bytes=files([content]))
        for name, value in alone.items():
            if value.dtype == np.float32:
                np.testing.assert_allclose(found[name][row], value[0], atol=1e-5)
            else:
                np.testing.assert_array_equal(found[name][row], value[0])


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_photograph_is_judged_upright(turn, session, exported):
    """Its answer is that of the pixels that Pillow shows."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(turned(turn))))
    expected = session("verification", "serving_bytes", image_bytes=files([saved(upright, "PNG")]))
    found = session("verification", "serving_bytes", image_bytes=files([turned(turn)]))
    np.testing.assert_allclose(found["embedding"], expected["embedding"], atol=2e-2)
    python = load_model(exported).embed(turned(turn))
    np.testing.assert_allclose(found["embedding"][0], python, atol=2e-2)


def test_a_pair_is_answered_where_both_images_are_good(session):
    found = session(
        "verification",
        "verify",
        photo_bytes=files([GOOD["png"], b"", GOOD["jpeg"], b""]),
        caricature_bytes=files([GOOD["tiny"], GOOD["png"], BAD["webp"][0], b"x"]),
    )
    assert found["valid"].tolist() == [True, False, False, False]
    assert [error.decode() for error in found["error"]] == [
        "",
        "photo: empty file",
        "caricature: exports cannot read WEBP (save it as JPEG or PNG)",
        "photo: empty file; caricature: not a picture",
    ]
    assert not found["threshold"][1:].any()
    alone = session(
        "verification",
        "verify",
        photo_bytes=files([GOOD["png"]]),
        caricature_bytes=files([GOOD["tiny"]]),
    )
    np.testing.assert_allclose(found["distance"][0], alone["distance"][0], atol=1e-5)
    assert found["distance"][0] > 0


@pytest.mark.parametrize(
    ("branch", "signature", "inputs"),
    [
        ("photo", "serving_bytes", {"image_bytes": files([])}),
        ("photo", "serving_default", {"image": np.zeros((0, 96, 96, 3), np.uint8)}),
        ("verification", "verify", {"photo_bytes": files([]), "caricature_bytes": files([])}),
    ],
)
def test_an_empty_batch_has_an_empty_answer(branch, signature, inputs, session):
    found = session(branch, signature, **inputs)
    assert {len(value) for value in found.values()} == {0}


def test_python_turns_a_refused_row_into_an_error(exported):
    loaded = tf.saved_model.load(str(exported / "photo" / "1"))
    asker = Asker({("photo", "serving_bytes"): loaded.signatures["serving_bytes"]}, "")
    good, bad = GOOD["png"], BAD["webp"][0]
    with pytest.raises(ImageError, match=r"^images\[1\]: exports cannot read WEBP"):
        asker("photo", "serving_bytes", image_bytes=files([good, bad]))
    found = asker("photo", "serving_bytes", image_bytes=files([good, good]))
    assert {"valid", "error"}.isdisjoint(found)
