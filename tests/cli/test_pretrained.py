"""cari-pretrained as its user runs it; the network is never asked."""

import pytest

from tests.helpers.commands import last_error, run_command


def test_help_has_examples():
    result = run_command("pretrained", "--help")
    assert result.returncode == 0
    assert "cari-pretrained --from facenet_keras.h5" in result.stdout


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path):
    path = tmp_path / "facenet_keras.h5"
    assert "no such file" in last_error(run_command("pretrained", "--from", path))
    path.write_bytes(b"something else")
    message = last_error(run_command("pretrained", "--from", path))
    assert "facenet_keras.h5: refused, its SHA-256 is" in message


@pytest.mark.parametrize("command", ["train", "verify"])
def test_without_a_network_the_commands_say_how_to_bring_them(command, folder_dataset, tmp_path):
    """Before any picture is prepared, and without a run that would stand in the way."""
    run = tmp_path / "run"
    arguments = {
        "train": ["--dataset", "folder", "--data-dir", folder_dataset, "--output", run],
        "verify": ["facenet", "a.jpg", "b.jpg"],
    }[command]
    result = run_command(command, *arguments)
    assert result.returncode == 2
    first, *_, last = result.stderr.rstrip().split("\n")
    assert first.startswith("Fetching the public FaceNet weights (90 MB, once")
    assert "here `cari-pretrained --from` that file" in last
    assert "Traceback" not in result.stderr
    assert "Preparing" not in result.stderr
    assert not (run / "config.json").exists()
