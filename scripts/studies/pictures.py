"""The pictures of docs/study.md, from results alone; equal figures give equal files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.pooling import Pooling
from scripts.studies.conclusions import Candidate, by_recipe
from scripts.studies.original import PAIRS

Chosen = Mapping[str, Sequence[Candidate]]
"""By data set."""
MARKERS = dict(zip(PAIRS, "osD^", strict=True))


@contextmanager
def _panels(count: int, file: Path, *, width: float, height: float) -> Iterator[Sequence[Any]]:
    """So many axes side by side, written to ``file`` at the end."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    # Constant names inside the file, and no date.
    with mpl.rc_context({"svg.hashsalt": file.name, "font.size": 8, "svg.fonttype": "none"}):
        figure, axes = plt.subplots(
            1, count, figsize=(width * count, height), squeeze=False, layout="constrained"
        )
        yield axes[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def plot_losses(chosen: Sequence[Candidate], title: str, file: Path) -> bool:
    """Validation loss by epoch of every training, one panel a recipe; False with nothing to show.

    Seeds are averaged. The losses of two recipes are of different things, so each has its axis.
    """
    panels = {
        (recipe, loss): found
        for recipe in ("study", "retrieval")
        for loss in ("mse", "ssim")
        if (found := by_recipe(chosen, recipe, loss=loss))
    }
    if not panels:
        return False
    with _panels(len(panels), file, width=3.4, height=2.4) as axes:
        for axis, ((recipe, loss), found) in zip(axes, panels.items(), strict=True):
            for each in found:
                losses = each.losses
                axis.plot(range(1, len(losses) + 1), losses, marker=".", label=each.name)
            axis.set(title=f"{title}: {recipe}, {loss}", xlabel="epoch", ylabel="validation loss")
            axis.set_yscale("log")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.legend(fontsize=6)
    return True


def plot_heat_map(chosen: Chosen, file: Path) -> bool:
    """precision@8 of every network under every pair, a panel a set; False with nothing to show."""
    if not chosen:
        return False
    most = max(map(len, chosen.values()))
    with _panels(len(chosen), file, width=3.4, height=0.8 + 0.22 * most) as axes:
        for axis, (dataset, found) in zip(axes, chosen.items(), strict=True):
            values = np.array([[each.precision(pair).mean() for pair in PAIRS] for each in found])
            axis.pcolormesh(values, cmap="viridis")
            for (row, column), value in np.ndenumerate(values):
                dark = value < (values.min() + values.max()) / 2
                axis.text(
                    column + 0.5, row + 0.5, f"{value:.3f}", ha="center", va="center",
                    color="white" if dark else "black", fontsize=6,
                )  # fmt: skip
            names = [f"{each.name}, {each.run.settings.recipe}" for each in found]
            axis.set_xticks(
                np.arange(len(PAIRS)) + 0.5, [pair.replace(" ", "\n") for pair in PAIRS], fontsize=6
            )
            axis.set_yticks(np.arange(len(names)) + 0.5, names)
            axis.invert_yaxis()
            axis.set_title(dataset)
    return True


def plot_sizes(chosen: Chosen, file: Path) -> bool:
    """precision@8 against the number of values in a vector; False with nothing to show."""
    if not chosen:
        return False
    with _panels(len(chosen), file, width=3.0, height=2.6) as axes:
        for axis, (dataset, found) in zip(axes, chosen.items(), strict=True):
            for pair, marker in MARKERS.items():
                pooling = Pooling(pair.split()[0])
                sizes = [pooling.size(tuple(each.results[0].facts["latent"])) for each in found]
                precisions = [each.precision(pair).mean() for each in found]
                axis.scatter(sizes, precisions, s=14, marker=marker, alpha=0.7, label=pair)
            axis.set_xscale("log", base=2)
            axis.set(title=dataset, xlabel="values in a vector", ylabel="precision@8")
        axes[-1].legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    return True


def plot_spectra(chosen: Chosen, file: Path) -> bool:
    """Singular values of the latents, trained and untrained; False where no result tells them."""
    telling = {
        dataset: [each for each in by_recipe(found, "study") if _spectra(each)]
        for dataset, found in chosen.items()
    }
    telling = {dataset: found for dataset, found in telling.items() if found}
    if not telling:
        return False
    with _panels(len(telling), file, width=3.4, height=2.6) as axes:
        for axis, (dataset, found) in zip(axes, telling.items(), strict=True):
            for number, each in enumerate(found):
                start, trained = _spectra(each)
                places = range(1, len(trained) + 1)
                axis.plot(places, trained, color=f"C{number % 10}", label=each.name)
                axis.plot(range(1, len(start) + 1), start, color=f"C{number % 10}", ls=":")
            axis.set(title=dataset, xlabel="direction", ylabel="share of the singular values")
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.legend(fontsize=6)
    return True


def _spectra(candidate: Candidate) -> tuple[Sequence[float], ...]:
    """Before and after; nothing where one of them is not known, or has no directions."""
    before, after = (
        each.facts.get("spectrum") for each in (candidate.starts[0], candidate.results[0])
    )
    return (before, after) if before and after else ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One kind of picture, of a whole grid.

    Attributes:
        title: where it cannot be seen.
        caption: above it.
        plot: writes the file; False with nothing to show.
    """

    title: str
    caption: str
    plot: Callable[[Chosen, Path], bool]


PICTURES: Mapping[str, Picture] = {
    "precision": Picture(
        "Heat maps of precision@8, networks by pairs",
        "precision@8 of every network under every pair.",
        plot_heat_map,
    ),
    "sizes": Picture(
        "precision@8 against the number of values in a vector",
        "precision@8 against the size of the vector: C for max pool, C x H x W for flatten.",
        plot_sizes,
    ),
    "spectra": Picture(
        "Spectra of the latents, trained and untrained",
        "Singular values of the latents as shares of their sum: trained as reported (lines) and at "
        "random weights (dotted). A steep line is a latent that differs in few directions only.",
        plot_spectra,
    ),
}
"""By what stands in their files' names."""
