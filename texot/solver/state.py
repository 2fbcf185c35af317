"""The results of a run: a `State` after every step, and the finished `Synthesis`."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from texot.files.record import png_text
from texot.files.write import encode_image, to_pil, write_image
from texot.solver.torch_modes import own_modes

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from texot.files.deep_image import DeepImage
    from texot.files.depth import Depth
    from texot.files.exemplar import Exemplar
    from texot.solver.adam.progress import Progress


_SHOWN = {"job": "synthesize", "seed": None}  # settings shown by repr, and their defaults


@dataclass(frozen=True)
class LossRecord:
    """The loss of one step.

    Attributes:
        scale: scale of the image, 0 = finest.
        step: step within the scale, from 1.
        loss: mean squared distance of patches to their targets, in units of the pixel range; where Adam
            optimises the pixels, summed over the transport terms; with `preset="paper"` the sum of the
            semi-duals, as published.
    """

    scale: int
    step: int
    loss: float


@dataclass
class Log:
    """The record that all states of a run share."""

    losses: list[LossRecord] = dataclasses.field(default_factory=list)
    marginal_errors: list[float] = dataclasses.field(default_factory=list)
    timings: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """Everything about a result except its pixels.

    Attributes:
        settings: everything needed to reproduce the image, as plain JSON values.
        mode: mode of the written file, see `texot.files.exemplar.Exemplar`.
        icc_profile: colour profile of images that are not sRGB, or None.
        dpi: dots per inch (x, y) for the file, or None.
        exif: EXIF data for the file, or None.
        finish: converts the solver's image at full size into the result, on the CPU; None: the identity.
        origin: (x, y) of the exemplar's first pixel in the image that it was cut from.
        depth: bit depth of the file, see `texot.files.exemplar.Exemplar`.
        copied: exemplar of which every pixel of the result is a copy; None: they are means of patches.
    """

    settings: dict[str, Any]
    mode: str
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    finish: Callable[[Tensor], Tensor] | None = None
    origin: tuple[int, int] = (0, 0)
    depth: Depth | None = None
    copied: Exemplar | None = None


@dataclass(frozen=True)
class Synthesis:
    """A finished (or stopped) synthesis.

    Attributes:
        image: (C, H, W) float32 on the CPU, in [0, 1]. Images of floats are on the curve of `depth`; their
            values are those of `to_numpy`.
        losses: one record for each step.
        marginal_errors: total variation between cell masses and target weights at the image's scale, for each
            step. On grids of few patches most targets cannot be hit, so compare it with earlier steps only.
        timings: seconds by stage ("scale 0", ...), of preparation ("prepare") and overall ("total").
        settings: everything needed to reproduce the image, as plain JSON values.
        mode: the exemplar's mode, "L", "RGB", "I;16" or "multi"; of a filled photograph "LA" or "RGBA" too.
        icc_profile: of exemplars whose values are not sRGB, else None.
        dpi: of a filled photograph, dots per inch (x, y), or None.
        exif: of a filled photograph, the EXIF data of its file, or None.
        depth: bit depth of images of more than 8 bits in colour and of floats, see `texot.files.depth`.
    """

    image: Tensor
    losses: list[LossRecord]
    marginal_errors: list[float]
    timings: dict[str, float]
    settings: dict[str, Any]
    mode: str
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    depth: Depth | None = None
    _places: Callable[[], Tensor] | None = dataclasses.field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        height, width = self.image.shape[1:]
        job, seed = (reprlib.repr(self.settings.get(key, default)) for key, default in _SHOWN.items())
        loss = f", loss {self.losses[-1].loss:.4g}" if self.losses else ""
        return f"{type(self).__name__}({width}x{height} {self.mode}, job {job}, seed {seed}{loss})"

    @cached_property
    def field(self) -> Tensor | None:
        """The position in the exemplar that each pixel comes from, (H, W, 2) float32 on the CPU, or None.

        (x, y) in pixels of the exemplar, the centre of its first pixel is (0, 0). Positions are fractional
        where patches from neighbouring positions are averaged. None where pixels have no such position: with
        `preset="paper"`, deep features, and jobs other than synthesis.
        """
        if self._places is None:
            return None
        with own_modes():
            return self._places()

    def to_pil(self) -> Image.Image:
        """The image as a Pillow image in the exemplar's mode, of 8 bits a channel or 16-bit grey."""
        return to_pil(self.image, self.mode)

    def deep_image(self) -> DeepImage | None:
        """The image in the type of its file, if it has a `depth`."""
        about = {"icc_profile": self.icc_profile, "dpi": self.dpi, "exif": self.exif}
        return None if self.depth is None else self.depth.deep(self.image, self.mode, **about)  # type: ignore[arg-type]

    def to_numpy(self) -> npt.NDArray[Any]:
        """The image as (H, W) or (H, W, C) float32 in [0, 1]; of images of floats, their values."""
        deep = self.deep_image() if self.depth is not None and self.depth.floats else None
        array: npt.NDArray[Any] = self.image.movedim(0, -1).contiguous().numpy()
        array = array if deep is None else deep.values
        return array[..., 0] if array.shape[2] == 1 else array

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image; the suffix gives the format. A PNG also records the settings:
        `texot.files.record`.

        Raises:
            OutputError: the file cannot be written.
        """
        text = png_text(self.settings, [(step.scale, step.loss) for step in self.losses])
        write_image(self.image, path, mode=self.mode, text=text, **self.metadata())

    def metadata(self) -> dict[str, Any]:
        """Metadata for the file: keyword arguments of `texot.files.write.write_image`."""
        about = {"icc_profile": self.icc_profile, "dpi": self.dpi, "exif": self.exif}
        return {**about, "depth": self.depth}

    def _repr_png_(self) -> bytes:
        """The picture that notebooks show."""
        image = self.image if self.mode != "multi" else self.image[:3]
        return encode_image(image, icc_profile=self.icc_profile)


@dataclass(frozen=True)
class State:
    """A synthesis after one step.

    Attributes:
        scale: scale of the image, 0 = finest.
        n_scales: number of scales.
        step, stage_steps: step within the scale, from 1, and their number.
        total_step, total_steps: the same over all scales.
        loss: see `LossRecord`.
        marginal_error: see `Synthesis.marginal_errors`.
        seconds: since the start.
        seconds_left: estimated remaining time.
    """

    scale: int
    n_scales: int
    step: int
    stage_steps: int
    total_step: int
    total_steps: int
    loss: float
    marginal_error: float
    seconds: float
    seconds_left: float
    _output: Output = dataclasses.field(repr=False)
    _log: Log = dataclasses.field(repr=False)
    _image: Callable[[], Tensor] = dataclasses.field(repr=False)
    _result: Callable[[], Tensor] = dataclasses.field(repr=False)
    _progress: Callable[[], Progress] | None = dataclasses.field(default=None, repr=False)
    _field: Callable[[], Callable[[], Tensor]] | None = dataclasses.field(default=None, repr=False)

    def __repr__(self) -> str:
        seed = reprlib.repr(self._output.settings.get("seed"))
        return (
            f"{type(self).__name__}({self._output.mode}, seed {seed}, "
            f"scale {self.scale} of {self.n_scales}, step {self.total_step} of {self.total_steps}, "
            f"loss {self.loss:.4g}, {self.seconds:.1f} s, {self.seconds_left:.1f} s left)"
        )

    def progress(self) -> Progress:
        """The state from which a run can be resumed. Call it before the next step.

        Raises:
            TypeError: a run that cannot be resumed.
        """
        if self._progress is None:
            raise TypeError("this run cannot be resumed from its states")
        return self._progress()

    @property
    def image(self) -> Tensor:
        """The image after this step at full size, (C, H, W) float32 on the CPU in [0, 1]."""
        return self._finish(self._image)

    def result(self) -> Synthesis:
        """The result after this step, finished as after the last step."""
        loss = self.loss if math.isfinite(self.loss) else None
        settings = {**copy.deepcopy(self._output.settings), "loss": loss}
        if self.total_step < self.total_steps:
            settings["stopped_at"] = self.total_step
        with own_modes():
            field = None if self._field is None else self._field()
            places = None if field is None else partial(_shifted, field, self._output.origin)
            depth, copied = self._output.depth, self._output.copied
            if field is None or copied is None:
                image = self._finish(self._result)
            else:
                index = copied.index_at(field())
                image = copied.pixels.flatten(1)[:, index]
                depth = depth and dataclasses.replace(depth, places=index)
        return Synthesis(
            image,
            self._log.losses[: self.total_step],
            self._log.marginal_errors[: self.total_step],
            {**self._log.timings, "total": self.seconds},
            settings,
            self._output.mode,
            self._output.icc_profile,
            self._output.dpi,
            self._output.exif,
            depth,
            places,
        )

    def _finish(self, make: Callable[[], Tensor]) -> Tensor:
        with own_modes():
            image = make().clamp(0, 1).cpu()
            return image if self._output.finish is None else self._output.finish(image)


def _shifted(places: Callable[[], Tensor], origin: tuple[int, int]) -> Tensor:
    """Positions in the image that the exemplar was cut from."""
    return places() if origin == (0, 0) else places() + torch.tensor(origin, dtype=torch.float32)
