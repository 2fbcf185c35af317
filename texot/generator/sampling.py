"""Samples of a trained texture: any window of its plane, or a torus of any size, computed in tiles."""

from __future__ import annotations

import os
import reprlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from texot._version import ALGORITHM, __version__
from texot.errors import InputError
from texot.files.record import png_text
from texot.files.sizes import parse_size
from texot.files.stream import STREAMED, write_rows
from texot.files.write import check_format, write_image
from texot.generator.model_file import Model, load_model, save_model
from texot.generator.network import PlaneNetwork
from texot.generator.weight_map import Area, WeightMap
from texot.solver.barycentric_weights import Weights, map_name, tiled_axes, whole_weights
from texot.solver.memory_checks import check_memory
from texot.solver.options import TILES, check_choice, resolve_device, whole
from texot.solver.state import Synthesis
from texot.solver.torch_modes import own_modes

TILE = 384
"""Default side of tiles, in pixels. The memory of a sample is that of its tiles."""
_AHEAD = 8  # tiles per worker that are computed ahead
_MAX_PLACE = 2**40
P = TypeVar("P")
T = TypeVar("T")


class Generator:
    """A generator of a texture, trained by `texot.train`.

    Args:
        network: the trained network.
        facts: about its training, plain JSON values; "mode" and "exemplar_size" are required.
        license: one line about the licence of the exemplar or the model.
        icc_profile: of textures whose values are not sRGB, else None.

    Attributes:
        network: a `torch.nn.Module`.
        facts, license, icc_profile: as given.
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
    ) -> None:
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
        return cls(model.network.to(place), model.facts, license=model.license, icc_profile=model.icc_profile)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model atomically.

        Raises:
            OutputError: it cannot be written there.
        """
        save_model(Model(self.network, self.facts, self.license, self.icc_profile), path)

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
        self,
        size: str | int | tuple[int, int] | None = None,
        *,
        seed: int = 0,
        at: tuple[int, int] = (0, 0),
        tile: str | None = None,
        weights: Weights | None = None,
        weight_map: Any = None,
        map_area: tuple[int, int, int, int] | None = None,
    ) -> Synthesis:
        """A sample of the texture.

        Args:
            size: (width, height), "WxH", a factor "2x" of the exemplar's, or None for its size.
            seed: 0 <= seed < 2**63; every seed gives another plane of the texture.
            at: (x, y) of the sample's first pixel on the plane.
            tile: axes along which the plane repeats after the sample's size, so that opposite edges fit:
                "both", "x", "y" or "none". None: "both", without the axes along which a map varies.
            weights: one for each exemplar of the model, not negative; normalised to sum 1. None: equal.
            weight_map: weights that vary: "horizontal", "vertical" or "radial", from the first exemplar at
                the left, the top or the centre to the last, or an image whose black is the first and white
                the last. Not with `weights`.
            map_area: (x, y, width, height) of the plane that the map covers; it is constant beyond its edges.
                None: the sample. Windows of one plane need the same area.

        Returns:
            The image, with no losses. Overlapping windows of one seed agree where `tile` is "none".

        Raises:
            InputError: an option that cannot be used.
        """
        begun = time.perf_counter()
        width, height = self.sample_size(size)
        tile = tiled_axes(weight_map) if tile is None else tile
        image = torch.empty(self.network.architecture.colours, height, width, dtype=torch.float32)
        mix: dict[str, Any] = {"weights": weights, "weight_map": weight_map, "map_area": map_area}
        for top, left, part in self.tiles((width, height), seed=seed, at=at, tile=tile, **mix):
            image[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        settings = self.settings((width, height), seed=seed, at=at, tile=tile, **mix)
        timings = {"total": time.perf_counter() - begun}
        return Synthesis(image, [], [], timings, settings, self.mode, self.icc_profile)

    def sample_size(self, size: str | int | tuple[int, int] | None = None) -> tuple[int, int]:
        """Width and height in pixels of a sample that is held in memory, see `sample`.

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
        seed: int = 0,
        at: tuple[int, int] = (0, 0),
        tile: str | None = None,
        weights: Weights | None = None,
        weight_map: Any = None,
        map_area: tuple[int, int, int, int] | None = None,
        side: int = TILE,
        workers: int = 1,
    ) -> Iterator[tuple[int, int, Tensor]]:
        """A sample in tiles, row by row, in the memory of a few tiles.

        Arguments as in `sample`, checked at once.

        Args:
            side: of the square tiles, in pixels.
            workers: threads that compute tiles in parallel. Several, of one torch thread each
                (`torch.set_num_threads(1)`), are faster than torch's own threads on one tile.

        Yields:
            (top, left, tile), its position in the sample and its pixels (C, h, w) in [0, 1] on the CPU.
        """
        width, height = parse_size(size, self.exemplar_size)
        tile = tiled_axes(weight_map) if tile is None else tile
        check_choice("tile", tile, tuple(TILES))
        seed = whole("seed", seed, 0, 2**63 - 1)
        x, y = check_place(at)
        side, workers = whole("side", side, 1), whole("workers", workers, 1, 4096)
        wraps = TILES[tile]
        periods = height if wraps[0] else None, width if wraps[1] else None
        area = (y, x, height, width) if map_area is None else _area(map_area)
        mixture = self._mixture(weights, weight_map, area, periods)
        places = ((top, left) for top in range(0, height, side) for left in range(0, width, side))

        def make(place: tuple[int, int]) -> tuple[int, int, Tensor]:
            top, left = place
            part = min(side, height - top), min(side, width - left)
            with own_modes(), torch.no_grad():
                image = self.network.sample(seed, (y + top, x + left), part, periods=periods, mixture=mixture)
                return top, left, image.clamp_(0, 1).cpu()

        return map(make, places) if workers == 1 else _in_order(make, places, workers)

    def write(
        self,
        path: str | os.PathLike[str],
        size: str | int | tuple[int, int] | None = None,
        *,
        seed: int = 0,
        at: tuple[int, int] = (0, 0),
        tile: str | None = None,
        weights: Weights | None = None,
        weight_map: Any = None,
        map_area: tuple[int, int, int, int] | None = None,
        side: int = TILE,
        workers: int = 1,
        on_tile: Callable[[int, int, Tensor], object] | None = None,
    ) -> dict[str, Any]:
        """Write a sample to a file, one row of tiles at a time, with the bytes that `texot sample` writes.

        A PNG or TIFF of any size takes the memory of one row of tiles. Other formats take that of the image.

        Arguments as in `tiles`.

        Args:
            path: of the image; replaced when the sample is complete, else unchanged.
            on_tile: called with (top, left, tile) for each tile, in order. An exception ends the work.

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
        window: dict[str, Any] = {
            "seed": seed,
            "at": at,
            "tile": tile,
            "weights": weights,
            "weight_map": weight_map,
            "map_area": map_area,
        }
        check_format(path, (width, height), self.mode)
        tiles = self.tiles((width, height), **window, side=side, workers=workers)
        settings = self.settings((width, height), **window)

        def rows() -> Iterator[Tensor]:
            row: list[Tensor] = []
            for top, left, part in tiles:
                if on_tile is not None:
                    on_tile(top, left, part)
                row.append(part)
                if left + part.shape[2] == width:
                    yield torch.cat(row, 2)
                    row = []

        kind: dict[str, Any] = {"mode": self.mode, "icc_profile": self.icc_profile}
        if os.fsdecode(path).lower().endswith(STREAMED):
            write_rows(rows(), path, size=(width, height), text=png_text(settings), **kind)
        else:
            write_image(torch.cat(list(rows()), 1), path, **kind)
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

    def settings(
        self,
        size: tuple[int, int],
        *,
        seed: int,
        at: Sequence[int],
        tile: str | None,
        weights: Any = None,
        weight_map: Any = None,
        map_area: Any = None,
    ) -> dict[str, Any]:
        """The settings that reproduce a sample of these arguments, see `sample`: plain JSON values."""
        found = {
            "job": "sample",
            "texot": __version__,
            "algorithm": ALGORITHM,
            "size": list(size),
            "at": list(at),
            "tile": tile or tiled_axes(weight_map),
            "seed": seed,
            "exemplar_sha256": self.facts.get("exemplar_sha256"),
        }
        if self.n_exemplars > 1 and weight_map is None:
            found["weights"] = whole_weights(weights, self.n_exemplars)
        elif self.n_exemplars > 1:
            found["map"] = map_name(weight_map)
            found["map_area"] = None if map_area is None else list(map_area)
        return found

    def _mixture(
        self, weights: Any, weight_map: Any, area: Area, periods: tuple[int | None, int | None]
    ) -> Tensor | WeightMap | None:
        """The mixture for `PlaneNetwork.sample`.

        Raises:
            InputError: see `sample`.
        """
        count = self.n_exemplars
        self.check_mix(weights, weight_map)
        if count == 1:
            return None
        if weight_map is None:
            return torch.tensor(whole_weights(weights, count), dtype=torch.float32)
        return WeightMap(weight_map, count, area, self.network.architecture.n_scales, periods)


def _area(given: Sequence[int]) -> Area:
    """The area of a map as (y, x, height, width).

    Raises:
        InputError: not four integers, or an empty area.
    """
    try:
        x, y, width, height = given
    except (TypeError, ValueError) as error:
        raise InputError(f"map_area must be (x, y, width, height), not {given!r}") from error
    x, y = check_place((x, y))
    most = _MAX_PLACE
    return y, x, whole("map_area's height", height, 1, most), whole("map_area's width", width, 1, most)


def _in_order(make: Callable[[P], T], places: Iterable[P], workers: int) -> Iterator[T]:
    """make(place) of all places, in order, computed ahead by threads: consumers do not block workers."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for place in places:
                waiting.append(pool.submit(make, place))
                if len(waiting) == _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def check_place(at: Sequence[int]) -> tuple[int, int]:
    """The position of a window on the plane, as plain int (x, y).

    Raises:
        InputError: not two integers of at most 2**40.
    """
    try:
        x, y = at
    except (TypeError, ValueError) as error:
        raise InputError(f"at must be (x, y), two whole numbers, not {at!r}") from error
    return whole("at's x", x, -_MAX_PLACE, _MAX_PLACE), whole("at's y", y, -_MAX_PLACE, _MAX_PLACE)
