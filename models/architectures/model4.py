"""model4: the report's second, model3 and a sixth block to 1024 channels."""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv, MaxPool
from models.registry import register

model4 = register(
    DeclaredArchitecture(
        name="model4",
        summary="report 2: six conv + pool blocks, 1024 channels",
        encoder=(
            *(Conv(64), MaxPool()),
            *(Conv(128), MaxPool()),
            *(Conv(256), MaxPool()),
            *(Conv(512), MaxPool()),
            *(Conv(512), MaxPool()),
            *(Conv(1024), MaxPool()),
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
