"""Visual words: shares, histograms and context agree with slow versions of their definitions."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.layers import (
    Activation,
    AveragePool,
    Conv,
    Layer,
    MaxPool,
    Parallel,
    Shape,
    build_layers,
    count_macs,
    count_parameters,
    output_shape,
)
from models.visual_words import (
    LEAST_CONTRAST,
    LEAST_SHARE,
    HellingerHistogram,
    TowardsMean,
    UnitLength,
    WordAssignment,
)
from models.word_layers import GlobalContext, LocalHistogram, OneLength, VisualWords


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def assignment_of(layer: VisualWords, channels: int = 3) -> WordAssignment:
    """With words drawn at random, strong enough that shares are far from even."""
    (module,) = layer.build(channels)
    assert isinstance(module, WordAssignment)
    with torch.no_grad():
        module.match.weight.copy_(0.3 * drawn(*module.match.weight.shape, seed=1))
        module.match.bias.copy_(drawn(layer.words, seed=2))
    return module.requires_grad_(False)


def shares_by_hand(module: WordAssignment, image: Tensor) -> Tensor:
    """Patch by patch, for one (C, H, W) image."""
    layer = module.layer
    pixels = image.double().numpy()
    if layer.grey:
        pixels = pixels.mean(axis=0, keepdims=True)
    border = layer.kernel // 2
    padded = np.pad(pixels, ((0, 0), (border, border), (border, border)), mode="reflect")
    words, bias = module.match.weight.double().numpy(), module.match.bias.double().numpy()
    height, width = image.shape[1] // layer.stride, image.shape[2] // layer.stride
    shares = np.empty((layer.words, height, width))
    for row in range(height):
        for column in range(width):
            top, left = row * layer.stride, column * layer.stride
            patch = padded[:, top : top + layer.kernel, left : left + layer.kernel]
            if layer.equalise:
                patch = (patch - patch.mean()) / np.sqrt(patch.var() + LEAST_CONTRAST**2)
            fits = np.array([(word * patch).sum() + b for word, b in zip(words, bias, strict=True)])
            parts = np.exp(fits - fits.max())
            shares[:, row, column] = parts / parts.sum()
    return torch.from_numpy(shares).float()


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 5])
@pytest.mark.parametrize("equalise", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_shares_equal_the_definition(grey: bool, equalise: bool, kernel: int, stride: int) -> None:
    module = assignment_of(VisualWords(5, kernel, stride, grey=grey, equalise=equalise))
    images = drawn(2, 3, 11, 14)  # no multiple of the larger strides
    shares = module(images)
    expected = torch.stack([shares_by_hand(module, image) for image in images])
    assert shares.shape == expected.shape
    assert torch.allclose(shares, expected, atol=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_shares_lie_between_zero_and_one_and_sum_to_one(scale: float) -> None:
    shares = assignment_of(VisualWords(7, 5, 2, equalise=scale > 1))(scale * drawn(2, 3, 12, 12))
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert torch.allclose(shares.sum(dim=1), torch.ones(2, 6, 6), atol=1e-6)


@pytest.mark.parametrize("grey", [False, True])
def test_at_equal_contrast_brightness_does_not_matter_and_contrast_little(grey: bool) -> None:
    module = assignment_of(VisualWords(6, 5, 2, grey=grey, equalise=True))
    images = 20 * LEAST_CONTRAST * drawn(2, 3, 16, 16)
    shares = module(images)
    assert torch.allclose(module(images + 3), shares, atol=1e-4)
    assert torch.allclose(module(2.5 * images), shares, atol=0.05)
    plain = assignment_of(VisualWords(6, 5, 2, grey=grey))
    assert (plain(images + 3) - plain(images)).abs().max() > 0.3
    assert (plain(2.5 * images) - plain(images)).abs().max() > 0.3


def test_noise_below_the_least_contrast_is_not_blown_up() -> None:
    module = assignment_of(VisualWords(6, 5, 2, equalise=True))
    flat = module(torch.full((1, 3, 16, 16), 0.7))
    noisy = module(0.7 + LEAST_CONTRAST / 200 * drawn(1, 3, 16, 16))
    assert torch.allclose(noisy, flat, atol=0.03)


@pytest.mark.parametrize("kernel", [1, 5])
@pytest.mark.parametrize("equalise", [False, True])
def test_the_memory_layout_does_not_matter(equalise: bool, kernel: int) -> None:
    module = assignment_of(VisualWords(6, kernel, 2, equalise=equalise))
    images = drawn(3, 3, 16, 16)
    laid = images.contiguous(memory_format=torch.channels_last)
    expected = module(images)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert torch.allclose(module(laid), expected, atol=1e-6)


NONE: Activation = "none"
DECLARED: dict[str, tuple[tuple[Layer, ...], Shape]] = {
    "grey words": ((VisualWords(9, 5, 4, grey=True, equalise=True),), (3, 33, 46)),
    "coloured words": ((VisualWords(9, 3, 2),), (3, 17, 20)),
    "single colours": ((VisualWords(4, 1, 3, sharpness=8.0),), (3, 20, 20)),
    "pool": ((AveragePool(3),), (5, 11, 9)),
    "histograms": ((VisualWords(6, 5, 2), LocalHistogram(4)), (3, 37, 40)),
    "context": ((GlobalContext(0.3),), (4, 5, 6)),
    "one length": ((OneLength(),), (4, 5, 6)),
    "side by side": (
        (
            AveragePool(2),
            Parallel(((VisualWords(6, 5, 2),), (AveragePool(2), Conv(5, kernel=1, padding=0)))),
            Conv(7, kernel=1, padding=0, activation=NONE),
            GlobalContext(0.5),
        ),
        (3, 32, 40),
    ),
    "branches that differ on a single pixel": (
        (Parallel(((Conv(4, stride=2),), (MaxPool(), Conv(2, kernel=1, padding=0)))), Conv(3)),
        (3, 16, 16),
    ),
}


def multiplications(modules: nn.Module, images: Tensor) -> int:
    """Of all convolutions, counted as they run."""
    counted = 0

    def count(layer: nn.Module, _: object, out: Tensor) -> None:
        nonlocal counted
        assert isinstance(layer, nn.Conv2d)
        counted += out[0].numel() * layer.weight[0].numel()

    def count_words(layer: nn.Module, _: object, out: Tensor) -> None:
        nonlocal counted
        assert isinstance(layer, WordAssignment)
        counted += out[0].numel() * layer.match.weight[0].numel()

    for layer in modules.modules():
        if isinstance(layer, WordAssignment):
            layer.register_forward_hook(count_words)
        elif isinstance(layer, nn.Conv2d):  # a WordAssignment's is never called: it lends weights
            layer.register_forward_hook(count)
    modules(images)
    return counted


@pytest.mark.parametrize("name", DECLARED)
def test_declarations_say_what_the_modules_are(name: str) -> None:
    layers, shape = DECLARED[name]
    modules = build_layers(layers, channels=shape[0])
    images = drawn(2, *shape)
    assert tuple(modules(images).shape) == (2, *output_shape(layers, shape))
    learned = sum(p.numel() for p in modules.parameters())
    assert count_parameters(layers, channels=shape[0]) == learned
    assert count_macs(layers, shape) == multiplications(modules, images)


def test_branches_follow_each_other_channel_after_channel() -> None:
    first, second = Conv(2, activation=NONE), Conv(3, kernel=1, padding=0)
    (side_by_side,) = Parallel(((first,), (AveragePool(1), second))).build(4)
    assert isinstance(side_by_side, nn.ModuleList)
    features = drawn(2, 4, 6, 6)
    out = side_by_side(features)
    assert torch.equal(out[:, :2], side_by_side[0](features))
    assert torch.equal(out[:, 2:], side_by_side[1](features))


def test_branches_of_unequal_sides_are_refused() -> None:
    uneven = Parallel(((AveragePool(2),), (AveragePool(4),)))
    with pytest.raises(ValueError, match=r"sides differ: \[\(4, 4\), \(8, 8\)\] from \(16, 16\)"):
        uneven.output_shape((3, 16, 16))


def test_what_is_too_small_for_one_branch_is_too_small_for_all() -> None:
    branches = Parallel(((Conv(2, stride=2),), (MaxPool(),)))
    assert branches.output_shape((3, 1, 1)) == (5, 0, 0)
    assert branches.output_shape((3, 2, 2)) == (5, 1, 1)


def test_histograms_are_roots_of_mean_shares() -> None:
    shares = torch.rand(2, 5, 9, 10, generator=torch.Generator().manual_seed(0))
    histogram = HellingerHistogram(4)(shares)
    assert histogram.shape == (2, 5, 2, 2)
    for row in range(2):
        for column in range(2):
            cell = shares[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            expected = (cell.mean(dim=(2, 3)) + LEAST_SHARE).sqrt()
            assert torch.allclose(histogram[:, :, row, column], expected, atol=1e-6)


def test_histograms_have_length_one_and_their_distance_is_hellingers() -> None:
    shares = torch.softmax(3 * drawn(2, 8, 4, 4), dim=1)
    first, second = HellingerHistogram(4)(shares).flatten(1)
    assert first.norm().item() == pytest.approx(1, abs=1e-3)
    overlap = sum((p * q) ** 0.5 for p, q in zip(*shares.mean(dim=(2, 3)).tolist(), strict=True))
    assert ((first - second) ** 2).sum().item() == pytest.approx(2 - 2 * overlap, abs=1e-3)


def test_words_that_are_not_there_leave_a_gradient() -> None:
    shares = torch.zeros(1, 2, 2, 2, requires_grad=True)
    HellingerHistogram(2)(shares).sum().backward()
    assert shares.grad is not None
    assert shares.grad.isfinite().all()


@pytest.mark.parametrize("local", [0.0, 0.3, 1.0])
def test_cells_keep_a_share_of_their_difference_from_the_mean(local: float) -> None:
    latents = drawn(2, 4, 3, 2)
    for latent, moved in zip(latents, TowardsMean(local)(latents), strict=True):
        cells = latent.flatten(1).T  # (cells, channels)
        mean = cells.mean(dim=0)
        expected = torch.stack([mean + local * (cell - mean) for cell in cells])
        assert torch.allclose(moved.flatten(1).T, expected, atol=1e-6)


def test_one_length_is_that_of_the_cells_root_mean_square() -> None:
    latents = drawn(2, 4, 3, 2)
    for latent, even in zip(latents, UnitLength()(latents), strict=True):
        cells = latent.flatten(1).T
        length = (sum((cell**2).sum() for cell in cells) / len(cells)) ** 0.5
        assert torch.allclose(even, latent / length, atol=1e-5)


def test_euclidean_and_cosine_order_agree_for_maps_of_one_length() -> None:
    sizes = torch.linspace(0.1, 10, 12).view(-1, 1, 1, 1)
    rows = UnitLength()(sizes * drawn(12, 5, 2, 2)).flatten(1)
    euclidean = torch.cdist(rows, rows)
    cosine = torch.cosine_similarity(rows.unsqueeze(1), rows.unsqueeze(0), dim=2)
    assert torch.equal(euclidean.argsort(dim=1)[:, 1:], (-cosine).argsort(dim=1)[:, 1:])


def test_an_empty_map_stays_empty() -> None:
    empty = torch.zeros(1, 3, 2, 2)
    assert torch.equal(TowardsMean(0.3)(empty), empty)
    assert torch.equal(UnitLength()(empty), empty)
