"""Where a similarity comes from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.pooling import Pooling
from models.similarity_maps import similarity_maps

BY_CELLS = [pooling for pooling in Pooling if not pooling.is_fitted]


def latent(seed: int, *, least: float = -1.0) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(least, 2, (7, 3, 4))
    return values.astype(np.float32)


@pytest.mark.parametrize("pooling", BY_CELLS)
@pytest.mark.parametrize("seed", range(5))
def test_each_map_sums_to_the_cosine_similarity_of_the_vectors(pooling: Pooling, seed: int) -> None:
    query, hit = latent(seed), latent(seed + 100)
    vectors = [pooling.apply(torch.from_numpy(each)[None])[0] for each in (query, hit)]
    expected = torch.cosine_similarity(*vectors, dim=0).item()
    maps = similarity_maps(query, hit, pooling)
    assert maps.similarity == pytest.approx(expected, abs=1e-5)
    assert maps.hit.sum() == pytest.approx(expected, abs=1e-5)
    assert maps.query.shape == maps.hit.shape == (3, 4)
    assert maps.query.dtype == maps.hit.dtype == np.float32


@pytest.mark.parametrize("pooling", BY_CELLS)
def test_the_length_of_a_latent_does_not_matter(pooling: Pooling) -> None:
    query, hit = latent(1, least=0.1), latent(2, least=0.1)
    maps, shorter = (similarity_maps(query, hit * factor, pooling) for factor in (1, 0.01))
    np.testing.assert_allclose(maps.query, shorter.query, atol=1e-4)
    np.testing.assert_allclose(maps.hit, shorter.hit, atol=1e-4)


@pytest.mark.parametrize("pooling", [p for p in BY_CELLS if p is not Pooling.FLATTEN])
def test_what_two_images_share_is_lit_on_each_where_it_lies(pooling: Pooling) -> None:
    query, hit = np.zeros((2, 5, 3, 3), np.float32)
    query[2, 0, 0] = hit[2, 2, 1] = 1  # the same thing, elsewhere
    query[3, 1, 1] = hit[4, 1, 1] = 1  # two things at one place
    maps = similarity_maps(query, hit, pooling)
    assert np.unravel_index(maps.query.argmax(), (3, 3)) == (0, 0)
    assert np.unravel_index(maps.hit.argmax(), (3, 3)) == (2, 1)
    assert maps.query[0, 0] == pytest.approx(0.5, abs=1e-4)
    assert maps.query[1, 1] == pytest.approx(0, abs=1e-4)


def test_flatten_lights_equal_places_alone() -> None:
    query, hit = np.zeros((2, 5, 3, 3), np.float32)
    query[2, 0, 0] = hit[2, 2, 1] = 1
    query[3, 1, 1] = hit[3, 1, 1] = 1
    maps = similarity_maps(query, hit, Pooling.FLATTEN)
    expected = np.zeros((3, 3))
    expected[1, 1] = 0.5
    np.testing.assert_allclose(maps.query, expected, atol=1e-6)
    np.testing.assert_array_equal(maps.query, maps.hit)


@pytest.mark.parametrize("pooling", [Pooling.MAXPOOL, Pooling.FLATTEN, Pooling.AVERAGE])
def test_nothing_shares_nothing(pooling: Pooling) -> None:
    maps = similarity_maps(np.zeros((5, 3, 3), np.float32), latent(1)[:5, :, :3], pooling)
    assert not maps.query.any()
    assert not maps.hit.any()


def test_fitted_vectors_have_no_cells() -> None:
    with pytest.raises(ValueError, match="whitened vectors have no cells"):
        similarity_maps(latent(1), latent(2), Pooling.WHITENED)
