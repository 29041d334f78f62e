"""model5: the report's third, model4 with every pool replaced by a learned 2x2 step."""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv
from models.registry import register


def halve(channels: int) -> Conv:
    """What stands where model4 has a pool."""
    return Conv(channels, kernel=2, stride=2, padding=0)


model5 = register(
    DeclaredArchitecture(
        name="model5",
        summary="report 3: model4 with strided convolutions instead of pools",
        encoder=(
            *(Conv(64), halve(64)),
            *(Conv(128), halve(128)),
            *(Conv(256), halve(256)),
            *(Conv(512), halve(512)),
            *(Conv(512), halve(512)),
            *(Conv(1024), halve(1024)),
        ),
        decoder=(
            Deconv(512, kernel=3),
            Deconv(512),
            Deconv(256),
            Deconv(128),
            Deconv(64),
            Deconv(3, activation="none"),
        ),
    )
)
