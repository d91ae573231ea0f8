"""Progress of long work on standard error: a bar on a terminal, else a dated line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Optional

from tqdm import tqdm

#: Seconds between two lines where there is no terminal.
SECONDS_BETWEEN_LINES = 5.0

#: Short enough that what is noted beside fits into 80 columns; the bar takes the columns left.
_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {remaining} left, {rate_noinv_fmt}{postfix}"


class Progress:
    """How far some work has come. Also a context, which closes it.

    Args:
        total: How much there is to do.
        what: What is being done.
        unit: Of what is counted, for example `img`.
        initial: How much was done before.
        shown: Off, nothing is written.
    """

    def __init__(
        self, total: int, what: str, *, unit: str = "img", initial: int = 0, shown: bool = True
    ) -> None:
        self.total, self.done, self._initial = total, initial, initial
        self._what, self._unit, self._note = what, unit, ""
        stream: Any = sys.stderr
        terminal = shown and stream is not None and stream.isatty()
        self._lines = shown and stream is not None and not terminal
        self._bar: Optional[tqdm[Any]] = None
        if terminal:
            self._bar = tqdm(
                total=total,
                initial=initial,
                desc=what,
                unit=unit,
                unit_scale=True,
                file=stream,
                bar_format=_FORMAT,
                dynamic_ncols=True,
                mininterval=0.5,
            )
        self._start = self._last = time.monotonic()

    def update(self, more: int = 1) -> None:
        """So much more is done."""
        self.done += more
        if self._bar is not None:
            self._bar.total = self.total
            self._bar.update(more)
        elif self._lines and time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._line()

    def title(self, what: str) -> None:
        """What is being done from now on."""
        self._what = what
        if self._bar is not None:
            self._bar.set_description_str(what, refresh=False)

    def note(self, text: str, *, now: bool = False) -> None:
        """What to say beside, the next time or `now`."""
        self._note = text
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=now)
        elif self._lines and now:
            self._line()

    def write(self, text: str) -> None:
        """A line on standard output, which stays; dated where there is no terminal."""
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(f"{_now()} {text}" if self._lines else text, flush=True)

    def close(self) -> None:
        """Shows where the work has come to; may be called again."""
        if self._bar is not None:
            self._bar.close()
        elif self._lines:
            self._line()
        self._bar, self._lines = None, False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _line(self) -> None:
        self._last = time.monotonic()
        seconds = self._last - self._start
        rate = (self.done - self._initial) / seconds if seconds > 0 else 0.0
        parts = [f"{_now()} {self._what}: {self.done:,} of {self.total:,} {self._unit}"]
        if rate > 0:
            left = tqdm.format_interval(max(self.total - self.done, 0) / rate)
            parts.append(f"{tqdm.format_sizeof(rate)}/s, {left} left")
        parts += [self._note] if self._note else []
        print(", ".join(parts), file=sys.stderr, flush=True)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
