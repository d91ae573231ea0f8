"""cari-export's own flags."""

import pytest

from tests.helpers.commands import last_error, run_command


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--keep", 0), "--keep must be at least 1, since the new version stays. Received: 0"),
        (("--default-signature", "files"), "invalid choice: 'files'"),
        (("--format", "onnx", "--default-signature", "bytes"), "the other formats take pixels"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(flags, said):
    assert said in last_error(run_command("export", *flags))
