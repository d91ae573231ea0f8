"""Gradio, where it is installed, told to stay on this machine."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Optional

from cari_keras.errors import ConfigError


def gradio(uploads: Optional[Path] = None) -> Any:
    """Gradio, which comes with the extra `app`; it sends nothing and asks for no updates.

    Args:
        uploads: Where it keeps what is uploaded, from its first import on; None: as it is.

    Raises:
        ConfigError: It is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if uploads is not None:
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    try:
        return importlib.import_module("gradio")
    except ImportError as error:
        raise ConfigError(
            f"the page needs Gradio ({error}); pip install 'cari_keras[app]'"
        ) from error
