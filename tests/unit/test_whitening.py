"""Whitening: beside scikit-learn's, and at its edges."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

from models.errors import WhiteningError
from models.pooling import WHITENED_SIZE
from models.whitening import (
    MOST_IMAGES,
    MOST_VALUES,
    Whitening,
    fit_whitening,
    sample_for_fit,
)


def vectors(images: int, size: int, *, seed: int = 0) -> torch.Tensor:
    """Values that depend on each other, away from zero, in directions of unlike weight."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(images, size, generator=generator) * torch.logspace(0, -1.5, size)
    return mixed @ torch.randn(size, size, generator=generator) + 3


def by_scikit_learn(flat: torch.Tensor, size: int, asked: torch.Tensor) -> np.ndarray:
    """What its PCA makes of ``asked``, fitted to ``flat``."""
    pca = PCA(size, whiten=True, svd_solver="full").fit(F.normalize(flat.double()).numpy())
    return pca.transform(F.normalize(asked.double()).numpy())


def same_signs(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """``values`` with each column turned to the side of that of ``like``."""
    return values * np.sign((values * like).sum(axis=0))


@pytest.mark.parametrize(
    ("images", "values", "size"), [(30, 6, 6), (40, 60, 20), (300, 200, 16), (12, 48, 11)]
)
def test_without_shrinkage_it_is_scikit_learns_up_to_signs(
    images: int, values: int, size: int
) -> None:
    flat = vectors(images, values)
    asked = vectors(7, values, seed=1)
    whitening = fit_whitening(flat, size=size, shrinkage=0.0)
    for some in (flat, asked):
        expected = by_scikit_learn(flat, size, some)
        found = same_signs(whitening.apply(some).numpy(), expected)
        np.testing.assert_allclose(found, expected, atol=2e-3, rtol=2e-3)


def test_values_of_the_fitted_images_have_no_mean_no_correlation_and_variance_near_1() -> None:
    found = (whitening := fit_whitening(flat := vectors(500, 40), size=12)).apply(flat).numpy()
    assert whitening.size == 12
    assert np.abs(found.mean(axis=0)).max() < 1e-3
    covariance = np.cov(found.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3
    assert (np.diag(covariance) <= 1.0).all()
    assert np.diag(covariance)[0] == pytest.approx(1 / 1.001, abs=1e-3)


def test_shrinkage_keeps_directions_without_variance_small() -> None:
    flat = torch.zeros(50, 20)
    flat[:, :3] = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + 1
    whitening = fit_whitening(flat, size=10)
    assert torch.isfinite(whitening.projection).all()
    assert whitening.apply(flat)[:, 3:].abs().max() < 1e-2


def test_the_length_of_a_vector_does_not_matter() -> None:
    whitening = fit_whitening(vectors(50, 10), size=4)
    asked = vectors(3, 10, seed=1)
    assert torch.allclose(whitening.apply(asked), whitening.apply(7 * asked), atol=1e-4)


@pytest.mark.parametrize(
    ("images", "values", "size"), [(5, 300, 4), (300, 6, 6), (2, 3, 1), (400, 300, WHITENED_SIZE)]
)
def test_vectors_are_as_long_as_images_and_values_allow(
    images: int, values: int, size: int
) -> None:
    whitening = fit_whitening(vectors(images, values))
    assert (whitening.flat_size, whitening.size) == (values, size)
    assert whitening.apply(vectors(3, values)).shape == (3, size)


def test_equal_vectors_give_an_equal_whitening_and_the_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = fit_whitening(vectors(200, 150), size=8)
    assert torch.equal(torch.rand(1), expected)
    second = fit_whitening(vectors(200, 150), size=8)
    assert torch.equal(first.projection, second.projection)
    assert torch.equal(first.mean, second.mean)


@pytest.mark.parametrize("flat", [torch.ones(9, 700) * 0.3, torch.zeros(4, 5), torch.rand(1, 5)])
def test_images_that_do_not_differ_are_refused(flat: torch.Tensor) -> None:
    with pytest.raises(WhiteningError, match="do not differ"):
        fit_whitening(flat)


def test_tensors_that_do_not_belong_together_are_no_whitening() -> None:
    for mean, projection in (((3,), (4, 2)), ((3, 1), (3, 2)), ((3,), (3,)), ((3,), (3, 0))):
        with pytest.raises(ValueError, match=r"no whitening|projected"):
            Whitening(torch.zeros(mean), torch.zeros(projection))


@pytest.mark.parametrize(
    ("images", "flat_size"), [(7, 10), (100_000, 10), (9_000, 25_088), (5_000, 1 << 26)]
)
def test_a_fit_looks_at_a_bounded_number_of_images_and_always_the_same(
    images: int, flat_size: int
) -> None:
    sample = sample_for_fit(images, flat_size)
    assert len(sample) == min(images, MOST_IMAGES, max(MOST_VALUES // flat_size, 2))
    assert sample.tolist() == sorted(set(sample.tolist()))
    assert max(sample) < images
    assert torch.equal(sample, sample_for_fit(images, flat_size))
