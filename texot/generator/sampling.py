"""Samples of a trained texture: any window of its plane, or a torus of any size, computed in tiles."""

from __future__ import annotations

import os
import reprlib
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from texot._version import ALGORITHM, __version__
from texot.errors import InputError
from texot.field import compiled
from texot.files.material import Material
from texot.files.material_code import MaterialCode
from texot.files.record import png_text
from texot.files.sizes import parse_size
from texot.files.stream import STREAMED, write_rows
from texot.files.write import check_format, write_image
from texot.generator.ahead import in_order
from texot.generator.finish import Finish
from texot.generator.finish_plane import FinishedPlane, Periods
from texot.generator.model_file import Model, load_model, save_model
from texot.generator.network import PlaneNetwork
from texot.generator.sample_options import SampleKeywords, SampleOptions
from texot.generator.weight_map import Area, WeightMap
from texot.solver.barycentric_weights import map_name, whole_weights
from texot.solver.memory_checks import check_memory
from texot.solver.options import resolve_device, whole
from texot.solver.state import Synthesis
from texot.solver.torch_modes import own_modes

if TYPE_CHECKING:
    from typing_extensions import Unpack

TILE = 384
"""Default side of tiles, in pixels. The memory of a sample is that of its tiles."""
_COMPILED = 2**19  # pixels from which compiled loops of the finish pay
Place = tuple[int, int]


class Generator:
    """A generator of a texture, trained by `texot.train`.

    Args:
        network: the trained network.
        facts: about its training, plain JSON values; "mode" and "exemplar_size" are required.
        license: one line about the licence of the exemplar or the model.
        icc_profile: of textures whose values are not sRGB, else None.
        finish: of its samples, on the network's device, or None.
        code: of the maps of a material, whose stack samples are; None: they are images.

    Attributes:
        network: a `torch.nn.Module`.
        facts, license, icc_profile, finish, code: as given.
        tile_side: default side of the tiles of `tiles` and `write`, in pixels.

    Example:
        >>> generator = Generator.load("pebbles.safetensors")  # doctest: +SKIP
        >>> generator.sample("1024x512", seed=7).save("new.png")  # doctest: +SKIP
    """

    tile_side = TILE

    def __init__(
        self,
        network: PlaneNetwork,
        facts: dict[str, Any],
        *,
        license: str | None = None,
        icc_profile: bytes | None = None,
        finish: Finish | None = None,
        code: MaterialCode | None = None,
    ) -> None:
        self.finish, self.code = finish, code
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.facts, self.license, self.icc_profile = facts, license, icc_profile

    def __repr__(self) -> str:
        size, mode, seed = (reprlib.repr(self.facts.get(key)) for key in ("exemplar_size", "mode", "seed"))
        loss = self.facts.get("loss")
        shown = f", loss {loss:.4g}" if isinstance(loss, (int, float)) else ""
        return f"{type(self).__name__}(exemplar {size} {mode}, seed {seed}{shown})"

    @classmethod
    @own_modes()
    def load(cls, path: str | os.PathLike[str], *, device: str | torch.device = "cpu") -> Generator:
        """Read a model file.

        Args:
            path: of a file that `save` or `texot train` wrote.
            device: where it samples: "auto", "cpu", "cuda" or "cuda:i".

        Raises:
            InputError: the file is not a model that this version reads.
            DeviceError: no such device.
        """
        place = resolve_device(device)
        model = load_model(path)
        finish = None if model.finish is None else model.finish.to(place)
        return cls(
            model.network.to(place),
            model.facts,
            license=model.license,
            icc_profile=model.icc_profile,
            finish=finish,
            code=model.code,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model atomically.

        Raises:
            OutputError: it cannot be written there.
        """
        model = Model(self.network, self.facts, self.license, self.icc_profile, self.finish, self.code)
        save_model(model, path)

    @property
    def mode(self) -> str:
        """The image mode of samples, see `texot.files.exemplar.Exemplar`."""
        return str(self.facts["mode"])

    @property
    def exemplar_size(self) -> tuple[int, int]:
        """(width, height) of the exemplar."""
        try:
            width, height = self.facts["exemplar_size"]
            return max(1, int(width)), max(1, int(height))
        except (KeyError, TypeError, ValueError):
            return 256, 256

    @own_modes()
    def sample(
        self, size: str | int | tuple[int, int] | None = None, **options: Unpack[SampleKeywords]
    ) -> Synthesis:
        """A sample of the texture.

        Args:
            size: (width, height), "WxH", a factor "2x" of the exemplar's, or None for its size.
            **options: see `texot.generator.sample_options.SampleOptions`.

        Returns:
            The image, with no losses. Overlapping windows of one seed agree where `tile` is "none".

        Raises:
            InputError: an option that cannot be used.
        """
        begun = time.perf_counter()
        width, height = self.sample_size(size)
        image = torch.empty(self.network.architecture.colours, height, width, dtype=torch.float32)
        for top, left, tile in self.tiles((width, height), **options):
            image[:, top : top + tile.shape[1], left : left + tile.shape[2]] = tile
        settings = self.settings((width, height), **options)
        timings = {"total": time.perf_counter() - begun}
        return Synthesis(image, [], [], timings, settings, self.mode, self.icc_profile)

    def material(
        self, size: str | int | tuple[int, int] | None = None, **options: Unpack[SampleKeywords]
    ) -> Material:
        """A sample of a material's generator: all maps, in the types of the exemplar's files.

        Args:
            size, **options: see `sample`.

        Raises:
            InputError: an option that cannot be used, or a generator of images.
        """
        if self.code is None:
            raise InputError("this model is of an image: use sample, or train one of a material's folder")
        return self.code.material(self.sample(size, **options).image)

    def sample_size(self, size: str | int | tuple[int, int] | None = None) -> tuple[int, int]:
        """(width, height) in pixels of a sample that is held in memory, see `sample`.

        Raises:
            InputError: not a size, or more than the memory of this machine holds.
        """
        width, height = parse_size(size, self.exemplar_size)
        check_memory(self.network.architecture.colours, (1, 1), (width, height), planes=10)
        return width, height

    @own_modes()
    def tiles(
        self,
        size: str | int | tuple[int, int] | None = None,
        *,
        side: int = TILE,
        workers: int = 1,
        **options: Unpack[SampleKeywords],
    ) -> Iterator[tuple[int, int, Tensor]]:
        """A sample in tiles, row by row, in the memory of a few tiles.

        Args:
            size: see `sample`.
            side: of the square tiles of the network, in pixels; finished samples have tiles of their own.
            workers: threads that compute tiles in parallel. Several, of one torch thread each
                (`torch.set_num_threads(1)`), are faster than torch's own threads on one tile.
            **options: see `texot.generator.sample_options.SampleOptions`; checked at once.

        Yields:
            (top, left, tile), its position in the sample and its pixels (C, h, w) in [0, 1] on the CPU.

        Raises:
            InputError: an option that cannot be used.
        """
        width, height = parse_size(size, self.exemplar_size)
        own = SampleOptions(**options).checked()
        side, workers = whole("side", side, 1), whole("workers", workers, 1, 4096)
        periods, (x, y) = own.periods((width, height)), own.at
        pixels: Callable[[Place, Place], Tensor]
        places: Iterable[tuple[Place, Place]]
        if self.finishes(own.finish):
            assert self.finish is not None
            if width * height >= _COMPILED:
                compiled.prepare()
            scales = self.network.architecture.n_scales
            plane = FinishedPlane(self.finish, partial(self._at_scale, own.seed), scales, periods)
            pixels, places = plane.part, plane.parts((y, x), (height, width))
        else:
            mixture = self._mixture(own, own.area((width, height)), periods)
            pixels = partial(self.network.sample, own.seed, periods=periods, mixture=mixture)
            places = (
                ((top, left), (min(side, height - top), min(side, width - left)))
                for top in range(0, height, side)
                for left in range(0, width, side)
            )

        def make(place: tuple[Place, Place]) -> tuple[int, int, Tensor]:
            (top, left), extent = place
            with own_modes(), torch.no_grad():
                return top, left, pixels((y + top, x + left), extent).clamp(0, 1).cpu()

        return map(make, places) if workers == 1 else in_order(make, places, workers)

    def finishes(self, finish: str) -> bool:
        """Whether samples of this option `SampleOptions.finish` are finished.

        Raises:
            InputError: "patches", and the model has kept no exemplar.
        """
        if finish == "patches" and self.finish is None:
            raise InputError("this model has kept no exemplar whose patches could finish a sample: use none")
        return self.finish is not None and finish != "none"

    def _at_scale(self, seed: int, scale: int, at: Place, size: Place, periods: Periods) -> Tensor:
        """The network's sample at a scale, see `texot.generator.finish_plane.Sample`."""
        image: Tensor = self.network.sample(seed, at, size, scale=scale, periods=periods)
        return image

    def rows(
        self,
        size: str | int | tuple[int, int] | None = None,
        *,
        side: int = TILE,
        workers: int = 1,
        on_tile: Callable[[int, int, Tensor], object] | None = None,
        **options: Unpack[SampleKeywords],
    ) -> Iterator[Tensor]:
        """A sample from top to bottom, in the memory of a row of tiles.

        Args:
            size, side, workers, **options: see `tiles`.
            on_tile: called with (top, left, tile) for each tile, in order. An exception ends the work.

        Yields:
            A row of tiles as one image (C, h, width).

        Raises:
            InputError: an option that cannot be used.
        """
        width, height = parse_size(size, self.exemplar_size)
        tiles = self.tiles((width, height), side=side, workers=workers, **options)

        def joined() -> Iterator[Tensor]:
            row: list[Tensor] = []
            for top, left, tile in tiles:
                if on_tile is not None:
                    on_tile(top, left, tile)
                row.append(tile)
                if left + tile.shape[2] == width:
                    yield torch.cat(row, 2)
                    row = []

        return joined()

    def write(
        self,
        path: str | os.PathLike[str],
        size: str | int | tuple[int, int] | None = None,
        *,
        side: int = TILE,
        workers: int = 1,
        on_tile: Callable[[int, int, Tensor], object] | None = None,
        **options: Unpack[SampleKeywords],
    ) -> dict[str, Any]:
        """Write a sample to a file, one row of tiles at a time, with the bytes that `texot sample` writes.

        A PNG or TIFF of any size takes the memory of one row of tiles. Other formats take that of the image.

        Args:
            path: of the image; replaced when the sample is complete, else unchanged.
            size, side, workers, on_tile, **options: see `rows`.

        Returns:
            The settings of the sample, which a PNG also holds.

        Raises:
            InputError: an option that cannot be used.
            OutputError: the file cannot be written.

        Example:
            >>> generator = Generator.load("pebbles.safetensors")  # doctest: +SKIP
            >>> generator.write("large.png", "20000x10000", seed=7)["seed"]  # doctest: +SKIP
            7
        """
        width, height = parse_size(size, self.exemplar_size)
        check_format(path, (width, height), self.mode)
        rows = self.rows((width, height), side=side, workers=workers, on_tile=on_tile, **options)
        settings = self.settings((width, height), **options)
        kind: dict[str, Any] = {"mode": self.mode, "icc_profile": self.icc_profile}
        if os.fsdecode(path).lower().endswith(STREAMED):
            write_rows(rows, path, size=(width, height), text=png_text(settings), **kind)
        else:
            write_image(torch.cat(list(rows), 1), path, **kind)
        return settings

    @property
    def n_exemplars(self) -> int:
        """Number of exemplars whose textures samples can mix."""
        return int(self.network.architecture.textures)

    def check_mix(self, weights: Any, weight_map: Any) -> None:
        """Check mixture weights and a map.

        Raises:
            InputError: weights or a map for a model of one exemplar, both, or another number of weights.
        """
        if self.n_exemplars == 1 and not (weights is None and weight_map is None):
            raise InputError(
                "this model has one exemplar: weights and maps are for what 'texot train' made of several"
            )
        if weights is not None and weight_map is not None:
            raise InputError("weights and weight_map both say how much of each exemplar: give one of the two")
        if weights is not None:
            whole_weights(weights, self.n_exemplars)

    def settings(self, size: tuple[int, int], **options: Unpack[SampleKeywords]) -> dict[str, Any]:
        """The settings that reproduce a sample of these arguments, see `sample`: plain JSON values."""
        own = SampleOptions(**options)
        found = {
            "job": "sample",
            "texot": __version__,
            "algorithm": ALGORITHM,
            "size": list(size),
            "at": list(own.at),
            "tile": own.axes,
            "seed": own.seed,
            "finish": "patches" if self.finishes(own.finish) else "none",
            "exemplar_sha256": self.facts.get("exemplar_sha256"),
        }
        if self.n_exemplars > 1 and own.weight_map is None:
            found["weights"] = whole_weights(own.weights, self.n_exemplars)
        elif self.n_exemplars > 1:
            found["weight_map"] = map_name(own.weight_map)
            found["weight_map_area"] = None if own.weight_map_area is None else list(own.weight_map_area)
        return found

    def _mixture(
        self, options: SampleOptions, area: Area, periods: tuple[int | None, int | None]
    ) -> Tensor | WeightMap | None:
        """The mixture for `PlaneNetwork.sample`.

        Raises:
            InputError: see `sample`.
        """
        count = self.n_exemplars
        self.check_mix(options.weights, options.weight_map)
        if count == 1:
            return None
        if options.weight_map is None:
            return torch.tensor(whole_weights(options.weights, count), dtype=torch.float32)
        return WeightMap(options.weight_map, count, area, self.network.architecture.n_scales, periods)
