"""model7, "patch-resnet": this project's own, made to be cheap at full size.

A patchified stem (Dosovitskiy et al., 2021, arXiv 2010.11929; for convolutional networks Liu et
al., 2022, arXiv 2201.03545) leaves 1/16 of the positions to the first stage, where the study's
designs spend most of their operations at full resolution.
"""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv, Layer, Residual
from models.registry import register


def stage(channels: int, *, step: int = 2) -> tuple[Layer, ...]:
    """Divide the sides by ``step``, then one residual block."""
    return (Conv(channels, kernel=step, stride=step, padding=0, norm=True), Residual())


model7 = register(
    DeclaredArchitecture(
        name="model7",
        summary="patch-resnet: patchified stem, residual blocks, few operations",
        encoder=(
            *stage(32, step=4),
            *stage(64),
            *stage(128),
            *stage(256),
            Conv(512, kernel=1, padding=0),
        ),
        decoder=(
            Deconv(256),
            Deconv(128),
            Deconv(64),
            Deconv(32),
            Deconv(3, activation="none"),
        ),
        output="sigmoid",
    )
)
