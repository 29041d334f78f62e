"""model7, "visual words": this project's own, made to search well at little cost.

Vocabularies of texture (grey patches at equal contrast), of coloured texture, both at two scales,
and of single colours look at every fourth pixel; those of colours and of coarse coloured texture
at every eighth, for speed. Their histograms over cells of 32 pixels are brought to 512 channels by
three heads: a layer that gives less weight to what views of one image differ in
(models/view_fitting.py), and twice three layers that are trained to find an image's views among
those of others (models/agreement.py), with views that change colours a little and a lot. What each
part is worth: docs/embedding.md.
"""

from models.declared import DeclaredArchitecture
from models.layers import AveragePool, Conv, Deconv, Layer, Parallel
from models.registry import register
from models.word_layers import GlobalContext, LocalHistogram, OneLength, VisualWords

STRIDE = 4
CELL = 32
LOCAL = 0.3
"""Share of a cell's own difference that stays; docs/embedding.md has 0 and 1 beside it."""
STEADY, AGREEING = 128, 192
"""Channels of the head that is fitted in closed form, and of each that is trained."""


def histogram(words: VisualWords, *, shrink: int = 1) -> tuple[Layer, ...]:
    """``words`` on the image at 1 / ``shrink`` of its size, counted in cells of CELL pixels."""
    smaller = (AveragePool(shrink),) if shrink > 1 else ()
    return (*smaller, words, LocalHistogram(CELL // (words.stride * shrink)))


def channels(count: int, *, rectified: bool = False) -> Conv:
    """``count`` mixtures of the channels of each cell."""
    return Conv(count, kernel=1, padding=0, activation="relu" if rectified else "none")


def steady_head(size: int = STEADY) -> tuple[Layer, ...]:
    """What is fitted in closed form."""
    return channels(size), OneLength()


def agreeing_head(size: int = AGREEING) -> tuple[Layer, ...]:
    """What is trained."""
    hidden = channels(2 * size, rectified=True), channels(size, rectified=True)
    return *hidden, channels(size), OneLength()


model7 = register(
    DeclaredArchitecture(
        name="model7",
        summary="visual words: histograms of learned patches, few operations",
        encoder=(
            Parallel(
                (
                    histogram(VisualWords(128, 5, STRIDE, grey=True, equalise=True)),
                    histogram(VisualWords(128, 5, STRIDE, equalise=True, sharpness=2.0)),
                    histogram(VisualWords(128, 1, STRIDE, sharpness=8.0), shrink=2),
                    histogram(VisualWords(128, 5, STRIDE // 2, grey=True, equalise=True), shrink=2),
                    histogram(VisualWords(128, 5, STRIDE, equalise=True, sharpness=2.0), shrink=2),
                )
            ),
            GlobalContext(LOCAL),
            Parallel((steady_head(), agreeing_head(), agreeing_head())),
        ),
        decoder=(
            Deconv(128),
            Deconv(96),
            Deconv(64),
            Deconv(32),
            Deconv(3, activation="none"),
        ),
        output="sigmoid",
    )
)
