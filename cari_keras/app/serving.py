"""The page's server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cari_keras.app.html import STYLE
from cari_keras.app.library import gradio
from cari_keras.app.looking import MAX_BYTES
from cari_keras.errors import ConfigError

#: As many questions wait; who comes later is told to try again.
_WAITING = 64


@contextlib.contextmanager
def serve(page: Any, host: str, port: int, folders: Sequence[Path]) -> Iterator[str]:
    """Serves the page until the block ends; nothing of it is loaded from elsewhere.

    Args:
        page: From `page.build`.
        host: The address to listen at.
        port: Its port.
        folders: Whose files the page may show.

    Yields:
        The page's address.

    Raises:
        ConfigError: The port is taken, or the address is not this machine's.
    """
    theme = gradio().themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    try:
        _, address, _ = page.queue(max_size=_WAITING).launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            theme=theme,
            css=STYLE,
            footer_links=[],
            run_history=False,
            max_file_size=MAX_BYTES,
            allowed_paths=[str(folder) for folder in folders],
            enable_monitoring=False,
            ssr_mode=False,
        )
    except OSError as error:
        raise ConfigError(
            f"--host {host} --port {port}: cannot listen there; name another port ({error})"
        ) from error
    try:
        yield address
    finally:
        page.close(verbose=False)
