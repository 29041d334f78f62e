"""Views: random, reproducible, mild in colour."""

import pytest
import torch

from models.augment import FITTING_JITTERS, JITTERS, LEAST_AREA, Jitter, random_view
from models.recipes import COLOURS
from models.training_share import Share


def view(images: torch.Tensor, seed: int, colour: str = "keep") -> torch.Tensor:
    return random_view(images, JITTERS[colour], torch.Generator().manual_seed(seed))


def test_every_choice_of_colour_has_its_jitter() -> None:
    assert tuple(JITTERS) == COLOURS
    assert tuple(FITTING_JITTERS) == COLOURS


@pytest.mark.parametrize("colour", COLOURS)
def test_views_keep_shape_and_range(colour: str) -> None:
    images = torch.rand(5, 3, 24, 24)
    changed = view(images, 0, colour)
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


@pytest.mark.parametrize("colour", COLOURS)
def test_a_share_of_a_step_gets_the_views_that_it_has_in_the_whole(colour: str) -> None:
    images = torch.rand(5, 3, 24, 24)
    whole = view(images, 1, colour)
    for rank in range(2):
        share = Share(rank, 2, len(images))
        generator = torch.Generator().manual_seed(1)
        part = random_view(share.of(images), JITTERS[colour], generator, share=share)
        torch.testing.assert_close(part, share.of(whole))


def test_about_half_of_the_views_are_mirrored() -> None:
    ramp = torch.linspace(0, 1, 32).expand(400, 3, 32, 32)
    slopes = view(ramp, 0).diff(dim=3).mean(dim=(1, 2, 3))
    assert 0.4 < (slopes < 0).float().mean() < 0.6


STILL = Jitter(brightness=0, contrast=0, saturation=0)


def shown(least_area: float) -> torch.Tensor:
    """Shares of the area that 400 views show, read off two ramps."""
    ramp = torch.linspace(1 / 128, 127 / 128, 64).expand(64, 64)
    images = torch.stack([ramp, ramp.T, torch.zeros(64, 64)]).expand(400, -1, -1, -1)
    views = random_view(images, STILL, torch.Generator().manual_seed(0), least_area=least_area)
    spread = views.amax(dim=(2, 3)) - views.amin(dim=(2, 3))
    return spread[:, :2].prod(dim=1) * (64 / 63) ** 2


@pytest.mark.parametrize("least_area", [0.1, 0.3, LEAST_AREA])
def test_views_show_at_least_the_share_of_the_area_that_is_asked_for(least_area: float) -> None:
    areas = shown(least_area)
    assert least_area - 0.02 < areas.min() < least_area + 0.05
    assert areas.max() > 0.9


def test_views_for_fitting_turn_kept_colours_a_little() -> None:
    colour = torch.tensor([0.6, 0.35, 0.3]).view(1, 3, 1, 1).expand(500, 3, 4, 4)
    kept = random_view(colour, FITTING_JITTERS["keep"], torch.Generator().manual_seed(0))
    spread = (kept.amax(dim=1) - kept.amin(dim=1)).amax(dim=(1, 2))
    grey = spread < 1e-6
    assert 0.05 < grey.float().mean() < 0.15
    order = channel_order(kept[~grey])
    assert (order[:, 2] == 0).all()  # red stays strongest
    assert len({tuple(each) for each in order.tolist()}) == 2  # orange or pink


def channel_order(images: torch.Tensor) -> torch.Tensor:
    """Which channel is strongest, next, weakest: the coarse hue of plain images."""
    return images.mean(dim=(2, 3)).argsort(dim=1)


def test_kept_colours_keep_their_hue_and_ignored_ones_turn_any_way() -> None:
    colour = torch.tensor([0.6, 0.4, 0.3]).view(1, 3, 1, 1).expand(200, 3, 8, 8)
    before = channel_order(colour)
    assert torch.equal(channel_order(view(colour, 0)), before)
    after = channel_order(view(colour, 0, "ignore"))
    assert len({tuple(order) for order in after.tolist()}) == 6


def test_turning_the_hue_keeps_the_luma() -> None:
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    colour = torch.tensor([0.55, 0.5, 0.45]).view(1, 3, 1, 1).expand(50, 3, 8, 8)
    only_hue = Jitter(brightness=0, contrast=0, saturation=0, hue=0.5)
    turned = random_view(colour, only_hue, torch.Generator().manual_seed(0))
    assert not torch.allclose(turned, colour, atol=1e-3)
    assert torch.allclose((turned * weights).sum(1), (colour * weights).sum(1), atol=1e-3)


def test_about_a_fifth_of_the_views_lose_their_colour_when_it_is_ignored() -> None:
    colour = torch.tensor([0.6, 0.4, 0.3]).view(1, 3, 1, 1).expand(500, 3, 4, 4)
    spread = view(colour, 0, "ignore").amax(1) - view(colour, 0, "ignore").amin(1)
    assert 0.15 < (spread.amax(dim=(1, 2)) < 1e-6).float().mean() < 0.25
