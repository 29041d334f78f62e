"""docs/embedding.md, from what ``scripts/embedding_study.py`` measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from models.registry import get_architecture
from scripts.studies.judging import METRICS
from scripts.studies.results import Content

INTRODUCTION = """\
# What each part of model7 is worth

Written by `scripts/embedding_study.py` from `docs/results/embedding-*.json`; edit those, not this.

model7 ("visual words") describes an image by local histograms of small patches, the k-means centres
of whitened patches. Three heads bring them to its latent, without labels: one in closed form, by
giving less weight to what two views of one image differ in, and twice three layers that are trained
to find an image's views among those of others, with views that change colours a little and a lot.
Here every image is a query once, left out of its own answers, against its label. Each figure is a
mean over seeds; ± is the standard deviation between seeds, the number in brackets half the 95 %
bootstrap interval over queries. Baselines need no fitting, so they have one seed. "default-" sets
are judged with the checkpoint that comes with the program, which was fitted to procedural images
alone.

Rows "as it is, ..." rank the same vectors in another way, sources in `scripts/studies/rankings.py`:
queries or all vectors averaged with their neighbours, what an image has in common with all or with
its nearest ones taken off, the first hundred compared cell by cell. What any of them adds to
precision@8 is within the intervals, so a search ranks by the distance alone. Whitened vectors are
those of `--pooling`.

The constants (sharpness of the words and where they look, strength of the views, least size of
their parts, share of the cells, temperature, number of layers, of views and of passes) were chosen
by a person who looked at the labels of wildcats, corel5k, animals22 and artstyles7, so figures on
these sets are favoured. Of cifar10-test only how much colours change was looked at, too: that it
gains was one of the reasons for the second trained head.
"""


def page(contents: Sequence[Content], speed: Content | None) -> str:
    """docs/embedding.md."""
    parts = [INTRODUCTION, *(section(content) for content in contents)]
    return "\n".join([*parts, speed_section(speed)] if speed else parts)


def speed_section(speed: Content) -> str:
    """How fast the encoders are, from what ``scripts/benchmark.py encoders --json`` wrote."""
    settings = speed["settings"]
    size, images = int(settings["image_size"]), int(settings["images"])
    seconds = {row["name"]: statistics.median(row["seconds"]) for row in speed["measurements"]}
    lines = [
        f"\n## Encoders at {size} px\n",
        f"{images} images a round, {settings['rounds']} rounds, {speed['cores']} cores, "
        f"torch {speed['packages']['torch']}; `scripts/benchmark.py encoders`.\n",
        "| architecture | GFLOP | images/s | beside model6 |",
        "|---|--:|--:|--:|",
    ]
    for name, median in seconds.items():
        gflop = get_architecture(name).encoder_gflop(size)
        ratio = seconds["model6"] / median
        lines.append(f"| {name} | {gflop:.2f} | {images / median:.1f} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def section(content: Content) -> str:
    """One data set's table."""
    seeds, others = content["seeds"], content.get("variant_seeds", 0)
    of_others = f" ({others} of the variants)" if others not in (0, seeds) else ""
    lines = [
        f"\n## {content['dataset']}: {content['images']:,} images at {content['image_size']} px, "
        f"fitted to {content['fitted_to']}, {seeds} seeds{of_others}\n",
        "| variant | vector | distance | P@1 | precision@8 | mAP |",
        "|---|---|---|--:|--:|--:|",
    ]
    groups: dict[tuple[str, str, str], list[Content]] = {}
    for row in content["rows"]:
        groups.setdefault((row["variant"], row["pooling"], row["distance"]), []).append(row)
    for (variant, pooling, distance), rows in groups.items():
        figures = " | ".join(spread(rows, metric) for metric in METRICS)
        lines.append(f"| {variant} | {pooling} | {distance} | {figures} |")
    return "\n".join(lines) + "\n"


def spread(rows: Sequence[Content], metric: str) -> str:
    """Such as ".228 ± .001 [.006]": mean and deviation over seeds, interval over queries."""
    values = [row[metric] for row in rows]
    between = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    interval = statistics.mean(row[f"{metric}_interval"] for row in rows)
    return f"{statistics.mean(values):.3f}{between} [{interval:.3f}]"
