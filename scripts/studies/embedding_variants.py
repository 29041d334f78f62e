"""What is made of histograms of words, in the variants that ``embedding_study.py`` compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from indexer.types import Distance
from models.architectures.model7 import AGREEING, LOCAL, STEADY, agreeing_head, steady_head
from models.pooling import STANDARD, Pooling
from models.recipes import COLOURS, RECIPES, WordFitting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from indexer.types import Vector

ARCH, RECIPE = "model7", RECIPES["retrieval"]
FITTING = WordFitting()
VOCABULARIES = ("texture", "coloured texture", "colours", "coarse texture", "coarse colour texture")
"""Names of model7's branches, in their order."""
ALL = frozenset(range(len(VOCABULARIES)))
HEADS = ("closed-form head", "head of small colour changes", "head of large colour changes")
"""Names of model7's heads, in their order; the first is not trained."""
EVERY_HEAD = frozenset(range(len(HEADS)))
FLATTEN_COSINE = Pooling.FLATTEN, Distance.COSINE


@dataclass(frozen=True, slots=True)
class Variant:
    """What comes after the histograms, and which of them are kept.

    Attributes:
        name: for the table.
        branches: indices of the vocabularies that are kept.
        fitting, colour: of the layers that learn from views.
        local: of GlobalContext.
        heads: indices of the heads that are kept.
        pairs: what is judged.
    """

    name: str
    branches: frozenset[int] = ALL
    fitting: WordFitting = FITTING
    colour: str = "keep"
    local: float = LOCAL
    heads: frozenset[int] = EVERY_HEAD
    pairs: tuple[tuple[Pooling, Distance], ...] = (FLATTEN_COSINE,)


def variants() -> Iterator[Variant]:
    """The whole, each part removed, each vocabulary alone."""
    further = tuple((pooling, Distance.COSINE) for pooling in Pooling if pooling not in STANDARD)
    standard = tuple((pooling, distance) for pooling in STANDARD for distance in Distance)
    unfitted = replace(FITTING, view_exponent=0.0)
    yield Variant("as it is", pairs=standard + further)
    # These need no fitting of their own, and so come while that of the whole is remembered.
    for index, name in enumerate(HEADS):
        yield Variant(f"the {name} alone", heads=frozenset({index}))
    for index, name in enumerate(HEADS):
        yield Variant(f"without the {name}", heads=EVERY_HEAD - {index})
    yield Variant("cells on their own", local=1.0)
    yield Variant("cells all alike", local=0.0)
    yield Variant(
        "the closed-form head alone, views left out", fitting=unfitted, heads=frozenset({0})
    )
    for index, name in enumerate(VOCABULARIES):
        yield Variant(f"without {name}", branches=ALL - {index})
    for index, name in enumerate(VOCABULARIES):
        yield Variant(f"{name} alone", branches=frozenset({index}))
    yield Variant("two views of each image", fitting=replace(FITTING, views=2))
    yield Variant("six views of each image", fitting=replace(FITTING, views=6))
    yield Variant("views as a whole, no parts", fitting=replace(FITTING, part_side=1.0))
    yield Variant("100 passes over the views", fitting=replace(FITTING, view_epochs=100))
    yield Variant("temperature 0.2", fitting=replace(FITTING, view_temperature=0.2))
    yield Variant("temperature 1", fitting=replace(FITTING, view_temperature=1.0))
    yield Variant("views keep hue", colour="strict")
    yield Variant("views of any hue (--colour ignore)", colour="ignore")


@dataclass(frozen=True, slots=True)
class Seen:
    """Histograms of views.

    Attributes:
        differences: of two views of each image, for the first head. Shape: (M, K).
        several: cells of V views of each image, for each of the others. Shape: (2, V, M, P, K).
    """

    differences: Tensor
    several: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """What all variants of one seed share.

    Attributes:
        cells: of the searched images, half precision. Shape: (N, K, H, W).
        plain: of the images that were fitted to. Shape: (M, K).
        views: by what they may do to colours.
        channels: first and last channel of each vocabulary.
    """

    cells: Tensor
    plain: Tensor
    views: Mapping[str, Seen]
    channels: tuple[range, ...] = field(default=())

    def kept(self, branches: AbstractSet[int]) -> list[int]:
        """The channels of ``branches``, in their order."""
        return [channel for index in sorted(branches) for channel in self.channels[index]]


def histograms(
    searched: Tensor, fitted: Tensor, image_size: int, *, colours: AbstractSet[str], seed: int
) -> Histograms:
    """Fit the words and look at everything once: uint8 images (N, 3, S, S) each.

    Views are compared for ``colours`` only.
    """
    import torch

    from models.augment import AGREEMENT_JITTERS, FITTING_JITTERS, JITTERS
    from models.blocks import SideBySide
    from models.initialisation import new_model
    from models.preprocess import Preprocess
    from models.progress import ProgressFile
    from models.view_fitting import Views
    from models.visual_words import WordAssignment
    from models.word_fitting import fit_vocabularies

    preprocess = Preprocess(image_size, RECIPE.mean, RECIPE.std)
    vocabularies = new_model(ARCH, RECIPE, seed=seed).encoder[0]
    assert isinstance(vocabularies, SideBySide)
    generator = torch.Generator().manual_seed(seed)
    images = fitted[torch.randperm(len(fitted), generator=generator)[: FITTING.images]]
    fit_vocabularies(vocabularies, images, preprocess, FITTING, generator)
    strict = JITTERS["keep"]
    jitters = {name: (FITTING_JITTERS[name], AGREEMENT_JITTERS[name]) for name in COLOURS}
    jitters["strict"] = strict, (strict, strict)
    looking = Views(vocabularies, preprocess, FITTING.view_area, generator, ProgressFile())
    views = {
        colour: Seen(
            looking.difference(images, first), looking.several(images, second, FITTING.views)
        )
        for colour, (first, second) in jitters.items()
        if colour in colours
    }
    with torch.inference_mode():
        cells = [
            vocabularies(preprocess.normalize(batch)).half().contiguous()
            for batch in torch.split(searched, 8)
        ]
    words = [
        module.layer.words
        for module in vocabularies.modules()
        if isinstance(module, WordAssignment)
    ]
    starts = [sum(words[:index]) for index in range(len(words))]
    return Histograms(
        torch.cat(cells),
        looking.plain(images),
        views,
        tuple(range(start, start + count) for start, count in zip(starts, words, strict=True)),
    )


def vectors(seen: Histograms, variant: Variant, *, seed: int) -> dict[Pooling, Vector]:
    """What ``variant`` makes of the searched images, for each of its poolings.

    Whitening is fitted to the searched images.
    """
    import torch
    from torch import nn

    from models.blocks import SideBySide
    from models.visual_words import TowardsMean
    from models.whitening import fit_whitening, sample_for_fit

    fitted = [steady(seen, variant.branches, variant.fitting, variant.colour)]
    if variant.heads - {0}:
        fitted += agreeing(seen, variant.branches, variant.fitting, variant.colour, seed)
    chosen = [fitted[index] for index in sorted(variant.heads)]
    after = nn.Sequential(TowardsMean(variant.local), SideBySide(chosen))
    kept = seen.kept(variant.branches)
    with torch.inference_mode():
        latents = [after(batch[:, kept].float()) for batch in torch.split(seen.cells, 256)]
    found = {}
    for pooling in {pooling for pooling, _ in variant.pairs}:
        if pooling.is_fitted:
            flat = torch.cat([Pooling.FLATTEN.apply(latent) for latent in latents])
            found[pooling] = fit_whitening(flat[sample_for_fit(*flat.shape)]).apply(flat).numpy()
        else:
            found[pooling] = torch.cat([pooling.apply(latent) for latent in latents]).numpy()
    return found


@lru_cache(maxsize=1)
def steady(
    seen: Histograms, branches: frozenset[int], fitting: WordFitting, colour: str
) -> nn.Sequential:
    """The head that is fitted in closed form, to the channels of ``branches``."""
    from models.layers import build_layers
    from models.view_fitting import fit_projection

    kept = seen.kept(branches)
    head = build_layers(steady_head(min(STEADY, len(kept))), channels=len(kept))
    differences = seen.views[colour].differences[:, kept]
    fit_projection(head[0], seen.plain[:, kept], differences, fitting)
    return head


@lru_cache(maxsize=1)
def agreeing(
    seen: Histograms, branches: frozenset[int], fitting: WordFitting, colour: str, seed: int
) -> tuple[nn.Sequential, ...]:
    """The heads that are trained, on the channels of ``branches``."""
    import torch

    from models.agreement import fit_agreement
    from models.layers import build_layers
    from models.progress import ProgressFile

    kept, views = seen.kept(branches), seen.views[colour]
    layers = agreeing_head(min(AGREEING, len(kept)))
    several = views.several[:, : fitting.views]
    heads = tuple(build_layers(layers, channels=len(kept)) for _ in several)
    if len(kept) < several.shape[-1]:
        several = several[..., kept]
    fit_agreement(
        heads, seen.plain[:, kept], several, views.differences[:, kept], fitting,
        generator=torch.Generator().manual_seed(seed), told=ProgressFile(),
    )  # fmt: skip
    return heads
