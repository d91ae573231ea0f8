"""Contact sheets: every cell in its place."""

import numpy as np
import pytest

from cari_keras.data import folder
from cari_keras.data.sheet import contact_sheet
from cari_keras.images.encode import write_png
from tests.helpers.pictures import write_folder_dataset


@pytest.fixture
def dataset(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=3)
    (root / "photo" / "person_0" / "00.png").write_bytes(b"broken")  # sorts before 0.png
    return folder.load(str(root), validation_fraction=0.0)


def test_rows_are_people_and_columns_modalities(dataset):
    sheet = contact_sheet(dataset, photos=4, caricatures=2, size=48)
    assert sheet.shape == (2 * 48, 6 * 48 + 4, 3)
    cells = sheet[:, : 4 * 48].reshape(2, 48, 4, 48, 3).mean((1, 3))
    # The broken photo is passed over: three photos, then a white place.
    np.testing.assert_allclose(cells[:, 3], 255)
    np.testing.assert_allclose(cells[0, :3], [[130, 60, 60]] * 3, atol=4)
    np.testing.assert_allclose(cells[1, :3], [[60, 130, 60]] * 3, atol=4)
    caricatures = sheet[:, 4 * 48 + 4 :].reshape(2, 48, 2, 48, 3).mean((1, 3))
    np.testing.assert_allclose(caricatures[1], [[150, 220, 150]] * 2, atol=4)


def test_png_round_trip(dataset, tmp_path):
    import cv2

    sheet = contact_sheet(dataset, size=48)
    write_png(sheet, tmp_path / "figures" / "a.png")
    stored = cv2.imread(str(tmp_path / "figures" / "a.png"))[..., ::-1]
    np.testing.assert_array_equal(stored, sheet)
