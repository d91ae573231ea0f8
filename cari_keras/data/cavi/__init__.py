"""CaVI: its lists, and the dataset."""

from cari_keras.data.cavi.dataset import load

__all__ = ["load"]
