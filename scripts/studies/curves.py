"""Small plots of how losses fell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.studies.conclusions import Candidate, by_recipe


def plot_losses(chosen: Sequence[Candidate], title: str, file: Path) -> bool:
    """Validation loss by epoch of every training, one panel a recipe; False with nothing to show.

    Seeds are averaged. The losses of two recipes are of different things, so each has its axis.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    panels = {
        (recipe, loss): found
        for recipe in ("study", "retrieval")
        for loss in ("mse", "ssim")
        if (found := by_recipe(chosen, recipe, loss=loss))
    }
    if not panels:
        return False
    # Constant names inside the file: equal figures give equal files.
    with mpl.rc_context({"svg.hashsalt": title, "font.size": 8, "svg.fonttype": "none"}):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(3.4 * len(panels), 2.4), squeeze=False, layout="constrained"
        )
        for axis, ((recipe, loss), found) in zip(axes[0], panels.items(), strict=True):
            for each in found:
                losses = each.losses
                axis.plot(range(1, len(losses) + 1), losses, marker=".", label=each.name)
            axis.set(title=f"{title}: {recipe}, {loss}", xlabel="epoch", ylabel="validation loss")
            axis.set_yscale("log")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.legend(fontsize=6)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return True
