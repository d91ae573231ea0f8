"""Programs in a bare process: closed streams, full devices, readers that have gone."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest

from cari_keras.cli import verify
from cari_keras.cli.flags import run_program
from tests.helpers.commands import run_python
from tests.helpers.places import ROOT

#: A program that says something on both streams, does its work, and starts another process.
PROGRAM = """
import subprocess, sys
from pathlib import Path
from cari_keras.cli.flags import run_program

def main(arguments):
    print("message", file=sys.stderr)
    subprocess.run([sys.executable, "-c", "import os; [os.fstat(n) for n in range(3)]"], check=True)
    with open(arguments[0], "w") as stream:  # not a stream that libraries write to
        assert stream.fileno() > 2
        print("answer")
        stream.write("done")
    return 0

sys.exit(run_program("cari-test", main, sys.argv[1:]))
"""


def shell(redirections, *arguments):
    """Runs PROGRAM with a shell's redirections of its streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"$0" "$@" {redirections}', sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirections", "out", "err"),
    [
        ("2>&-", "answer\n", ""),
        ("<&-", "answer\n", "message\n"),
        (">&-", "", "cari-test: note: standard output is closed; nothing is printed\nmessage\n"),
        ("<&- >&- 2>&-", "", ""),
        ("2>/dev/full", "answer\n", ""),
    ],
)
def test_work_is_done_whatever_streams_there_are(redirections, out, err, tmp_path):
    done = shell(redirections, str(tmp_path / "work"))
    assert (done.returncode, done.stdout, done.stderr) == (0, out, err)
    assert (tmp_path / "work").read_text() == "done"


def test_answers_that_nobody_can_get_are_an_error_of_one_line(tmp_path):
    done = shell(">/dev/full", str(tmp_path / "work"))
    assert done.returncode == 2
    said = "cari-test: error: standard output: No space left on device; make room"
    assert done.stderr.splitlines()[1].startswith(said)
    assert len(done.stderr.splitlines()) == 2


def test_a_help_that_nobody_can_get_is_an_error_too():
    command = f"{sys.executable} -m cari_keras.cli.train --help >/dev/full"
    done = run_python(
        "-c", f"import subprocess, sys; sys.exit(subprocess.call({command!r}, shell=True))"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cari-train: error: standard output: No space left on device")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_has_seen_enough_ends_a_program_in_silence(tmp_path):
    done = shell("| true", str(tmp_path / "work"))
    assert (done.stdout, done.stderr) == ("", "message\n")


def test_an_error_comes_behind_what_was_printed_before():
    """Where both go to one place, as in `2>&1 | tail -1`."""
    code = (
        "import sys\nfrom cari_keras.cli.flags import run_program\n"
        "from cari_keras.errors import ConfigError\n"
        "def main(arguments):\n    print('found'); raise ConfigError('wrong')\n"
        "sys.exit(run_program('cari-test', main, []))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "found\ncari-test: error: wrong\n"


def failing(error):
    def main(arguments):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/a"),
            "/full/a: No space left on device; make room there, then run the same command",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/usr/a"),
            "/usr/a: Read-only file system; name a folder that can be written",
        ),
        (
            OSError(errno.EFBIG, "File too large", "/a"),
            "/a: File too large; raise the limit on the size of files (ulimit -f), or name another "
            "place",
        ),
        (OSError(errno.EIO, "Input/output error", "/a"), "/a: Input/output error"),
        (
            UnicodeEncodeError("utf-8", "/x\udce9", 2, 3, "surrogates not allowed"),
            r"/x\udce9: TensorFlow accepts only names in UTF-8; rename the file, or set "
            r"PYTHONUTF8=1 where the name is UTF-8 and the locale is not",
        ),
    ],
)
def test_what_the_system_refuses_is_one_line_with_a_remedy(error, said, capfd):
    assert run_program("cari-test", failing(error), []) == 2
    assert capfd.readouterr().err == f"cari-test: error: {said}\n"


def test_a_working_folder_that_was_removed_is_the_remedy(tmp_path, monkeypatch, capfd):
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", "run")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run_program("cari-test", failing(error), []) == 2
    said = "run: No such file or directory; the working folder was removed; change to another one"
    assert capfd.readouterr().err == f"cari-test: error: {said}\n"


def test_what_is_no_user_s_mistake_keeps_its_traceback():
    for error in (OSError(errno.EIO, "nameless"), UnicodeEncodeError("ascii", "é", 0, 1, "no")):
        with pytest.raises(type(error)):
            run_program("cari-test", failing(error), [])


FORKED = """
import os
import sys
import numpy as np
import tensorflow as tf
from cari_keras.errors import ConfigError
from cari_keras.serving.face_model import FaceModel
from cari_keras.serving.loading import load_model

def embed(image):
    return {"embedding": tf.cast(image, tf.float32)[:, 0, 0]}

def model_of():
    function = tf.function(embed, input_signature=[tf.TensorSpec([None, 80, 80, 3], tf.uint8)])
    return FaceModel({("verification", "serving_default"): function}, 80, "weights")

face = np.zeros((80, 80, 3), np.uint8)
if sys.argv[1] == "model":
    model = model_of()
    model.embed(face)
elif sys.argv[1] == "tensorflow":
    tf.constant(1)
child = os.fork()
if not child:
    try:
        if sys.argv[1] == "model":
            model.embed(face)
        elif sys.argv[1] == "tensorflow":
            load_model("facenet")
        else:
            model_of().embed(face)
        print("answered", flush=True)
    except ConfigError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
if sys.argv[1] == "model":
    print(model.embed(face).shape)
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("model", ("this process was forked", "(3,)")),
        ("tensorflow", ("this process was forked",)),
        ("nothing", ("answered",)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_forked_child_is_told_and_does_not_wait_for_ever(before, said):
    done = run_python("-c", FORKED, before)
    lines = done.stdout.splitlines()
    assert len(lines) == len(said), done.stderr
    assert all(line.startswith(start) for line, start in zip(lines, said))


class OfNotebook(io.TextIOBase):
    """As Jupyter's: it has a file's number, which is not where its text goes."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def writable(self):
        return True

    def write(self, text):
        self.text += text
        return len(text)

    def fileno(self):
        return 1


def test_a_command_writes_to_a_notebooks_streams(monkeypatch):
    shown, told = OfNotebook(), OfNotebook()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", told)
    for flag, status in (("--version", 0), ("--nothing", 2)):
        with pytest.raises(SystemExit) as ended:
            verify.main([flag])
        assert (ended.value.code or 0) == status
    assert shown.text.startswith("cari-keras ")
    assert told.text.startswith("cari-verify: error: ")
    assert (sys.stdout, sys.stderr) == (shown, told)
