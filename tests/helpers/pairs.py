"""Generated verification pairs, as distances and labels."""

import numpy as np
from hypothesis import strategies as st

# Few distinct values, so that ties are common.
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40)


def split(pairs):
    return np.array([float(d) for d, _ in pairs]), np.array([s for _, s in pairs])
