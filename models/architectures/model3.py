"""model3: the report's first, five blocks up to 512 channels."""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv, MaxPool
from models.registry import register

model3 = register(
    DeclaredArchitecture(
        name="model3",
        summary="report 1: five conv + pool blocks, 512 channels",
        encoder=(
            *(Conv(64), MaxPool()),
            *(Conv(128), MaxPool()),
            *(Conv(256), MaxPool()),
            *(Conv(512), MaxPool()),
            *(Conv(512), MaxPool()),
        ),
        decoder=(
            Deconv(512),
            Deconv(256),
            Deconv(128),
            Deconv(64),
            Deconv(3, activation="none"),
        ),
    )
)
