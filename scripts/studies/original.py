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

REPORTED_LOSSES: Mapping[tuple[str, str], str] = {
    ("model3", "none"): "0.00662, 0.00758",
    ("model4", "none"): "0.01402, 0.01688, 0.01025; 0.00863",
    ("model4", "warm-restarts-5"): "0.01415, 0.01705",
    ("model4", "warm-restarts-10"): "0.0107, 0.01265",
    ("model4", "plateau"): "0.01028, 0.01308",
    ("model5", "none"): "0.01087",
    ("model5", "plateau"): "0.01823",
    ("model6", "none"): "0.0216",
    ("model6", "plateau"): "0.026, 0.026",
}
"""Lowest mean squared errors of several runs, as it gives them; after a semicolon on its set 2."""

REPORTED_PARAMETERS: Mapping[str, tuple[int, int]] = {
    "model3": (3_910_784, 1_738_435),
    "model4": (8_630_400, 6_457_539),
    "model5": (15_268_416, 6_457_539),
    "model6": (8_630_400, 8_629_379),
}
"""Of encoder and decoder; it did not publish its first two networks."""

REPORTED_SETS: Mapping[str, tuple[str, int]] = {
    "wildcats": ("six kinds of wild animals, faces", 4_738),
    "artstyles7": ("paintings and drawings by fifty artists", 8_355),
}
"""Its two sets and their numbers of images, by the name of what stands for them here."""
