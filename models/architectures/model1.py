"""model1: the study's first reference design, after Oke (2020). A reconstruction, see docs."""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv, MaxPool
from models.registry import register

model1 = register(
    DeclaredArchitecture(
        name="model1",
        summary="small reference design, five conv + pool blocks",
        encoder=(
            *(Conv(16), MaxPool()),
            *(Conv(32), MaxPool()),
            *(Conv(64), MaxPool()),
            *(Conv(128), MaxPool()),
            *(Conv(256), MaxPool()),
        ),
        decoder=(
            Deconv(128),
            Deconv(64),
            Deconv(32),
            Deconv(16),
            Deconv(3, activation="none"),
        ),
    )
)
