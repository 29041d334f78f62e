"""What the study reported, as figures: nothing of it is computed here.

Its table counts the images of the query's kind among the first eight, for one query, a tiger.
"""

from __future__ import annotations

from collections.abc import Mapping

PAIRS = ("flatten cosine", "flatten euclid", "maxpool cosine", "maxpool euclid")

HITS: Mapping[tuple[str, str], tuple[int, int, int, int]] = {
    ("model3", "none"): (6, 3, 6, 7),
    ("model4", "none"): (7, 5, 7, 7),
    ("model4", "warm-restarts-5"): (5, 2, 1, 1),
    ("model4", "warm-restarts-10"): (5, 2, 5, 5),
    ("model4", "plateau"): (5, 4, 6, 5),
    ("model5", "none"): (2, 1, 4, 2),
    ("model5", "plateau"): (1, 1, 1, 1),
    ("model6", "none"): (7, 7, 2, 4),
    ("model6", "plateau"): (7, 7, 6, 8),
}
"""Of eight, by architecture and scheduler, in the order of PAIRS."""

NAMED_BEST = frozenset({("model6", "plateau"), ("model4", "none")})
BEST_PAIR = "maxpool cosine"
"""What it found best over the whole of the models."""
