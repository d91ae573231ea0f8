"""Importing the package is quiet, and loads nothing heavy."""

import subprocess
import sys


def test_import_is_quiet_and_light():
    code = (
        "import sys, cari_keras, cari_keras.config, cari_keras.cli.train\n"
        "heavy = {'tensorflow', 'keras', 'cv2', 'mtcnn', 'matplotlib', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert cari_keras.__version__\n"
        "assert callable(cari_keras.train) and callable(cari_keras.align)\n"
        "import signal, multiprocessing\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_gallery_without_a_network_loads_no_tensorflow():
    code = "import sys, cari_keras\ncari_keras.Gallery\nassert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
