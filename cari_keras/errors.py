"""The exceptions a user can cause. Each carries one line that names the thing and the remedy.

Command-line programs print that line and exit with status 2; anything else is a bug and keeps its
traceback.
"""


class CariError(Exception):
    """Base class of every error that the user's input can cause."""


class ConfigError(CariError):
    """A setting is out of range, unknown, or contradicts another."""


class DatasetError(CariError):
    """A dataset is missing, empty, or not in the layout it should have."""


class CheckpointError(CariError):
    """A run folder or checkpoint is missing, damaged, or of another network."""


class TrainingError(CariError):
    """Training cannot go on, for example because a loss is not finite."""


class PretrainedError(CariError):
    """Pretrained weights are missing, not the file they should be, or of another network."""


class AlignError(CariError):
    """Raw pictures or an aligned folder are missing, or not as they should be."""


class ImageError(CariError):
    """An image cannot be read, or shows no face where one is to be aligned."""


class StoppedError(CariError):
    """Training was asked to stop, by a signal; everything is saved.

    Attributes:
        signal: The signal's number.
    """

    def __init__(self, signal: int) -> None:
        super().__init__("stopped; everything is saved")
        self.signal = signal
