"""The right call, where a dataset lies higher or lower than was said, or is another one."""

import pytest

from cari_keras.config import Config
from cari_keras.data.nearby import right_call
from cari_keras.data.registry import load_dataset
from cari_keras.errors import DatasetError
from tests.helpers.pictures import write_folder_dataset


def _cavi(root):
    for folder in ("CaVI_Dataset/Real/ann", "CaVI_Dataset/Caricature/ann", "train-test-files"):
        (root / folder).mkdir(parents=True)
    return root


def _webcaricature(root):
    for folder in ("OriginalImages/Ann", "EvaluationProtocols/FR"):
        (root / folder).mkdir(parents=True)
    return root


@pytest.mark.parametrize("asked", ["cavi", "folder", "webcaricature", "demo"])
@pytest.mark.parametrize(
    ("write", "dataset", "below"),
    [
        (_cavi, "cavi", ["CaVI_Dataset", "CaVI_Dataset/Real/ann", "train-test-files", "..", ""]),
        (_webcaricature, "webcaricature", ["OriginalImages", "EvaluationProtocols/FR", "..", ""]),
        (write_folder_dataset, "folder", ["photo", "caricature/person_0", "..", ""]),
    ],
)
def test_the_right_call_is_named(asked, write, dataset, below, tmp_path):
    root = write(tmp_path / "my data")
    for place in below:
        named = root.parent if place == ".." else root / place
        said = right_call(asked, str(named))
        if (asked, named) == (dataset, root):
            assert said == ""
        else:
            assert said.endswith(f"use --dataset {dataset} --data-dir '{root}'")


def test_what_lies_beside_is_not_meant(tmp_path):
    _cavi(tmp_path)
    (tmp_path / "mine").mkdir()
    assert right_call("folder", str(tmp_path / "mine")) == ""
    assert right_call("folder", str(tmp_path / "nowhere")) == ""


@pytest.mark.parametrize(
    ("dataset", "place"), [("cavi", "CaVI_Dataset"), ("cavi", ".."), ("folder", ""), ("demo", "")]
)
def test_loading_says_so(dataset, place, tmp_path):
    root = _cavi(tmp_path / "cavi")
    folder = tmp_path if place == ".." else root / place
    config = Config().with_values({"dataset": dataset, "data_dir": str(folder)})
    with pytest.raises(DatasetError, match=f"use --dataset cavi --data-dir {root}$"):
        load_dataset(config)


def test_other_faults_are_told_as_they_are(tmp_path):
    config = Config().with_values({"dataset": "cavi", "data_dir": str(_cavi(tmp_path / "cavi"))})
    with pytest.raises(DatasetError, match="no images in Real/ or Caricature/"):
        load_dataset(config)
