"""Networks of few channels, for tests of the loop and of run folders."""

import pytest

from cari_keras.model import blocks


@pytest.fixture(scope="module")
def narrow():
    """A quarter of each convolution's channels: a training takes two thirds of the time.

    Layers, their names and all kinds of state are those of the paper's network.
    """
    conv = blocks.Layers.conv

    def with_fewer(self, x, filters, *arguments, **settings):
        return conv(self, x, filters // 4, *arguments, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks.Layers, "conv", with_fewer)
        yield
