"""model2: the study's second reference design, after Lippe (2022). A reconstruction, see docs.

Lippe's design ends in tanh over [-1, 1]; over [0, 1] that is a sigmoid.
"""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv
from models.registry import register


def down(channels: int) -> tuple[Conv, Conv]:
    """One encoder stage: halve the sides, then refine."""
    return (
        Conv(channels, stride=2, activation="gelu"),
        Conv(channels, activation="gelu"),
    )


def up(channels: int) -> tuple[Deconv, Conv]:
    """One decoder stage: double the sides, then refine."""
    return (
        Deconv(channels, kernel=3, padding=1, output_padding=1, activation="gelu"),
        Conv(channels, activation="gelu"),
    )


model2 = register(
    DeclaredArchitecture(
        name="model2",
        summary="second reference design, strided convolutions and GELU",
        encoder=(*down(32), *down(64), *down(128), *down(256), *down(512)),
        decoder=(
            *up(256),
            *up(128),
            *up(64),
            *up(32),
            Deconv(3, kernel=3, padding=1, output_padding=1, activation="none"),
        ),
        output="sigmoid",
    )
)
