"""What setup.cfg cannot say: a wheel holds the network that a checkout has beside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NETWORK = Path("saved_models") / "cavi"


class BuildWithNetwork(build_py):
    """The package's modules, and the network that comes with them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:  # there the checkout's own folder is read
            place = Path(self.build_lib) / "cari_keras" / NETWORK
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(NETWORK, place)


setup(cmdclass={"build_py": BuildWithNetwork})
