"""Who computes which images, on which device, in how many bits."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch.utils.data import DistributedSampler

from models.errors import SimilarityError, TrainingError
from models.precision import Precision
from models.training_share import Share
from models.training_team import Team


@pytest.mark.parametrize(("images", "processes"), [(8, 2), (7, 2), (9, 4), (5, 5)])
def test_shares_are_dealt_out_as_torchs_sampler_does_but_none_twice(
    images: int, processes: int
) -> None:
    rows = torch.arange(images)
    shares = [Share(rank, processes, images) for rank in range(processes)]
    dealt = [share.of(rows).tolist() for share in shares]
    assert sorted(chain.from_iterable(dealt)) == rows.tolist()
    assert [len(each) for each in dealt] == [share.count for share in shares]
    assert sum(share.weight for share in shares) == pytest.approx(1)
    for rank, mine in enumerate(dealt):
        sampler = DistributedSampler(list(rows), processes, rank, shuffle=False)
        assert list(sampler)[: len(mine)] == mine


def test_a_process_without_images_computes_one_that_counts_nothing() -> None:
    share = Share(2, 4, 2)
    assert share.of(torch.arange(2)).tolist() == [0]
    assert (share.count, share.weight) == (0, 0.0)


def test_one_alone_takes_everything_as_it_is() -> None:
    team, rows = Team(), torch.rand(3, 2)
    assert team.share(3).of(rows) is not rows
    assert torch.equal(team.share(3).of(rows), rows)
    assert team.share(3).weight == 1
    assert team.gather(rows, team.share(3)) is rows
    assert team.first_says(2.5) == 2.5
    assert team.is_first
    assert team.is_first_to_fail()


def test_several_processes_take_no_device_that_is_named_by_number() -> None:
    with pytest.raises(TrainingError, match="each takes a GPU of its own; leave --device out"):
        Team(1, 4).device("cuda:1")


def test_several_processes_may_compute_on_the_cpu() -> None:
    assert Team(3, 4).device("cpu") == torch.device("cpu")


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Team(1, 3, local_rank=1).device("auto") == torch.device("cuda", 1)
    with pytest.raises(TrainingError, match="more processes than the 2 GPUs here"):
        Team(2, 3, local_rank=2).device("auto")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SimilarityError, match="'nowhere' cannot be used"):
        Team().device("nowhere")


@pytest.mark.parametrize(
    ("asked", "device", "has_bf16", "name"),
    [
        ("auto", "cpu", True, "off"),
        ("auto", "mps", True, "off"),
        ("auto", "cuda", True, "bf16"),
        ("auto", "cuda", False, "fp16"),
        ("off", "cuda", True, "off"),
        ("fp16", "cuda", True, "fp16"),
        ("bf16", "cpu", False, "bf16"),
    ],
)
def test_mixed_precision_is_chosen_by_what_the_device_is_fast_at(
    asked: str, device: str, has_bf16: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)
    assert Precision.choose(asked, torch.device(device)).name == name


def test_gradients_are_scaled_for_fp16_alone() -> None:
    cpu = torch.device("cpu")
    scaled = {name: Precision(name, cpu).scaler().is_enabled() for name in ("off", "bf16", "fp16")}
    assert scaled == {"off": False, "bf16": False, "fp16": True}
