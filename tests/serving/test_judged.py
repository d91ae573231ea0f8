"""Exports are judged as their run is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cari_keras.cli import evaluate
from cari_keras.data import folder
from cari_keras.data.prepare import prepare
from cari_keras.errors import ConfigError
from cari_keras.serving.judged import is_export, load_judged_network


@pytest.mark.slow
def test_an_export_answers_as_its_run(matcher, people, exported, tmp_path, monkeypatch, capsys):
    served = load_judged_network(str(exported))
    assert served.side == matcher.side == 96
    dataset = folder.load(str(people))
    prepared = prepare(dataset, 96, cache_dir=tmp_path / "cache", workers=1, progress=False)
    own, theirs = (
        each.predict(prepared, "unknown", cache_dir=str(tmp_path / "cache"))
        for each in (matcher, served)
    )
    assert theirs.paths == own.paths
    np.testing.assert_array_equal(theirs.labels, own.labels)
    np.testing.assert_array_equal(theirs.is_caricature, own.is_caricature)
    np.testing.assert_allclose(theirs.outputs["embedding"], own.outputs["embedding"], atol=1e-5)
    # A second time it is asked nothing.
    monkeypatch.setattr(type(served.served), "embed_faces", lambda *_: pytest.fail("asked"))
    again = served.predict(prepared, "unknown", cache_dir=str(tmp_path / "cache"))
    np.testing.assert_array_equal(again.outputs["embedding"], theirs.outputs["embedding"])
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    flags = ["--dataset", "folder", "--data-dir", str(people), "--split", "unknown", "--quiet"]
    assert evaluate.main([str(exported), *flags]) == 0
    found = json.loads((tmp_path / "evaluation/folder-unknown/results.json").read_text())
    assert found["counts"]["all"]["people"] == 2
    assert found["network"]["name"] == str(exported)
    assert "Next:" not in capsys.readouterr().out
    # Nothing is written into the folder that a server reads.
    assert not (exported / "evaluation").exists()


def test_an_export_looks_at_images_as_it_was_exported(exported, matcher):
    assert is_export(exported)
    assert not is_export(matcher.run)
    with pytest.raises(ConfigError, match="has fixed settings; leave --flip-test out"):
        load_judged_network(str(exported), {"flip_test": False})
    with pytest.raises(ConfigError, match="leave --verify-by out"):
        load_judged_network(str(exported), {"verify_by": "identities"})
