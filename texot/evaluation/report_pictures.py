"""The pictures of a report as data URIs: images, tilings, copy and oddness maps, charts in two themes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from texot.evaluation.novelty import CopyShare
from texot.evaluation.spectrum import radial_spectrum
from texot.files.record import LossPoint
from texot.files.write import to_pil

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOSSLESS, _LARGEST = 512, 1024  # pixels of the longer side
_MAX_ODD = 2.0  # of the oddness map's colours
_PALE = 0.25  # of a colour where pixels are no coherent copy
_INK = {"light": "#1c1c1c", "dark": "#ececec"}
# Okabe and Ito's colours, which colour-blind readers can distinguish; brighter on dark
_LINES = {
    "light": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#3f8fc4", "#a56a00"],
    "dark": ["#56b4e9", "#ff8c42", "#2fd6a5", "#f0a6cf", "#9ad0f5", "#f0c95c"],
}
_DASHES = ["-", "--", "-.", ":"]


def picture(image: Tensor) -> str:
    """An image (C, H, W) as data URI: as it is up to 512 pixels a side, reduced to 1024 above."""
    shown = to_pil(_shown(image))
    if max(shown.size) <= _LOSSLESS:
        return _uri(shown, "PNG")
    shown.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    return _uri(shown, "JPEG")


def tiling(image: Tensor) -> str:
    """Two by two copies of an image at half its size, at most 1024 pixels a side, as data URI."""
    shown = to_pil(_shown(image).repeat(1, 2, 2))
    side = max(256, min(_LARGEST, max(image.shape[1:])))
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _uri(shown, "JPEG")


def source_colours(y: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
    """The colour that stands for a place of the exemplar: red from left to right, green from top to bottom.

    Args:
        y, x: places, of any one shape (...).
        size: (h, w) of the exemplar.

    Returns:
        (3, ...) in [0, 1].
    """
    down, across = (t.float() / max(1, n - 1) for t, n in ((y, size[0]), (x, size[1])))
    return torch.stack([0.1 + 0.85 * across, 0.1 + 0.85 * down, 0.75 - 0.5 * (down + across) / 2])


def copy_map(copies: CopyShare) -> str:
    """Where every pixel comes from, as colours; pale grey tones where it is no coherent copy."""
    y, x = copies.source_map()
    colours = source_colours(y, x, copies.sizes[1])
    grey = 0.55 + _PALE * (colours - colours.mean(0))
    return _map(torch.where(copies.copied_map(), colours, grey))


def copy_key(size: tuple[int, int]) -> str:
    """The colours of the exemplar's own places."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    return _map(source_colours(y, x, size))


def odd_map(odd: Tensor, size: tuple[int, int]) -> str:
    """The oddness of every place, from black at 0 to light yellow at 2 and more."""
    import matplotlib

    cells = (odd / _MAX_ODD).clamp(0, 1)
    colours = torch.from_numpy(matplotlib.colormaps["inferno"](cells.numpy())[..., :3].copy()).movedim(-1, 0)
    large = F.interpolate(colours[None].float(), scale_factor=8, mode="nearest")[0]
    return _map(large[:, : size[0], : size[1]])


def spectra(images: Mapping[str, Tensor]) -> dict[str, str]:
    """Charts of radial power spectra, and below of their differences from the first image's; one a theme."""
    lines = {
        name: radial_spectrum(image).tolist() for name, image in images.items() if min(image.shape[1:]) >= 8
    }
    count = len(next(iter(lines.values()), []))
    places = [(k + 0.5) / (2 * max(1, count)) for k in range(count)]

    def draw(panels: Sequence[Axes], ink: str, colours: Sequence[str]) -> None:
        first: list[float] = []
        for k, (name, values) in enumerate(lines.items()):
            first = first or values
            style = {"color": ink, "linewidth": 2.8} if k == 0 else _style(k - 1, colours)
            panels[0].plot(places, values, label=name, **style)
            panels[1].plot(places, [a - b for a, b in zip(values, first, strict=True)], **style)
        panels[0].set_ylabel("power, dB")
        panels[1].set_ylabel("difference, dB")
        panels[1].set_xlabel("cycles per pixel")

    return _chart(draw, heights=(2, 1))


def losses(curves: Mapping[str, Sequence[LossPoint]]) -> dict[str, str]:
    """A chart of losses over steps, logarithmic, lines broken where the scale changes; a data URI a theme."""
    from matplotlib.ticker import LogLocator, NullFormatter

    def draw(panels: Sequence[Axes], ink: str, colours: Sequence[str]) -> None:
        (axes,) = panels
        for k, (name, values) in enumerate(curves.items()):
            stages = [list(stage) for _, stage in groupby(values, key=lambda point: point.scale)]
            for number, stage in enumerate(stages):
                steps, heights = [point.step for point in stage], [point.loss for point in stage]
                axes.plot(steps, heights, label=None if number else name, **_style(k, colours))
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("step")
        axes.set_ylabel("loss")

    return _chart(draw)


def _style(k: int, colours: Sequence[str]) -> dict[str, Any]:
    return {"color": colours[k % len(colours)], "linestyle": _DASHES[k // len(colours) % len(_DASHES)]}


def _chart(draw: Callable[..., None], heights: tuple[int, ...] = (1,)) -> dict[str, str]:
    """An SVG for light and one for dark pages, drawn without pyplot: no window, no global state.

    Args:
        draw: draws into the panels, top to bottom, given them, the ink and the lines' colours.
        heights: of the panels, relative to each other; all share the axis across.
    """
    import matplotlib
    from matplotlib.figure import Figure

    found = {}
    for theme, ink in _INK.items():
        settings: Any = {
            "font.size": 12,
            "axes.edgecolor": ink,
            "axes.labelcolor": ink,
            "text.color": ink,
            "xtick.color": ink,
            "ytick.color": ink,
            "svg.hashsalt": "texot",
            "text.parse_math": False,  # a name may be no formula
        }
        with matplotlib.rc_context(settings):
            figure = Figure(figsize=(5.4, 2.4 + 1.2 * sum(heights) / heights[-1]), layout="constrained")
            figure.patch.set_alpha(0)
            grid = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)
            panels = list(grid[:, 0])
            for axes in panels:
                axes.patch.set_alpha(0)
                axes.grid(color=ink, alpha=0.15)
                axes.spines[["top", "right"]].set_visible(False)
            draw(panels, ink, _LINES[theme])
            panels[0].legend(frameon=False, fontsize=11)
            stream = io.BytesIO()
            figure.savefig(stream, format="svg", metadata={"Date": None})
        found[theme] = "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()
    return found


def _shown(image: Tensor) -> Tensor:
    """What of an image a screen can show: of a stack of maps the first three."""
    return image if image.shape[0] in (1, 3) else image[:3] if image.shape[0] > 3 else image[:1]


def _map(colours: Tensor) -> str:
    shown = to_pil(colours)
    if max(shown.size) > _LOSSLESS:
        shown.thumbnail((_LOSSLESS, _LOSSLESS), Image.Resampling.NEAREST)
    return _uri(shown, "PNG")


def _uri(shown: Image.Image, kind: str) -> str:
    stream = io.BytesIO()
    shown.save(stream, kind, **({"quality": 92} if kind == "JPEG" else {"optimize": True}))
    return f"data:image/{kind.lower()};base64," + base64.b64encode(stream.getvalue()).decode()
