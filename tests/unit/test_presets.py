"""Which preset a collection gets, and which plan a question."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.errors import StoreError
from indexer.store.plan import Planner
from indexer.store.presets import EXACT, Graph, Int8, SizeClasses, TwoStage, preset
from models.pooling import Pooling

MAXPOOL, FLATTEN = np.ones(512, np.float32), np.ones(8_192, np.float32)
SIZES = {Pooling.MAXPOOL: 512, Pooling.FLATTEN: 8_192}


@pytest.mark.parametrize("images", [0, 1, 9_999])
def test_few_images_are_compared_exactly_whatever_their_vectors(images: int) -> None:
    for size in (1, 512, 2_048, 2_049, 65_536):
        chosen = preset(images, size)
        assert (chosen.graph, chosen.int8, chosen.two_stage) == (None, None, None)


@pytest.mark.parametrize(
    ("images", "quantized"), [(10_000, False), (99_999, False), (100_000, True), (10**7, True)]
)
def test_many_images_get_a_graph_and_very_many_bytes_for_floats(
    images: int, *, quantized: bool
) -> None:
    for size in (1, 512, 2_048):
        chosen = preset(images, size)
        assert chosen.graph == Graph(m=32, ef_construct=200, ef=256)
        assert chosen.int8 == (Int8(quantile=0.99, oversampling=2.0) if quantized else None)
        assert not chosen.two_stage
        assert not chosen.on_disk


@pytest.mark.parametrize("images", [10_000, 100_000, 10**7])
def test_long_vectors_of_many_images_get_no_graph_but_two_stages(images: int) -> None:
    for size in (2_049, 8_192, 65_536):
        chosen = preset(images, size)
        assert chosen.two_stage == TwoStage()
        assert (chosen.graph, chosen.int8) == (None, None)


@pytest.mark.parametrize("images", [0, 10_000, 100_000])
def test_where_vectors_lie_follows_from_their_length_alone(images: int) -> None:
    assert [preset(images, size).on_disk for size in (2_048, 2_049)] == [False, True]


def test_the_second_stage_gets_more_points_for_more_hits_until_it_may_as_well_get_all() -> None:
    chosen = preset(100_000, 8_192)
    assert [chosen.candidates(limit=k, images=100_000) for k in (1, 8, 25, 100, 1_000)] == [
        *[500] * 3,
        2_000,
        20_000,
    ]
    assert chosen.candidates(limit=1_000, images=39_999) == 0
    assert EXACT.candidates(limit=8, images=10**9) == 0


def planner(images: int, **changes: int) -> Planner:
    return Planner(images, SIZES, SizeClasses(**changes))


def test_a_plan_has_two_stages_where_the_preset_says_and_the_coarse_vector_is_there() -> None:
    plan = planner(100_000).plan(Pooling.FLATTEN, FLATTEN, limit=8, exact=False, coarse=MAXPOOL)
    assert plan.first is not None
    assert (plan.first.pooling, plan.candidates) == (Pooling.MAXPOOL, 500)
    assert plan.first.preset.int8 == Int8()
    assert plan.stage.pooling is Pooling.FLATTEN


@pytest.mark.parametrize(
    ("images", "pooling", "exact", "coarse"),
    [
        (100_000, Pooling.FLATTEN, True, MAXPOOL),
        (100_000, Pooling.FLATTEN, False, None),
        (9_999, Pooling.FLATTEN, False, MAXPOOL),
        (100_000, Pooling.MAXPOOL, False, MAXPOOL),
    ],
)
def test_a_plan_has_one_stage_otherwise(
    images: int, pooling: Pooling, *, exact: bool, coarse: np.ndarray | None
) -> None:
    vector = {Pooling.MAXPOOL: MAXPOOL, Pooling.FLATTEN: FLATTEN}[pooling]
    plan = planner(images).plan(pooling, vector, limit=8, exact=exact, coarse=coarse)
    assert plan.first is None
    assert plan.stage.vector is vector


def test_an_exact_plan_uses_no_graph_and_no_bytes() -> None:
    plan = planner(100_000).plan(Pooling.MAXPOOL, MAXPOOL, limit=8, exact=True, coarse=MAXPOOL)
    assert plan.stage.preset == EXACT


def test_an_index_without_the_coarse_vectors_is_compared_exactly() -> None:
    alone = Planner(100_000, {Pooling.FLATTEN: 8_192}, SizeClasses())
    plan = alone.plan(Pooling.FLATTEN, FLATTEN, limit=8, exact=False, coarse=MAXPOOL)
    assert plan.first is None


@pytest.mark.parametrize("bad", [np.ones(3, np.float32), np.zeros(512, np.float32)])
def test_a_coarse_vector_that_cannot_be_compared_is_refused_by_name(bad: np.ndarray) -> None:
    with pytest.raises(StoreError, match="maxpool vector of the query"):
        planner(100_000).plan(Pooling.FLATTEN, FLATTEN, limit=8, exact=False, coarse=bad)
