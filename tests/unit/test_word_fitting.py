"""Fitting words: they are those of the images, and the layer after them ignores what views do."""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models import word_fitting
from models.agreement import fit_agreement, random_parts
from models.augment import AGREEMENT_JITTERS, FITTING_JITTERS, Jitter
from models.blocks import SideBySide
from models.initialisation import new_model
from models.layers import Activation, AveragePool, Conv, Layer, Parallel, build_layers
from models.preprocess import Preprocess
from models.progress import ProgressFile
from models.recipes import COLOURS, RECIPES, WordFitting
from models.registry import create_model, list_models
from models.view_fitting import (
    FEWEST_IMAGES,
    LEAST_VIEWS,
    MOST_CELLS,
    Views,
    fit_projection,
    histograms_made,
    in_time,
)
from models.visual_words import LEAST_CONTRAST, WordAssignment, has_words
from models.word_fitting import fit_vocabularies, fit_words
from models.word_layers import GlobalContext, LocalHistogram, OneLength, VisualWords

SIDE = 32
PREPROCESS = Preprocess(SIDE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
FITTING = WordFitting(patches=1_500, view_epochs=20)


def mixture(channels: int, activation: Activation = "none") -> Conv:
    return Conv(channels, kernel=1, padding=0, activation=activation)


SMALL: tuple[Layer, ...] = (
    Parallel(
        (
            (VisualWords(12, 5, 4, grey=True, equalise=True), LocalHistogram(4)),
            (VisualWords(8, 1, 4, sharpness=8.0), LocalHistogram(4)),
            (
                AveragePool(2),
                VisualWords(10, 3, 2, equalise=True, sharpness=2.0),
                LocalHistogram(4),
            ),
        )
    ),
    GlobalContext(0.3),
    Parallel(
        (
            (mixture(6), OneLength()),
            (mixture(12, "relu"), mixture(8, "relu"), mixture(6), OneLength()),
            (mixture(10, "relu"), mixture(5), OneLength()),
        )
    ),
)


HEADS = 2
"""Of SMALL, that are trained."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, seed: int = 0) -> Tensor:
    """Images of smooth coloured noise, uint8."""
    coarse = torch.rand(count, 3, SIDE // 4, SIDE // 4, generator=generator(seed))
    fine = torch.rand(count, 3, SIDE, SIDE, generator=generator(seed + 1))
    big = nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")
    return ((0.8 * big + 0.2 * fine) * 255).to(torch.uint8)


def plain_images(*colours: tuple[int, int, int]) -> Tensor:
    rows = torch.tensor(colours, dtype=torch.uint8).view(-1, 3, 1, 1)
    return rows.expand(-1, 3, SIDE, SIDE).contiguous()


def fitted(
    pixels: Tensor, *, seed: int = 0, colour: str = "keep", fitting: WordFitting = FITTING
) -> nn.Sequential:
    encoder = build_layers(SMALL, channels=3).requires_grad_(False)
    fit_words(encoder, pixels, PREPROCESS, fitting, colour=colour, seed=seed)
    return encoder


def fitted_vocabulary(words: VisualWords, pixels: Tensor) -> WordAssignment:
    vocabularies = SideBySide([build_layers((words,), channels=3)]).requires_grad_(False)
    fit_vocabularies(vocabularies, pixels, PREPROCESS, FITTING, generator())
    assignment = vocabularies[0][0]
    assert isinstance(assignment, WordAssignment)
    return assignment


def overlaps(profiles: Tensor) -> Tensor:
    """Of each two rows of shares, the part that they have in common. Shape: (N, K) -> (N, N)."""
    return torch.minimum(profiles.unsqueeze(1), profiles.unsqueeze(0)).sum(dim=2)


def test_only_model7_has_words() -> None:
    assert [name for name in list_models() if has_words(create_model(name).encoder)] == ["model7"]


def test_each_of_a_few_colours_gets_words_of_its_own() -> None:
    colours = torch.tensor([[230, 30, 30], [30, 200, 30], [30, 30, 220], [128, 128, 128]])
    tiles = torch.randint(4, (10, SIDE // 8, SIDE // 8), generator=generator())
    pixels = colours[tiles].permute(0, 3, 1, 2).to(torch.uint8)
    pixels = pixels.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    assignment = fitted_vocabulary(VisualWords(12, 1, 1, sharpness=8.0), pixels)
    plain = colours.to(torch.uint8).view(4, 3, 1, 1)
    shares = assignment(PREPROCESS.normalize(plain)).flatten(1)
    assert torch.allclose(overlaps(shares), torch.eye(4), atol=0.01)


def textures() -> Tensor:
    """Flat, and stripes in four directions, with a little noise: four times each."""
    row, column = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    zero = torch.zeros_like(row)
    pictures = torch.stack(
        [zero, row // 2 % 2, column // 2 % 2, (row + column) // 2 % 2, (row - column) // 2 % 2]
    )
    noise = torch.rand(4, 5, 3, SIDE, SIDE, generator=generator())
    pixels = 60 + 120 * pictures.view(1, 5, 1, SIDE, SIDE) + 10 * noise
    return pixels.flatten(0, 1).to(torch.uint8)


@pytest.mark.parametrize("grey", [False, True])
def test_each_of_a_few_textures_gets_words_of_its_own(grey: bool) -> None:
    pixels = textures()
    words = VisualWords(120, 5, 1, grey=grey, equalise=True, sharpness=2.0)
    shares = fitted_vocabulary(words, pixels)(PREPROCESS.normalize(pixels))
    profiles = shares[:, :, 4:-4, 4:-4].mean(dim=(2, 3))
    alike = overlaps(profiles).view(4, 5, 4, 5).mean(dim=(0, 2))
    assert alike.diagonal().min() > 0.8
    assert alike.fill_diagonal_(0).max() < 0.1


def whitened_by_hand(patches: np.ndarray, shrinkage: float) -> np.ndarray:
    """Patches with the directions' variances divided out, as a function of a patch."""
    centred = patches - patches.mean(axis=0)
    covariance = np.zeros((patches.shape[1], patches.shape[1]))
    for row in centred:
        covariance += np.outer(row, row) / len(centred)
    values, vectors = np.linalg.eigh(covariance)
    values = values + shrinkage * np.trace(covariance) / len(covariance)
    return centred @ (vectors @ np.diag(values**-0.5) @ vectors.T)


@pytest.mark.parametrize("equalise", [False, True])
@pytest.mark.parametrize("sharpness", [1.0, 4.0])
def test_shares_fall_with_the_distance_to_the_whitened_centres(
    monkeypatch: pytest.MonkeyPatch, equalise: bool, sharpness: float
) -> None:
    found: list[Tensor] = []
    original = word_fitting._centres

    def watched(*args: object) -> Tensor:
        found.append(original(*args))  # type: ignore[arg-type]
        return found[0]

    monkeypatch.setattr(word_fitting, "_centres", watched)
    scales = torch.linspace(0.2, 2, 75)  # so that whitening matters
    patches = 0.5 + scales * torch.randn(400, 75, generator=generator())
    layer = VisualWords(6, 5, 1, equalise=equalise, sharpness=sharpness)
    assignment = WordAssignment(layer, channels=3).requires_grad_(False)
    word_fitting._fit_assignment(assignment, patches, FITTING, generator())
    looked_at = patches.double().numpy()
    if equalise:
        spread = np.sqrt(looked_at.var(axis=1, keepdims=True) + LEAST_CONTRAST**2)
        looked_at = (looked_at - looked_at.mean(axis=1, keepdims=True)) / spread
    whitened = whitened_by_hand(looked_at, FITTING.patch_shrinkage)
    (centres,) = found
    expected = np.empty((400, 6))
    for place, row in enumerate(whitened):
        squares = np.array([((row - centre) ** 2).sum() for centre in centres.double().numpy()])
        parts = np.exp(-sharpness * (squares - squares.min()) / 2)
        expected[place] = parts / parts.sum()
    shares = assignment(patches.view(400, 3, 5, 5))[:, :, 2, 2].double().numpy()
    assert np.abs(shares - expected).max() < 1e-3
    assert (shares.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_centres_are_the_means_of_the_rows_nearest_to_them() -> None:
    corners = 20 * torch.eye(5, 8)
    rows = corners.repeat(30, 1) + torch.randn(150, 8, generator=generator())
    centres = word_fitting._centres(rows, 5, generator(3))
    nearest = torch.cdist(rows, centres).argmin(dim=1)
    for place, centre in enumerate(centres):
        assert torch.allclose(centre, rows[nearest == place].mean(dim=0), atol=1e-4)


def test_drawn_patches_are_windows_of_the_images() -> None:
    images = torch.arange(2 * 3 * 6 * 7).view(2, 3, 6, 7).float()
    windows = {
        tuple(images[i, :, row : row + 3, column : column + 3].flatten().tolist())
        for i in range(2)
        for row in range(4)
        for column in range(5)
    }
    patches = word_fitting._draw_patches(images, 3, 600, generator())
    assert {tuple(patch) for patch in patches.tolist()} == windows


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    pixels = noise(10)
    first, again, other = (fitted(pixels, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_clusters_repeat_bit_by_bit_on_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_limits

    rows = torch.randn(4_000, 20, generator=generator())
    monkeypatch.setenv("OMP_NUM_THREADS", "8")  # scikit-learn then takes more threads than cores
    with threadpool_limits(8, user_api="openmp"):
        first, *others = (word_fitting._centres(rows, 32, generator(1)) for _ in range(4))
    assert all(torch.equal(first, other) for other in others)


def test_the_weights_that_were_there_do_not_matter() -> None:
    torch.manual_seed(0)
    first = fitted(noise(4)).state_dict()
    torch.manual_seed(1)
    second = fitted(noise(4)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_colours_that_views_change_decide_what_comes_after_the_words_and_not_the_words() -> None:
    pixels = noise(10)
    kept, ignored = (fitted(pixels, colour=colour) for colour in COLOURS)
    for name, value in kept[0].state_dict().items():
        assert torch.equal(value, ignored[0].state_dict()[name])
    after = kept[2].state_dict()
    assert len(after) == 12
    for name, value in ignored[2].state_dict().items():
        assert not torch.allclose(value, after[name], rtol=0.01)


def test_ignored_colours_move_an_image_less_than_kept_ones() -> None:
    pixels = noise(40)
    turned = pixels[:, [1, 2, 0]]  # another hue everywhere
    moves = []
    for colour in COLOURS:
        encoder = fitted(pixels, colour=colour, fitting=replace(FITTING, view_epochs=200))
        plain, other = (encoder(PREPROCESS.normalize(each)).flatten(1) for each in (pixels, turned))
        moves.append(torch.cosine_similarity(plain, other).mean().item())
    assert moves[1] > moves[0] + 0.05


def test_no_more_images_are_looked_at_than_the_fitting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Tensor] = []
    original = word_fitting.fit_vocabularies

    def watched(vocabularies: SideBySide, images: Tensor, *args: object) -> None:
        seen.append(images)
        original(vocabularies, images, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(word_fitting, "fit_vocabularies", watched)
    pixels = noise(12)
    encoder = build_layers(SMALL, channels=3).requires_grad_(False)
    fit_words(encoder, pixels, PREPROCESS, replace(FITTING, images=5), colour="keep", seed=0)
    chosen = [int((pixels == image).all(dim=(1, 2, 3)).nonzero()) for image in seen[0]]
    assert len(set(chosen)) == 5
    assert chosen != [0, 1, 2, 3, 4]


def views_of(vocabularies: nn.Module) -> Views:
    assert isinstance(vocabularies, SideBySide)
    return Views(vocabularies, PREPROCESS, FITTING.view_area, generator(), ProgressFile())


STILL = Jitter(brightness=0, contrast=0, saturation=0)


def test_plain_histograms_are_means_over_the_cells() -> None:
    pixels = noise(11)  # more than a batch
    vocabularies = fitted(pixels)[0]
    rows = views_of(vocabularies).plain(pixels)
    for image, row in zip(pixels, rows, strict=True):
        cells = vocabularies(PREPROCESS.normalize(image.unsqueeze(0)))[0].flatten(1)
        assert torch.allclose(row, sum(cells.T) / cells.shape[1], atol=1e-5)


def test_views_of_one_image_differ_in_what_views_change_and_other_images_do_not_count() -> None:
    vocabularies = fitted(noise(10))[0]
    colours = torch.randint(256, (11, 3), generator=generator()).tolist()  # more than a batch
    pixels = plain_images(*map(tuple, colours))  # no part of them looks otherwise
    views = views_of(vocabularies)
    assert torch.pdist(views.plain(pixels)).min() > 0.01
    assert torch.allclose(views.difference(pixels, STILL), torch.zeros(11, 30), atol=1e-4)
    tinted = views.difference(pixels, FITTING_JITTERS["ignore"])
    of_colours = slice(12, 20)
    assert tinted[:, of_colours].norm(dim=1).median() > 0.5


def test_several_views_are_of_the_image_in_their_row_and_each_is_another() -> None:
    vocabularies = fitted(noise(10))[0]
    views = views_of(vocabularies)
    colours = torch.randint(256, (11, 3), generator=generator()).tolist()
    plain = plain_images(*map(tuple, colours))
    still, tinted = views.several(plain, [STILL, FITTING_JITTERS["ignore"]], 3)
    assert still.shape == tinted.shape == (3, 11, 4, 30)
    whole = views.plain(plain).view(1, 11, 1, 30)
    assert torch.allclose(still.float(), whole.expand(3, -1, 4, -1), atol=1e-2)
    of_colours = slice(12, 20)
    assert (tinted.float() - whole)[..., of_colours].norm(dim=3).median() > 0.3
    differing = views.several(noise(2), [STILL], 3)[0].float().flatten(2)  # of other parts
    assert min(torch.pdist(differing[:, image]).min() for image in range(2)) > 0.01


@pytest.mark.parametrize(("side", "cells"), [(16, 1), (32, 4), (64, 16), (112, 16), (160, 16)])
def test_of_large_views_cells_are_averaged(side: int, cells: int) -> None:
    views = replace(views_of(fitted(noise(10))[0]), least_area=1.0)
    pixels = nn.functional.interpolate(noise(2).float(), size=(side, side)).to(torch.uint8)
    found = views.several(pixels, [STILL], 2)[0].float()
    assert found.shape == (2, 2, cells, 30)
    if side // 16 % MOST_CELLS == 0:  # all cells count alike
        whole = views.plain(pixels)
        mirrored = found.mean(dim=2)
        assert torch.allclose(mirrored, whole.expand(2, -1, -1), atol=0.1)


@pytest.mark.parametrize(("until", "count"), [(None, 5), (float("inf"), 5), (0.0, LEAST_VIEWS)])
def test_when_time_is_up_there_are_as_many_views_as_there_have_to_be(
    until: float | None, count: int
) -> None:
    views = views_of(fitted(noise(3))[0])
    assert views.several(noise(3), [STILL] * 3, 5, until=until).shape[:2] == (3, count)


@pytest.mark.parametrize(
    ("seconds_each", "until", "count"),
    [
        (1.0, None, 2000),
        (1e-9, 1e6, 2000),
        (1.0, float("inf"), 2000),
        (1000 / (1000 * (2 + 3 * LEAST_VIEWS)), 1000.0, 1000),
        (1.0, -5.0, FEWEST_IMAGES),
    ],
)
def test_of_no_more_images_than_there_is_time_for_views_are_looked_at(
    seconds_each: float, until: float | None, count: int
) -> None:
    images = torch.arange(2000)
    until = None if until is None else perf_counter() + until
    chosen = in_time(images, seconds_each, until, generator(0), heads=3)
    assert len(chosen) == pytest.approx(count, abs=2)
    assert len(set(chosen.tolist())) == len(chosen)
    if len(chosen) < len(images):  # from everywhere, not the first ones
        assert chosen.float().mean() == pytest.approx(1000, abs=100)
    few = images[:9]
    assert torch.equal(in_time(few, seconds_each, until, generator(0), heads=3), few)


def test_where_time_is_short_fitting_looks_at_fewer_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.view_fitting.FEWEST_IMAGES", 7)
    told = Told()
    encoder = build_layers(SMALL, channels=3).requires_grad_(False)
    fit_words(
        encoder,
        noise(30),
        PREPROCESS,
        replace(FITTING, images=30, views=4),
        colour="keep",
        seed=0,
        until=0.0,
        told=told,
    )
    assert sum(told.advances["words"]) == 30 + 7 * (2 + HEADS * LEAST_VIEWS)
    assert told.advances["views"] == [7]
    assert told.totals["views"] == 7


@pytest.mark.parametrize("images", [2, 9, 40])
def test_images_are_told_as_they_are_looked_at_and_their_number_is_known_before(
    images: int,
) -> None:
    told = Told()
    encoder = build_layers(SMALL, channels=3).requires_grad_(False)
    fitting = replace(FITTING, images=30, views=4)
    fit_words(encoder, noise(images), PREPROCESS, fitting, colour="keep", seed=0, told=told)
    assert list(told.totals) == ["words", "views"]
    assert told.totals["words"] == histograms_made(images, fitting, heads=HEADS)
    assert told.totals["views"] == fitting.view_epochs * min(images, 30)
    for phase, advances in told.advances.items():
        assert len(advances) > 1
        assert sum(advances) == told.totals[phase]


class Told:
    """What was told, by phase."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.advances: dict[str, list[int]] = {}

    def begin(self, phase: str, *, total: int = 0) -> None:
        self.totals[phase] = total
        self.advances[phase] = []

    def advance(self, images: int = 1) -> None:
        self.advances[next(reversed(self.advances))].append(images)


CENTRE = 5.0


def kinds_of_views(seed: int, images: int = 60) -> tuple[Tensor, Tensor, Tensor]:
    """Made-up histograms around CENTRE; views turn the signs of all differences from it at once.

    Returns:
        plain (N, 8), views (6, N, 1, 8), differences (N, 8).
    """
    random = generator(seed)
    plain = torch.randn(images, 8, generator=random)
    signs = torch.randint(2, (8, images, 1), generator=random) * 2.0 - 1
    views = signs * plain + 0.1 * torch.randn(8, images, 8, generator=random)
    return plain + CENTRE, views[:6].unsqueeze(2) + CENTRE, views[6] - views[7]


def partner_found(rows: Tensor) -> float:
    """Share of first views whose nearest second view is of the same image. Shape: (2, N, D)."""
    first, second = nn.functional.normalize(rows, dim=2)
    return ((first @ second.T).argmax(dim=1) == torch.arange(len(first))).float().mean().item()


def agreement(*widths: int, size: int = 16) -> nn.Sequential:
    hidden = tuple(mixture(width, "relu") for width in widths)
    return build_layers((*hidden, mixture(size), OneLength()), channels=8).requires_grad_(False)


@pytest.mark.parametrize("widths", [(64,), (64, 32)])
def test_agreeing_layers_find_views_that_no_linear_layer_can(widths: tuple[int, ...]) -> None:
    plain, views, differences = kinds_of_views(0, images=400)
    _, unseen, _ = kinds_of_views(1)
    layers = agreement(*widths)
    fitting = replace(FITTING, view_epochs=150)
    agree(layers, plain, views, differences, fitting)
    found = layers(unseen[:2].reshape(-1, 8, 1, 1)).view(2, 60, -1)
    assert partner_found(unseen[:2, :, 0] - CENTRE) < 0.6  # half of the pairs have opposite signs
    assert partner_found(found) > 0.85


def agree(
    layers: nn.Sequential,
    plain: Tensor,
    views: Tensor,
    differences: Tensor,
    fitting: WordFitting = FITTING,
) -> None:
    fit_agreement(
        [layers], plain, views.unsqueeze(0), differences, fitting,
        generator=generator(), told=ProgressFile(),
    )  # fmt: skip


def test_agreement_does_not_depend_on_the_weights_before_nor_on_the_global_seed() -> None:
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        layers = agreement(64, 32)
        before = torch.get_rng_state()
        agree(layers, *kinds_of_views(0))
        assert torch.equal(torch.get_rng_state(), before)
        results.append(layers.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_parts_of_an_image_come_together_too() -> None:
    """Four words tell the image in all its cells, four each half; a whole view tells both by all.

    Whoever sees only whole views does not learn which words the halves share.
    """
    found = {}
    for part_side in (0.4, 1.0):
        layers = agreement(64, 32)
        fitting = replace(FITTING, view_epochs=150, part_side=part_side)
        cells, differences = cells_of_halves(0)
        noise = 0.1 * torch.randn(4, *cells.shape, generator=generator())
        agree(layers, cells.mean(dim=1), cells + noise, differences, fitting)
        unseen = cells_of_halves(1, images=40)[0][:, ::2]
        halves = layers(unseen.transpose(0, 1).reshape(-1, 8, 1, 1)).view(2, len(unseen), -1)
        found[part_side] = partner_found(halves)
    assert found[0.4] > found[1.0] + 0.2


def cells_of_halves(seed: int, images: int = 400) -> tuple[Tensor, Tensor]:
    """Made-up histograms of two by two cells (N, 4, 8), and differences of views (N, 8)."""
    random = generator(seed)
    whole = 1.5 * torch.randn(images, 1, 4, generator=random).expand(-1, 2, -1)
    halves = torch.cat([whole, torch.randn(images, 2, 4, generator=random)], dim=2)
    return halves.repeat_interleave(2, dim=1), 0.1 * torch.randn(images, 8, generator=random)


def test_every_head_learns_from_its_own_views() -> None:
    """Of 8 words the views of one head keep the first half, those of the other the second."""
    plain, _, differences = kinds_of_views(0, images=400)
    views = torch.stack([plain, plain]).unsqueeze(1).repeat(1, 6, 1, 1)
    views[0, ..., 4:] = CENTRE + torch.randn(6, 400, 4, generator=generator(1))
    views[1, ..., :4] = CENTRE + torch.randn(6, 400, 4, generator=generator(2))
    heads = [agreement(64), agreement(64, 32)]
    fit_agreement(
        heads, plain, views.unsqueeze(3), differences, replace(FITTING, view_epochs=60),
        generator=generator(), told=ProgressFile(),
    )  # fmt: skip
    unseen, _, _ = kinds_of_views(1)
    for kept, head in zip((slice(0, 4), slice(4, 8)), heads, strict=True):
        pair = torch.randn(2, 60, 8, generator=generator(3)) + CENTRE
        pair[..., kept] = unseen[:, kept]
        own, others = (
            partner_found(layers(pair.reshape(-1, 8, 1, 1)).view(2, 60, -1))
            for layers in (head, *(each for each in heads if each is not head))
        )
        assert own > 0.8
        assert others < 0.4


def test_each_jitter_has_a_head_of_its_own() -> None:
    (*_, heads) = fitted(noise(2))
    for jitters in AGREEMENT_JITTERS.values():
        assert len(jitters) == len(heads) - 1 == HEADS


@pytest.mark.parametrize("side", [1, 2, 3, 4])
@pytest.mark.parametrize("least", [0.2, 0.5, 1.0])
def test_a_random_part_is_a_rectangle_of_the_size_that_was_asked_for(
    side: int, least: float
) -> None:
    parts = random_parts(400, side, least, generator()).view(400, side, side)
    assert parts.min() >= 0
    assert torch.allclose(parts.sum(dim=(1, 2)), torch.ones(400), atol=1e-5)
    down, along = parts.sum(dim=2), parts.sum(dim=1)
    assert torch.allclose(parts, down.unsqueeze(2) * along.unsqueeze(1), atol=1e-5)
    for share in (down, along):
        # A cell that is wholly inside has 1 / length: the length of a part is seen by it.
        lengths = 1 / share.max(dim=1).values
        assert lengths.max() <= side + 1e-3
        assert lengths.min() >= max(least * side / 2, 0.5 * min(least * side, 1))
        if least == 1.0:
            assert torch.allclose(share, torch.full_like(share, 1 / side), atol=1e-5)
        elif side > 1:  # everywhere
            assert (share.mean(dim=0) > 0.3 / side).all()
            assert share.std() > 0.01


def test_where_time_is_short_layers_are_trained_for_fewer_steps() -> None:
    plain, views, differences = kinds_of_views(0)
    counts = {}
    for seconds in (-1.0, 0.2, 1e6):
        told = Told()
        fit_agreement(
            [agreement(64, 32)],
            plain,
            views.unsqueeze(0),
            differences,
            replace(FITTING, view_epochs=2_000),
            generator=generator(),
            told=told,
            until=perf_counter() + seconds,
        )
        counts[seconds] = len(told.advances["views"])
    assert counts[-1.0] == 1
    assert 1 < counts[0.2] < 2_000
    assert counts[1e6] == 2_000


def projection_of(
    plain: Tensor, differences: Tensor, channels: int, **fitting: float
) -> Callable[[Tensor], Tensor]:
    """The fitted layer as a function of histograms (N, K)."""
    layer = nn.Conv2d(plain.shape[1], channels, 1)
    fit_projection(layer, plain, differences, replace(FITTING, **fitting))
    layer.requires_grad_(False)
    return lambda rows: layer(rows.view(*rows.shape, 1, 1)).flatten(1)


def histograms(count: int = 60) -> tuple[Tensor, Tensor]:
    """Made-up histograms and differences of six words, each direction with its own variance."""
    scales = torch.tensor([1.0, 3.0, 0.5, 2.0, 0.2, 1.5])
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator(5)))[0]
    plain = 4 + scales * torch.randn(count, 6, generator=generator()) @ turn
    return plain, scales.flip(0) * torch.randn(count, 6, generator=generator(1))


def test_without_views_the_projection_is_a_rotation_of_the_centred_histograms() -> None:
    plain, differences = histograms()
    projected = projection_of(plain, differences, 6, view_exponent=0.0)(plain)
    assert torch.allclose(torch.pdist(projected), torch.pdist(plain), rtol=1e-4)
    lengths = (plain - plain.mean(dim=0)).norm(dim=1)
    assert torch.allclose(projected.norm(dim=1), lengths, rtol=1e-4)


@pytest.mark.parametrize("exponent", [0.0, 0.35, 0.5])
def test_channels_are_uncorrelated_and_fall_in_variance_and_their_mean_is_zero(
    exponent: float,
) -> None:
    plain, differences = histograms()
    projected = projection_of(plain, differences, 6, view_exponent=exponent)(plain)
    assert torch.allclose(projected.mean(dim=0), torch.zeros(6), atol=1e-4)
    covariance = projected.T @ projected / len(projected)
    variances = covariance.diagonal()
    assert torch.equal(variances.sort(descending=True).values, variances)
    assert torch.allclose(covariance, torch.diag(variances), atol=1e-3 * variances[0].item())


def test_fewer_channels_are_the_strongest_of_all() -> None:
    plain, differences = histograms()
    every = projection_of(plain, differences, 6)(plain)
    assert torch.allclose(projection_of(plain, differences, 2)(plain), every[:, :2], atol=1e-5)


def test_what_only_views_change_loses_weight_by_the_exponents_power() -> None:
    plain = torch.randn(500, 2, generator=generator())
    differences = torch.zeros(500, 2)
    differences[:, 0] = 2 * torch.randn(500, generator=generator(1))
    project = projection_of(plain, differences, 2, view_exponent=0.35, view_shrinkage=0.1)
    origin = project(torch.zeros(1, 2))
    changed, kept = (project(step.unsqueeze(0)) - origin for step in torch.eye(2))
    mean_variance = (differences[:, 0] ** 2).mean().item() / 2
    assert kept.norm().item() == pytest.approx((0.1 * mean_variance) ** -0.35, rel=1e-3)
    assert changed.norm().item() == pytest.approx((2.1 * mean_variance) ** -0.35, rel=1e-3)


DEGENERATE = {
    "equal": noise(1).expand(5, -1, -1, -1).contiguous(),
    "one colour": plain_images(*[(200, 40, 90)] * 3),
    "black": plain_images(*[(0, 0, 0)] * 3),
    "plain colours": plain_images((200, 40, 90), (10, 220, 30), (255, 255, 255)),
    "two images": noise(2),
    "grey": noise(6).float().mean(dim=1, keepdim=True).to(torch.uint8).expand(-1, 3, -1, -1),
}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", DEGENERATE)
def test_images_with_little_in_them_give_finite_weights(name: str, colour: str) -> None:
    encoder = fitted(DEGENERATE[name], colour=colour)
    for value in encoder.state_dict().values():
        assert value.isfinite().all()
    for pixels in (DEGENERATE[name], noise(2, seed=9)):
        assert encoder(PREPROCESS.normalize(pixels)).isfinite().all()


def precision_at_1(latents: Tensor, labels: Tensor) -> float:
    rows = nn.functional.normalize(latents.flatten(1))
    likeness = (rows @ rows.T).fill_diagonal_(-2)
    return (labels[likeness.argmax(dim=1)] == labels).float().mean().item()


def woven(seed: int) -> tuple[Tensor, Tensor]:
    """Lying stripes, standing stripes and chequers, eight of each in random colours; their kind."""
    random = generator(seed)
    row, column = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    pictures = []
    for kind in range(3):
        for _ in range(8):
            down, along = torch.randint(6, (2,), generator=random).tolist()
            lying, standing = (row + down) // 3 % 2, (column + along) // 3 % 2
            pattern = (lying, standing, lying ^ standing)[kind]
            first, second = torch.randint(256, (2, 3, 1, 1), generator=random)
            grain = torch.randint(-20, 20, (3, 64, 64), generator=random)
            pictures.append(torch.where(pattern.bool(), first, second) + grain)
    pixels = torch.stack(pictures).clamp(0, 255).to(torch.uint8)
    return pixels, torch.arange(3).repeat_interleave(8)


def test_fitted_words_find_the_like_of_a_picture_more_often_than_random_ones() -> None:
    preprocess = replace(PREPROCESS, image_size=64)
    pixels, kinds = woven(0)
    encoder = new_model("model7", RECIPES["retrieval"], seed=0).encoder.requires_grad_(False)
    before = precision_at_1(encoder(preprocess.normalize(pixels)), kinds)
    fit_words(encoder, pixels, preprocess, WordFitting(patches=3_000), colour="ignore", seed=0)
    after = precision_at_1(encoder(preprocess.normalize(pixels)), kinds)
    assert after > before + 0.2
