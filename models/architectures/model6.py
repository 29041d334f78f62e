"""model6: the report's fourth and best, model4 with overlapping pools and a 3x3 decoder."""

from models.declared import DeclaredArchitecture
from models.layers import Conv, Deconv, MaxPool
from models.registry import register

model6 = register(
    DeclaredArchitecture(
        name="model6",
        summary="report 4: model4 with overlapping 3x3 pools",
        encoder=(
            *(Conv(64), MaxPool(kernel=3)),
            *(Conv(128), MaxPool(kernel=2)),
            *(Conv(256), MaxPool(kernel=3)),
            *(Conv(512), MaxPool(kernel=3)),
            *(Conv(512), MaxPool(kernel=3)),
            *(Conv(1024), MaxPool(kernel=3)),
        ),
        decoder=(
            Deconv(512, kernel=3, output_padding=1),
            Deconv(512, kernel=3),
            Deconv(256, kernel=3),
            Deconv(128, kernel=3),
            Deconv(64, kernel=3),
            Deconv(3, kernel=3, output_padding=1, activation="none"),
        ),
    )
)
