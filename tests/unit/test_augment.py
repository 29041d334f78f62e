"""Views: random, reproducible, mild in colour."""

import torch

from models.augment import random_view


def view(images: torch.Tensor, seed: int) -> torch.Tensor:
    return random_view(images, torch.Generator().manual_seed(seed))


def test_views_keep_shape_and_range() -> None:
    images = torch.rand(5, 3, 24, 24)
    changed = view(images, 0)
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_equal_generators_give_equal_views_and_others_do_not() -> None:
    images = torch.rand(5, 3, 24, 24)
    assert torch.equal(view(images, 1), view(images, 1))
    assert not torch.equal(view(images, 1), view(images, 2))


def test_every_image_of_a_batch_changes_in_its_own_way() -> None:
    images = torch.rand(1, 3, 24, 24).expand(6, -1, -1, -1)
    changed = view(images, 0)
    assert all(not torch.equal(changed[0], other) for other in changed[1:])


def test_about_half_of_the_views_are_mirrored() -> None:
    ramp = torch.linspace(0, 1, 32).expand(400, 3, 32, 32)
    slopes = view(ramp, 0).diff(dim=3).mean(dim=(1, 2, 3))
    assert 0.4 < (slopes < 0).float().mean() < 0.6


def test_a_plain_colour_stays_near_itself() -> None:
    colour = torch.tensor([0.6, 0.4, 0.3]).view(1, 3, 1, 1).expand(50, 3, 8, 8)
    assert (view(colour, 0) - colour).abs().max() < 0.2
