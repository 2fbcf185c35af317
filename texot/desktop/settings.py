"""The settings of each task, as a form shows them, and the job requests that they give.

The fields of a form and the keywords of the public function differ in places. For example, a form shows one
position t; the function takes one weight for each exemplar.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from texot.desktop.control_settings import PLAIN, ControlSettings
from texot.desktop.requests import JobRequest
from texot.errors import InputError


class Settings(Protocol):
    """Settings of a task."""

    def requests(self) -> list[JobRequest]:
        """The jobs that these settings describe, in order.

        Raises:
            InputError: something is missing.
        """
        ...


@dataclass(frozen=True)
class SynthesisSettings:
    """Settings of `texot.synthesize`.

    Attributes:
        image: path of the exemplar.
        size: "WxH" or a factor "2x"; None: the exemplar's size.
        tile: axes along which the result tiles, "both", "x", "y" or "none".
        quality: "draft", "normal" or "high".
        novelty: in [0, 1].
        seed: of the first variation; the next ones have the seeds after it.
        n_variations: number of jobs.
        controls: what goes where.
    """

    image: str
    size: str | None = None
    tile: str = "both"
    quality: str = "normal"
    novelty: float = 0.5
    seed: int = 0
    n_variations: int = 1
    controls: ControlSettings = PLAIN

    def requests(self) -> list[JobRequest]:
        """One job for each variation."""
        files = self.controls.files(_image(self.image))
        arguments = {
            "size": self.size or self.controls.size,
            "tile": self.tile,
            "quality": self.quality,
            "novelty": self.novelty,
            **self.controls.arguments(),
        }
        seeds = range(self.seed, self.seed + self.n_variations)
        return [JobRequest("synthesize", files, {**arguments, "seed": seed}) for seed in seeds]

    @classmethod
    def from_request(cls, request: JobRequest) -> SynthesisSettings:
        """The settings that give this request alone; of one that starts from a result, those it shares."""
        images = request.files.get("images") or [request.files["image"]]
        return cls(images[0], **_shared(cls, request), controls=ControlSettings.from_request(request))

    def for_image(self, path: str) -> SynthesisSettings:
        """These settings for another image, without what belongs to this one."""
        return replace(self, image=path, controls=self.controls.for_any_image())


@dataclass(frozen=True)
class InpaintSettings:
    """Settings of `texot.inpaint`.

    Attributes:
        image: path of the photograph.
        mask: path of the mask; None: the hole is where the photograph is transparent.
        tile: axes along which the photograph tiles.
        quality: see `SynthesisSettings`.
        seed: of the result.
        reach: distance in pixels from which a hole takes texture; None: its width, at least 64.
        source: path of a mask, from whose white pixels texture is taken; None: from around the hole.
    """

    image: str
    mask: str | None = None
    tile: str = "none"
    quality: str = "normal"
    seed: int = 0
    reach: int | None = None
    source: str | None = None

    def requests(self) -> list[JobRequest]:
        """One job."""
        files = {"image": _image(self.image), "mask": self.mask}
        arguments = {"tile": self.tile, "quality": self.quality, "seed": self.seed, "reach": self.reach}
        if self.source is not None:
            arguments["source"] = self.source
        return [JobRequest("inpaint", files, arguments)]

    @classmethod
    def from_request(cls, request: JobRequest) -> InpaintSettings:
        """The settings that give this request alone; of one that starts from a result, those it shares."""
        return cls(**request.files, **_shared(cls, request))


@dataclass(frozen=True)
class TileSettings:
    """Settings of `texot.make_tileable`.

    Attributes:
        image: path of the photograph.
        tile: axes along which the result tiles, "both", "x" or "y".
        quality: see `SynthesisSettings`.
        seed: of the result.
        band: width in pixels of the band that is synthesised at the edges; None: a quarter of the side.
        flatten: first remove gradients of brightness and colour.
        source: path of a mask, from whose white pixels new texture is taken; None: from all pixels.
    """

    image: str
    tile: str = "both"
    quality: str = "normal"
    seed: int = 0
    band: int | None = None
    flatten: bool = False
    source: str | None = None

    def requests(self) -> list[JobRequest]:
        """One job."""
        arguments = {
            "tile": self.tile,
            "quality": self.quality,
            "seed": self.seed,
            "band": self.band,
            "flatten": self.flatten,
        }
        if self.source is not None:
            arguments["source"] = self.source
        return [JobRequest("tile", {"image": _image(self.image)}, arguments)]

    def for_image(self, path: str) -> TileSettings:
        """These settings for another image, to which the source does not belong."""
        return replace(self, image=path, source=None)

    @classmethod
    def from_request(cls, request: JobRequest) -> TileSettings:
        """The settings that give this request alone; of one that starts from a result, those it shares."""
        return cls(request.files["image"], **_shared(cls, request))


@dataclass(frozen=True)
class StraightenSettings:
    """Settings of `texot.straighten`.

    Attributes:
        image: path of the photograph.
        quad: corners (x, y) of the part, clockwise from its upper left, as eight numbers.
        flatten: remove gradients of brightness and colour.
    """

    image: str
    quad: tuple[float, ...]
    flatten: bool = False

    def requests(self) -> list[JobRequest]:
        """One job."""
        arguments = {"quad": list(self.quad), "flatten": self.flatten}
        return [JobRequest("straighten", {"image": _image(self.image)}, arguments)]


@dataclass(frozen=True)
class InterpolationSettings:
    """Settings of `texot.interpolate`.

    Attributes:
        exemplars: paths, from t = 0 to t = 1.
        t: position between them in [0, 1]; None where a weight map is used instead.
        weight_map: "horizontal", "vertical", "radial" or the path of an image; None: equal everywhere.
        size: "WxH" or a factor; None: the size of the largest exemplar.
        tile: axes along which the result tiles; None: "both", but not along the weight map.
        quality, seed, novelty: see `SynthesisSettings`.
    """

    exemplars: tuple[str, ...]
    t: float | None = 0.5
    weight_map: str | None = None
    size: str | None = None
    tile: str | None = None
    quality: str = "normal"
    seed: int = 0
    novelty: float = 0.5

    def requests(self) -> list[JobRequest]:
        """One job."""
        if len(self.exemplars) < 2:
            raise InputError("it takes two images or more to be between them: open one, and add others")
        weights = weights_at(self.t, len(self.exemplars)) if self.t is not None else None
        arguments = {
            "weights": weights if self.weight_map is None else None,
            "weight_map": self.weight_map,
            "size": self.size,
            "tile": self.tile,
            "quality": self.quality,
            "seed": self.seed,
            "novelty": self.novelty,
        }
        return [JobRequest("interpolate", {"images": list(self.exemplars)}, arguments)]

    @classmethod
    def from_request(cls, request: JobRequest) -> InterpolationSettings:
        """The settings that give this request alone; of one that starts from a result, those it shares."""
        arguments, weights = _shared(cls, request), request.arguments["weights"]
        t = None if weights is None else position_of(weights)
        return cls(tuple(request.files["images"]), t, **arguments)


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of `texot.train`.

    Attributes:
        exemplars: paths of one exemplar, or of several that samples lie between.
        steps: number of training steps; None: the default of the exemplars.
        seed: of the training.
    """

    exemplars: tuple[str, ...]
    steps: int | None = None
    seed: int = 0

    def requests(self) -> list[JobRequest]:
        """One job."""
        if not self.exemplars:
            raise InputError("open an image first")
        arguments = {"steps": self.steps, "seed": self.seed}
        return [JobRequest("train", {"images": list(self.exemplars)}, arguments)]


@dataclass(frozen=True)
class SamplingSettings:
    """Settings of `texot.Generator.write`.

    Attributes:
        model: path of the model file.
        n_exemplars: exemplars of the model.
        t, weight_map: see `InterpolationSettings`; only for a model of several exemplars.
        size: "WxH" or a factor; None: the exemplar's size.
        tile: axes along which the result tiles; None: "both", but not along the weight map.
        seed: of the sample.
        at: (x, y) of the first pixel in the unbounded plane; None: (0, 0).
    """

    model: str
    n_exemplars: int = 1
    t: float | None = 0.5
    weight_map: str | None = None
    size: str | None = None
    tile: str | None = None
    seed: int = 0
    at: tuple[int, int] | None = None

    def requests(self) -> list[JobRequest]:
        """One job."""
        if not self.model:
            raise InputError("there is no model yet: train one on the open image, or load one")
        arguments: dict[str, Any] = {"size": self.size, "tile": self.tile, "seed": self.seed}
        if self.at is not None and self.at != (0, 0):
            arguments["at"] = list(self.at)
        if self.n_exemplars > 1:
            arguments["weight_map"] = self.weight_map
            by_position = self.weight_map is None and self.t is not None
            arguments["weights"] = weights_at(self.t or 0.0, self.n_exemplars) if by_position else None
        return [JobRequest("sample", {"model": self.model}, arguments)]

    @classmethod
    def from_request(cls, request: JobRequest) -> SamplingSettings:
        """The settings that give this request."""
        arguments = dict(request.arguments)
        weights, at = arguments.pop("weights", None), arguments.pop("at", None)
        return cls(
            request.files["model"],
            n_exemplars=len(weights or ()) or 1,
            t=position_of(weights) if weights else None,
            at=(at[0], at[1]) if at else None,
            **arguments,
        )


def _shared(of: type, request: JobRequest) -> dict[str, Any]:
    """The arguments of a request that settings of a class have, except those that have their default."""
    own = {field.name for field in fields(of)}
    return {name: value for name, value in request.arguments.items() if name in own and value is not None}


def weights_at(t: float, count: int) -> list[float]:
    """One weight for each of `count` exemplars: t in [0, 1] goes from the first to the last, linearly."""
    position = t * (count - 1)
    return [round(max(0.0, 1 - abs(position - i)), 4) for i in range(count)]


def position_of(weights: list[float]) -> float:
    """The t in [0, 1] at which `weights_at` gives these weights."""
    return sum(i * w for i, w in enumerate(weights)) / max(1, len(weights) - 1)


def _image(path: str) -> str:
    """The path of the open image.

    Raises:
        InputError: there is none.
    """
    if not path:
        raise InputError("open an image first")
    return path
