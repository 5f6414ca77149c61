"""Numbers of places in a picture as colours over it.

The colours and the blending are those of the authors' code of PaQ-2-PiQ (Z. Ying et al., "From Patches to Pictures (PaQ-2-PiQ):
Mapping the Perceptual Space of Picture Quality", CVPR 2020, section 4.3 and figure 10): magma, blended with alpha 0.8.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from tfiqa.errors import InvalidInput

Pixels = NDArray[np.uint8]
ALPHA = 0.8  # the share of the colours: section 4.3
FIGURE_SIDES = (400, 800)  # pixels, least and most: two pictures and a colour bar fit on a desktop screen
DPI = 100
GAP, TITLE, BAR_WIDTH = 10, 35, 115  # pixels of a figure
LEAST_CELL = (300, 220)  # pixels, width and height: room for a title, and for the numbers of a bar


@dataclass(frozen=True)
class ColourBar:
    """What the colours of a figure mean: darkest `low`, brightest `high`, of the quantity `label`."""

    low: float
    high: float
    label: str


def colour_limits(values: ArrayLike, low: float | None = None, high: float | None = None) -> tuple[float, float]:
    """The values of the darkest and of the brightest colour: those given, or the least and the greatest value.

    The first is always the lower one: a constant map is 1 wide and has the middle colour; a limit beyond all values is 1
    away from the other, so that they all have one end's colour. Raises InvalidInput for values that are not finite or absent,
    and for two limits in the wrong order.
    """
    numbers = np.asarray(values, np.float32)
    if numbers.size == 0 or not np.isfinite(numbers).all():
        raise InvalidInput("values to colour have to be finite, and at least one")
    least, greatest = float(numbers.min()), float(numbers.max())
    if low is not None and high is not None:
        if not low < high:
            raise InvalidInput(f"the limit of the darkest colour lies below the other. Received: {low:g} and {high:g}")
        return low, high
    if low is not None:
        return low, greatest if greatest > low else low + 1
    if high is not None:
        return least if least < high else high - 1, high
    return (least, greatest) if least < greatest else (least - 0.5, least + 0.5)


def stretch(values: ArrayLike, low: float | None = None, high: float | None = None) -> NDArray[np.float32]:
    """Values of any shape to 0..1, from `low` to `high`, clipped; see `colour_limits`, also for what is raised."""
    low, high = colour_limits(values, low, high)
    return np.clip((np.asarray(values, np.float32) - low) / (high - low), 0, 1)


def magma(values: ArrayLike) -> Pixels:
    """Values in 0..1 of shape (H, W) to colours RGB (H, W, 3): dark is low, bright is high.

    Both the values and the table's colours are taken times 255 and cut off, as in the authors' code.
    """
    from matplotlib import colormaps

    table = (colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8)
    return table[(np.asarray(values, np.float32) * 255).astype(np.uint8)]


def blend(picture: Pixels, colours: Pixels, alpha: float = ALPHA) -> Pixels:
    """A picture (H, W, 3) with colours (h, w, 3) over it, which are brought to its size bilinearly (Pillow's).

    Args:
        picture: RGB.
        colours: RGB.
        alpha: the share of the colours, 0 to 1.
    """
    original = Image.fromarray(picture)
    over = Image.fromarray(colours).resize(original.size, Image.Resampling.BILINEAR)
    return np.asarray(Image.blend(original, over, alpha))


def fitted(picture: Pixels) -> Pixels:
    """A picture (H, W, 3) at the size of a figure: its longer side in FIGURE_SIDES; a small one in true, larger pixels."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    side = min(max(longest, FIGURE_SIDES[0]), FIGURE_SIDES[1])
    size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
    how = Image.Resampling.LANCZOS if side < longest else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize(size, how))


def side_by_side(panels: Sequence[tuple[str, Pixels]], bar: ColourBar | None = None) -> bytes:
    """A PNG of pictures beside each other, each under its title, pixel by pixel.

    Args:
        panels: titles and pictures RGB (H, W, 3) of one shape, which are `fitted`; best so before anything is drawn on them.
        bar: of the colours in the last picture; None for none.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    pictures = [fitted(picture) for _, picture in panels]
    height, width = pictures[0].shape[:2]
    cell_width, cell_height = max(width, LEAST_CELL[0]), max(height, LEAST_CELL[1])
    size = np.array([GAP + len(panels) * (cell_width + GAP) + (BAR_WIDTH if bar else 0), TITLE + cell_height + GAP])
    figure = Figure(figsize=tuple(size / DPI), dpi=DPI)

    def axes(left: int, bottom: int, width: int, height: int) -> Any:
        return figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))

    for number, ((title, _), picture) in enumerate(zip(panels, pictures, strict=True)):
        left = GAP + number * (cell_width + GAP) + (cell_width - width) // 2
        place = axes(left, GAP + (cell_height - height) // 2, width, height)
        place.imshow(picture, interpolation="nearest", aspect="auto")
        place.set_title(title, fontsize=12, parse_math=False)
        place.axis("off")
    if bar:
        place = axes(GAP + len(panels) * (cell_width + GAP), GAP + 10, BAR_WIDTH // 5, cell_height - 20)
        colours = ScalarMappable(Normalize(bar.low, bar.high), "magma")
        figure.colorbar(colours, cax=place).set_label(bar.label, parse_math=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", pil_kwargs={"compress_level": 3})  # the default takes as long as all the rest
    return stream.getvalue()
