"""cari-pretrained as its user runs it; the network is never asked."""

from tests.cli.commands import last_error, run_command


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


def test_training_says_how_to_get_the_weights(folder_dataset, tmp_path):
    arguments = ["--dataset", "folder", "--data-dir", folder_dataset, "--image-size", "80"]
    arguments += ["--batch-size", "4", "--output", tmp_path / "run", "--pretrained", "facenet"]
    result = run_command("train", *arguments, "--quiet")
    assert result.returncode == 2
    assert "run cari-pretrained once" in result.stderr.rstrip().split("\n")[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run" / "config.json").exists()
