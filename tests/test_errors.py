"""Messages are one line, whatever was handed over."""

from __future__ import annotations

import pytest

from cari_keras.errors import ImageError, one_line, quoted, shown
from cari_keras.files import user_path

#: A file's name that ends lines and steers a terminal.
NASTY = "a\nb\r\x1b[2J\0\u2028é张.png"


def test_a_message_is_one_line_whatever_a_file_is_called():
    expected = r"a\nb\r\x1b[2J\x00\u2028é张.png"
    assert one_line(NASTY) == shown(NASTY) == expected
    assert str(ImageError(f"{NASTY}: no such file")) == f"{expected}: no such file"
    assert shown(NASTY * 99).startswith(expected + r"a\nb")


def test_bytes_of_names_that_are_no_utf_8_stay_as_python_has_them():
    assert one_line("a\udce9 b") == "a\udce9 b"


@pytest.mark.parametrize(("value", "said"), [("a", "'a'"), ("a\n", r"'a\n'"), (3, "3")])
def test_text_is_quoted(value, said):
    assert quoted(value) == said


@pytest.mark.parametrize("given", [None, 3, b"/tmp/x", ["/tmp/x"]])
def test_what_is_no_path_is_named(given):
    from cari_keras import load_model
    from cari_keras.errors import ConfigError

    # No path at all is the network that comes with the package.
    for read in (user_path, load_model) if given is not None else (user_path,):
        with pytest.raises(ConfigError, match=r"^a path is text or an os\.PathLike\. Received: "):
            read(given)
