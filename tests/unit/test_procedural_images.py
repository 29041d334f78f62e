import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from models import procedural_images
from models.procedural_images import draw, generate, outlines, textures
from models.procedural_images.cells import Cells, Edges, Scatter, Spots
from models.procedural_images.fields import SHARES, Field, Pattern
from models.procedural_images.noise import Anisotropy, BandNoise, PowerNoise, warped
from models.procedural_images.plane import Array, Plane
from models.procedural_images.scene import Scene
from models.procedural_images.shaders import Checker, Gradient, Julia, Network, Stripes

SIZE = 32


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pixels(index: int, *, size: int = SIZE, seed: int = 0) -> Array:
    return np.asarray(draw(index, size=size, seed=seed), dtype=np.float64)


@pytest.fixture(scope="module")
def pictures() -> Array:
    """The first pictures, (N, S, S, 3)."""
    return np.stack([pixels(index) for index in range(200)])


# Pictures


def test_a_picture_is_the_same_every_time_and_another_for_another_number_or_seed() -> None:
    assert draw(3, size=SIZE).tobytes() == draw(3, size=SIZE).tobytes()
    drawn = [draw(index, size=SIZE, seed=seed) for index in range(20) for seed in (0, 1)]
    assert len({picture.tobytes() for picture in drawn}) == 40


@pytest.mark.parametrize("size", [16, 33, 64])
def test_a_picture_is_rgb_of_the_asked_size(size: int) -> None:
    picture = draw(0, size=size)
    assert (picture.mode, picture.size) == ("RGB", (size, size))


@pytest.mark.parametrize(("index", "mean"), [(0, (127.6, 127.1, 135.1)), (15, (65.8, 81.6, 47.0))])
def test_pictures_are_those_of_version_1(index: int, mean: tuple[float, float, float]) -> None:
    """Roughly, for another processor may round a few pixels otherwise."""
    assert procedural_images.VERSION == "1"
    assert pixels(index).mean(axis=(0, 1)).tolist() == pytest.approx(mean, abs=0.5)


def test_few_pictures_are_flat_dark_or_glaring(pictures: Array) -> None:
    levels = pictures.mean(axis=(1, 2, 3))
    contrast = pictures.std(axis=(1, 2)).mean(axis=1)
    assert np.mean(contrast < 5) < 0.05
    assert np.median(contrast) > 25
    assert np.mean((levels < 15) | (levels > 240)) < 0.05
    assert 70 < levels.mean() < 150
    assert levels.std() > 20


def test_pictures_have_colours_and_greys(pictures: Array) -> None:
    colourfulness = np.ptp(pictures.mean(axis=(1, 2)), axis=1)
    assert np.mean(colourfulness < 10) > 0.05
    assert np.mean(colourfulness > 40) > 0.25


def test_neighbouring_pixels_are_alike_but_not_everywhere(pictures: Array) -> None:
    """As in photographs: small differences for the most part, and edges."""
    steps = np.abs(np.diff(pictures.mean(axis=3), axis=2)).ravel()
    deviation = pictures.mean(axis=3).std()
    assert np.median(steps) < 0.25 * deviation
    assert np.mean(steps**4) / np.mean(steps**2) ** 2 > 5


# Fields


def samples(kind: type[Pattern], size: int, count: int = 25) -> Array:
    plane = Plane.of_size(size)
    chance = rng()
    return np.stack(
        [Field(kind.sample(chance), 0.15 * (i % 2)).values(plane, chance) for i in range(count)]
    )


@pytest.mark.parametrize("size", [8, 31, 64])
@pytest.mark.parametrize("kind", SHARES)
def test_fields_have_mean_zero_and_unit_variance(kind: type[Pattern], size: int) -> None:
    fields = samples(kind, size)
    assert fields.shape == (25, size, size)
    assert np.isfinite(fields).all()
    assert fields.mean(axis=(1, 2)) == pytest.approx(0, abs=1e-6)
    assert fields.std(axis=(1, 2)) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", SHARES)
def test_fields_of_a_kind_differ(kind: type[Pattern]) -> None:
    fields = samples(kind, SIZE).reshape(25, -1)
    likeness = np.abs(fields @ fields.T / SIZE**2)[~np.eye(25, dtype=bool)]
    assert np.median(likeness) < 0.8
    assert np.mean(likeness > 0.999) < 0.01


def test_every_kind_is_drawn_as_often_as_it_should() -> None:
    chance = rng()
    fields = [Field.sample(chance) for _ in range(4000)]
    counts = Counter(type(field.pattern) for field in fields)
    assert sum(SHARES.values()) == pytest.approx(1)
    assert {kind: counts[kind] / 4000 for kind in SHARES} == pytest.approx(dict(SHARES), abs=0.03)
    assert np.mean([field.warp > 0 for field in fields]) == pytest.approx(0.6, abs=0.04)


def test_a_field_where_nothing_varies_is_zero() -> None:
    flat = SimpleNamespace(values=lambda plane, _: np.full(plane.x.shape, 3.0))
    assert (Field(flat, 0.0).values(Plane.of_size(8), rng()) == 0).all()  # type: ignore[arg-type]


def slope_of_spectrum(field: Array) -> float:
    """Of log amplitude over log frequency."""
    size = len(field)
    x, y = np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size))
    frequency, amplitude = np.hypot(x, y), np.abs(np.fft.rfft2(field))
    used = (frequency > 0) & (x > 0) & (x < 0.5)
    return float(np.polyfit(np.log(frequency[used]), np.log(amplitude[used]), 1)[0])


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_power_noise_has_the_asked_spectrum(exponent: float) -> None:
    noise = PowerNoise(exponent, Anisotropy()).values(Plane.of_size(64), rng())
    assert slope_of_spectrum(noise) == pytest.approx(-exponent, abs=0.1)


@pytest.mark.parametrize(("angle", "long_axis"), [(0.0, 1), (np.pi / 2, 0)])
def test_stretched_noise_is_long_in_its_direction(angle: float, long_axis: int) -> None:
    noise = PowerNoise(1.5, Anisotropy(2.5, angle)).values(Plane.of_size(64), rng())
    along, across = (np.diff(noise, axis=axis).std() for axis in (long_axis, 1 - long_axis))
    assert along < 0.7 * across


def test_band_noise_keeps_to_its_band() -> None:
    band = BandNoise(low=0.1, width=1.5, gain=0.01, bias=0.0, anisotropy=Anisotropy())
    power = np.abs(np.fft.rfft2(band.values(Plane.of_size(64), rng()))) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(64), np.fft.fftfreq(64)))
    assert power[(frequency >= 0.1) & (frequency <= 0.15)].sum() > 0.99 * power.sum()


def test_a_band_with_no_frequency_of_a_small_picture_takes_the_nearest() -> None:
    band = BandNoise(low=0.03, width=1.1, gain=1.0, bias=0.0, anisotropy=Anisotropy())
    assert band.values(Plane.of_size(16), rng()).std() > 0.3


def test_cells_edges_and_spots_agree_with_all_distances() -> None:
    plane, scatter = Plane.of_size(50), Scatter(count=20, stretch=1.5)  # more than one block
    points = rng().uniform(-1.1, 1.1, (20, 2))
    offsets = plane.x[..., None] - points[:, 0], 1.5 * plane.y[..., None] - points[:, 1]
    distances = np.sort(np.hypot(*offsets), axis=2)
    found = scatter.distances(plane, rng())
    assert found.first == pytest.approx(distances[..., 0], abs=1e-3)
    assert found.second == pytest.approx(distances[..., 1], abs=1e-3)
    assert np.mean(found.nearest == np.hypot(*offsets).argmin(axis=2)) > 0.995
    assert len(np.unique(Cells(scatter).values(plane, rng()))) <= 20
    border = found.second - found.first < 0.02
    edges = Edges(scatter).values(plane, rng())
    assert edges[border].max() < np.median(edges)
    spots = Spots(scatter, gain=1.0).values(plane, rng())
    assert ((spots < 0) == (found.first < 0.8 * found.first.mean())).all()


def test_stripes_repeat_along_their_direction_only() -> None:
    plane = Plane.of_size(64)
    upright = Stripes(frequency=4 * np.pi, angle=0.0, gain=1.0).values(plane, rng())
    assert np.ptp(upright, axis=0).max() < 1e-9
    assert upright[:, :48] == pytest.approx(upright[:, 16:], abs=1e-9)
    assert np.ptp(upright[:, :16]) > 1


def test_checkers_are_stripes_both_ways() -> None:
    tiles = Checker(frequency=4 * np.pi, stretch=2.0, angle=0.0, gain=1.0)
    values = tiles.values(Plane.of_size(64), rng())
    assert values[:, :48] == pytest.approx(values[:, 16:], abs=1e-9)
    assert values[:32] == pytest.approx(values[32:], abs=1e-9)
    assert values[:, :56] == pytest.approx(-values[:, 8:], abs=1e-9)


def test_gradients_are_planes_or_cones() -> None:
    plane = Plane.of_size(SIZE)
    straight = Gradient(radial=False).values(plane, rng())
    assert np.diff(straight, n=2, axis=0) == pytest.approx(0, abs=1e-9)
    assert np.hypot(*(np.diff(straight, axis=a).mean() for a in (0, 1))) == pytest.approx(2 / SIZE)
    cone = Gradient(radial=True).values(plane, rng())
    assert cone.min() >= 0
    assert (np.diff(cone, n=2, axis=0) > -1e-9).all()


def test_networks_of_higher_frequency_show_more() -> None:
    plane = Plane.of_size(SIZE)
    roughness = [
        np.mean(
            [
                np.diff(Field(Network(frequency), 0.0).values(plane, rng(seed))).std()
                for seed in range(20)
            ]
        )
        for frequency in (0.5, 6.0)
    ]
    assert roughness[1] > 2 * roughness[0]


def test_the_julia_set_counts_steps() -> None:
    """Of z * z alone: everything inside the unit circle stays for ever."""
    plane = Plane.of_size(64)
    steps = np.expm1(Julia(0j).values(plane, rng(1)))
    assert np.unique(steps.round(6)).tolist() == np.unique(steps.round()).tolist()
    assert steps.max() == pytest.approx(Julia.STEPS)
    assert steps.min() < 5


def test_warping_moves_smoothly() -> None:
    plane = Plane.of_size(64)
    moved = warped(plane, 0.3, rng())
    shift = moved.x - plane.x
    assert shift.std() == pytest.approx(0.15, rel=0.05)
    assert np.diff(shift).std() < 0.3 * shift.std()
    assert not np.allclose(shift, moved.y - plane.y)


# Colours, outlines, scenes


def test_hues_are_where_everyone_has_them() -> None:
    hue = np.array([0.0, 1 / 6, 1 / 3, 2 / 3, 0.5, 0.5])
    saturation = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.5])
    rgb = textures.hsv_to_rgb(hue, saturation, np.array([1.0, 1.0, 1.0, 0.5, 0.7, 1.0]))
    expected = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0.5], [0.7] * 3, [0.5, 1, 1]]
    assert rgb == pytest.approx(np.array(expected))


def test_palettes_are_colours_some_nearly_grey() -> None:
    chance = rng()
    palettes = [textures.sample_palette(chance) for _ in range(500)]
    assert {len(palette) for palette in palettes} == {2, 3, 4, 5}
    assert all(((palette >= 0) & (palette <= 1)).all() for palette in palettes)
    spread = np.array([np.ptp(palette, axis=1).max() for palette in palettes])
    assert 0.05 < np.mean(spread < 0.1) < 0.3
    assert np.mean(spread > 0.3) > 0.5


def test_values_run_through_the_palette() -> None:
    palette = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 1]])
    colours = textures.coloured(np.array([[-9.0, -0.25 / 0.28, 0.0, 9.0]]), palette)
    assert colours[0] == pytest.approx(np.array([[0, 0, 0], [0.5, 0, 0], [1, 0, 0], [1, 1, 1]]))


@pytest.mark.parametrize("kind", outlines.SHARES)
def test_outlines_have_an_inside_and_an_outside(kind: str) -> None:
    plane, chance = Plane.of_size(64), rng()
    for _ in range(20):
        outline = outlines.sample_outline(kind, chance, lobes=0.3)
        small, large = (outline.depth(plane, radius) > 0 for radius in (0.3, 0.5))
        assert small[31:33, 31:33].all()
        assert not small[0].all()
        assert 0.02 < small.mean() < large.mean() < 0.6


def test_kinds_of_outlines_come_as_often_as_they_should() -> None:
    chance = rng()
    counts = Counter(outlines.sample_kind(chance) for _ in range(2000))
    shares = {kind: counts[kind] / 2000 for kind in outlines.SHARES}
    assert shares == pytest.approx(dict(outlines.SHARES), abs=0.04)


def test_leaves_cover_more_the_more_and_larger_they_are() -> None:
    """Of two plain textures, black below white."""
    scene = next(s for s in map(Scene.sample, map(rng, range(99))) if len(s.textures) == 2)

    def white(leaves: int, size: float) -> float:
        plain = [
            textures.Texture(Field(Gradient(radial=False), 0.0), scene.textures[0].field, 0.0, p, 0)
            for p in (np.zeros((2, 3)), np.ones((2, 3)))
        ]
        made = Scene(tuple(plain), leaves, size, ("ellipse", "blob"), 0.2, 1.0, 0.0, False)
        return float(np.mean([made.render(SIZE, rng(seed)) for seed in range(20)])) / 255

    assert white(0, 0.5) == 0
    assert 0.01 < white(1, 0.15) < white(1, 0.5) < white(5, 0.5) < 1


# Files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_generate_writes_what_draw_draws(tmp_path: Path) -> None:
    generate(tmp_path / "new" / "folder", 12, size=SIZE, seed=5, progress=False)
    assert names(tmp_path / "new" / "folder") == [f"{index:06d}.png" for index in range(12)]
    for index in (0, 11):
        with Image.open(tmp_path / "new" / "folder" / f"{index:06d}.png") as image:
            assert image.tobytes() == draw(index, size=SIZE, seed=5).tobytes()


def test_more_pictures_leave_the_first_as_they_are(tmp_path: Path) -> None:
    generate(tmp_path / "few", 3, size=SIZE, progress=False)
    generate(tmp_path / "many", 6, size=SIZE, progress=False)
    for name in names(tmp_path / "few"):
        assert (tmp_path / "few" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


@pytest.mark.parametrize("cores", [1, 3])
def test_an_interrupted_call_ends_soon_and_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    def interrupted(index: int, *, size: int, seed: int) -> Image.Image:
        if index == 4:
            raise KeyboardInterrupt
        return Image.new("RGB", (size, size)) if index < 4 else draw(index, size=size, seed=seed)

    with monkeypatch.context() as patch:
        patch.setattr(procedural_images, "draw", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generate(tmp_path, 500, size=8, progress=False)
    assert 0 < len(names(tmp_path)) <= 16 * cores
    (tmp_path / "000002.png").write_bytes(b"half a file")
    generate(tmp_path, 60, size=8, progress=False)
    assert names(tmp_path) == [f"{index:06d}.png" for index in range(60)]
    for index in range(6):
        with Image.open(tmp_path / f"{index:06d}.png") as image:
            assert image.tobytes() == draw(index, size=8).tobytes()


def test_progress_is_shown_on_stderr_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(tmp_path, 2, size=8, progress=False)
    assert capsys.readouterr() == ("", "")
    generate(tmp_path, 2, size=8)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "2/2" in shown.err
