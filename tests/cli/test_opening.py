"""How commands open a network: what becomes of Python's garbage collection."""

import argparse
import gc

import pytest

from cari_keras.cli import faces
from cari_keras.errors import CheckpointError

GIVEN = argparse.Namespace(run="nowhere", align=None, data_dir=None, thresholds_of=None)


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_afterwards_as_before(collects, monkeypatch):
    during = []

    def load(*_, **__):
        during.append(gc.isenabled())
        raise CheckpointError("nowhere")

    monkeypatch.setattr(faces, "load_model", load)
    frozen = gc.get_freeze_count()
    if not collects:
        gc.disable()
    try:
        with pytest.raises(CheckpointError):
            faces.open_given(GIVEN)
        assert gc.isenabled() == collects
    finally:
        gc.enable()
    assert during == [False]
    assert gc.get_freeze_count() == frozen  # the caller's objects are not kept for ever


def test_a_commands_own_process_looks_through_no_network_again(monkeypatch):
    monkeypatch.setattr(faces, "load_model", lambda *_, **__: "network")
    monkeypatch.setattr("sys.argv", ["/usr/bin/cari-verify"])
    try:
        assert faces.open_given(GIVEN) == "network"
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
