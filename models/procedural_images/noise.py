"""Noise with a chosen spectrum.

The amplitude spectra of photographs fall as about 1 / frequency (Field, "Relations between the
statistics of natural images and the response properties of cortical cells", JOSA A 4(12), 1987).
Networks trained on noise with such spectra alone learn features that transfer (Baradad et al.,
"Learning to see by looking at noise", NeurIPS 2021, arXiv 2106.05963).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.procedural_images.plane import Array, Plane, any_angle, chance, log_uniform

_WARP_EXPONENT = 1.8
"""Of the noise that displaces a plane: smooth enough not to tear patterns apart (by eye)."""
_WARP_SCALE = 0.5
"""Standard deviation of the displacement at strength 1: a quarter of the picture."""
_LEAST_FREQUENCY = 1e-4
"""Added before powers of a frequency are taken, in cycles per pixel: far below 1 / size."""


def sample_stretch(rng: np.random.Generator) -> float:
    """How much longer than wide: half of all textures have no direction, by eye."""
    return math.exp(abs(rng.normal(0.0, 0.5))) if chance(rng, 0.5) else 1.0


def sample_gain(rng: np.random.Generator) -> float:
    """How hard a wave is driven into tanh: from nearly a sine to nearly black and white."""
    return log_uniform(rng, math.exp(-0.5), math.exp(2.0))


@dataclass(frozen=True, slots=True)
class Anisotropy:
    """The direction of a noise.

    Attributes:
        stretch: length of its structures in units of their width, with the same area.
        angle: direction in which they are long, in radians.
    """

    stretch: float = 1.0
    angle: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Any direction."""
        return cls(sample_stretch(rng), any_angle(rng))

    def frequencies(self, size: int) -> Array:
        """What counts as the frequency of each coefficient of ``rfft2``, in cycles per pixel."""
        x, y = np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size))
        return Plane(x, y).turned(self.angle).scaled(self.stretch, 1 / self.stretch).radius


def shaped_noise(amplitude: Array, size: int, rng: np.random.Generator) -> Array:
    """White noise times ``amplitude``, without its mean and with unit variance.

    Shape: amplitude (S, S // 2 + 1), as of ``rfft2`` -> (S, S).
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * amplitude
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(size, size))
    return noise / (float(noise.std()) + 1e-9)


def power_noise(
    size: int, exponent: float, anisotropy: Anisotropy, rng: np.random.Generator
) -> Array:
    """Noise whose amplitudes fall as frequency ** -exponent."""
    amplitude = (anisotropy.frequencies(size) + _LEAST_FREQUENCY) ** -exponent
    return shaped_noise(amplitude, size, rng)


def warped(plane: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """``plane`` displaced by smooth noise: straight lines become wavy."""
    shifts = [power_noise(plane.size, _WARP_EXPONENT, Anisotropy(), rng) for _ in range(2)]
    return plane.moved(*(strength * _WARP_SCALE * shift for shift in shifts))


@dataclass(frozen=True, slots=True)
class PowerNoise:
    """Clouds, bark, rough ground: all frequencies at once.

    Attributes:
        exponent: of the fall with frequency.
        anisotropy: its direction.
    """

    exponent: float
    anisotropy: Anisotropy

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Exponents around 1 as in photographs (Baradad et al. 2021), to smoother ones by eye."""
        return cls(rng.uniform(0.5, 2.2), Anisotropy.sample(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Noise in pixels: it does not follow the plane."""
        return power_noise(plane.size, self.exponent, self.anisotropy, rng)


@dataclass(frozen=True, slots=True)
class BandNoise:
    """Labyrinths, fur, leopard skin: noise of one frequency, driven towards two levels.

    Attributes:
        low: least frequency, in cycles per pixel.
        width: greatest frequency in units of the least.
        gain: strength before tanh, see :func:`sample_gain`.
        bias: what is added before tanh: spots in place of labyrinths.
        anisotropy: its direction.
    """

    low: float
    width: float
    gain: float
    bias: float
    anisotropy: Anisotropy

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Periods of about 2 to 33 pixels, what small convolutions see; the rest by eye."""
        return cls(
            low=log_uniform(rng, 0.03, 0.3),
            width=rng.uniform(1.1, 2.0),
            gain=sample_gain(rng),
            bias=rng.normal(0.0, 0.5),
            anisotropy=Anisotropy.sample(rng),
        )

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Noise in pixels: it does not follow the plane."""
        noise = shaped_noise(self._passed(plane.size), plane.size, rng)
        return np.tanh(self.gain * noise + self.bias)

    def _passed(self, size: int) -> Array:
        """1 in the band and 0 outside; where a small picture has nothing in it, what is nearest."""
        frequency = self.anisotropy.frequencies(size)
        outside = np.maximum(self.low - frequency, frequency - self.low * self.width)
        outside = np.maximum(outside, 0.0)
        outside[0, 0] = np.inf  # the mean is no wave
        passed: Array = (outside <= outside.min()).astype(np.float64)
        return passed
