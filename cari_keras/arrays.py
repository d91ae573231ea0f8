"""The type of NumPy's arrays; docstrings say dtype, shape, range and unit of each."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
