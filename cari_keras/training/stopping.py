"""How a run is asked to stop."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cari_keras.errors import StoppedError

if TYPE_CHECKING:
    from cari_keras.training.cluster import Cluster


def stop_handlers() -> dict[int, Any]:
    """The present handlers of the signals that ask a process to stop, by number.

    SIGTERM, Ctrl-C, and the SIGHUP of a closed terminal unless it is ignored, as `nohup` has it.
    """
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    found: dict[int, Any] = {int(number): signal.getsignal(number) for number in numbers}
    if found[signal.SIGHUP] == signal.SIG_IGN:
        del found[signal.SIGHUP]
    return found


def set_handlers(handlers: Mapping[int, Any]) -> None:
    """Sets handlers of signals, by number."""
    for number, handler in handlers.items():
        signal.signal(number, handler)


class StopRequest:
    """Somebody's wish that the run ends, made at any moment and heard between batches.

    An exception out of a signal's handler could come anywhere, within TensorFlow too, which turns
    it into errors of its own; so the handler only asks, and whoever loops over batches checks.
    """

    def __init__(self) -> None:
        self._signal = 0
        #: Whether it was heard by all workers at once.
        self.agreed = False

    def ask(self, signal: int) -> None:
        """Asks to stop; safe within a signal's handler."""
        self._signal = signal

    def check(self) -> None:
        """Raises StoppedError where somebody asked."""
        if self._signal:
            raise StoppedError(self._signal)

    def check_together(self, cluster: Cluster) -> None:
        """Raises StoppedError on all workers where somebody asked any of them.

        To be called by all workers between the same two steps.
        """
        # One that comes meanwhile stays for the next time.
        agreed = int(cluster.most(self._signal))
        if agreed:
            self.agreed = True
            raise StoppedError(agreed)

    def check_at_end(self, cluster: Cluster) -> None:
        """As `check_together`, after the last step; of one process nobody hears any more."""
        if cluster.workers > 1:
            self.check_together(cluster)

    def tell(self, cluster: Cluster, signal: int) -> None:
        """Tells the other workers of a stop that this one alone has heard, outside a step.

        Their next exchange is `check_together`, which takes it for this worker's word.
        """
        if not self.agreed:
            cluster.most(signal)
