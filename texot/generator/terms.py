"""Terms of training: sliced transport of patches, half of whose filters are whitened, and of deep features.

Values are in units of squared patch distance, whatever the texture's contrast.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.images.autocorrelation import correlation_length
from texot.images.pyramid import Periodic, wrap
from texot.images.reproducible import principal_axes
from texot.networks.network import Network
from texot.networks.registry import find_network
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.term import random_patches
from texot.transport.measure import PatchMeasure
from texot.transport.sliced import sliced_distance, systematic_sample

TRANSPORTS = ("sliced", "semi-dual", "both")
"""How deep features are compared."""

_MARGIN = 16  # pixels around an image that the network sees and the terms ignore
_LARGE = 6.0  # pixels: correlation length from which features are large
_FLOOR = 1e-3  # of a whitened axis' variance, as a fraction of their mean
_WHITE = 0.1  # weight of a whitened filter: with 1, the noise of early training dominates
_TILE = 512  # side of the tiles of an exemplar that the network processes at a time
_MAX_CELLS = 65536  # of an exemplar, in the finest layer
_MIN_CELLS = 8
_MIN_DEVIATION = 0.2  # of a deep channel, as a fraction of their mean
_N_DIRECTIONS = 48
_MAX_TARGETS = 8192  # per layer, in semi-dual transport
_SPARSE = 8  # pixels between the cells of finer layers in semi-dual transport


def training_network(features: str) -> Network | None:
    """The network of the option `features`, see `find_network`; image sides must be multiples of 16."""
    found = find_network(features, auto=True)
    return None if found is None else replace(found, context=_MARGIN, grid=_MARGIN)


def suitable_transport(exemplar: Exemplar) -> str:
    """The transport for an exemplar: "both" if its `correlation_length` is large, else "sliced"."""
    length = correlation_length(exemplar.pixels, exemplar.mask)
    return "both" if length >= _LARGE else "sliced"


@dataclass
class WhitenedTerm:
    """Sliced distance of patches on random filters, every second one whitened; a `Term`.

    Whitened filters are drawn in coordinates in which the target has variance 1 in every direction, so that
    fine detail counts as much as coarse. Their distance is multiplied by the target's total variance.

    Attributes:
        scale: pyramid scale.
        measure: target patches; every step draws some by weight.
        stride: grid of the image's patches.
        n_filters: filters a step.
        variance: total variance of the target.
        whitening: (d, d).
    """

    scale: int
    measure: PatchMeasure
    stride: int = 4
    n_filters: int = 16
    variance: float = field(init=False)
    whitening: Tensor = field(init=False)

    def __post_init__(self) -> None:
        centred = self.measure.y - self.measure.centre
        self.variance = float(self.measure.nu @ (centred**2).sum(1))
        values, vectors = principal_axes((centred * self.measure.nu[:, None]).T @ centred)
        floor = (_FLOOR * values.mean()).clamp_min(1e-12)
        self.whitening = vectors * torch.maximum(values, floor).rsqrt()  # (d, d)

    @property
    def state(self) -> list[Tensor]:
        """None."""
        return []

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> tuple[Tensor, None]:
        """The sliced distance of an image scale (C, H, W), differentiable."""
        d = self.measure.y.shape[1]
        x = random_patches(image, self.measure.patch_size, self.stride, periodic, generator)
        shift = float(torch.rand((), generator=generator, dtype=torch.float32))
        y = self.measure.y[systematic_sample(self.measure.nu, len(x), shift)]
        half = self.n_filters // 2
        plain = torch.randn(d, self.n_filters - half, generator=generator, dtype=torch.float32)
        plain = F.normalize(plain, dim=0) * d**0.5
        white = torch.randn(d, half, generator=generator, dtype=torch.float32).to(image)
        white = _relative(x, y, self.whitening @ white) * (_WHITE * self.variance) ** 0.5
        filters = torch.cat([plain.to(image), white], 1)
        return sliced_distance(x, y, filters), None


@dataclass(frozen=True)
class DeepTerm:
    """Sliced distance of a network's features, every layer's relative to the exemplar's own spread; a `Term`.

    Features are divided by the exemplar's standard deviation of their channel (at least a fifth of the mean
    over channels), and every direction's distance by its variance.

    Attributes:
        layers: features of the exemplar at each layer, standardised.
        deviations: (channels,) of the exemplar, by which features are divided, at each layer.
        network: computes the features.
        unit: squared patch distance that a relative distance of 1 counts as.
        weight: factor of the value.
        scale: 0: features are those of the image at full resolution.
    """

    layers: dict[str, PatchMeasure]
    deviations: dict[str, Tensor]
    network: Network
    unit: float = 1.0
    weight: float = 1.0
    scale: int = 0

    @classmethod
    def of(
        cls, exemplar: Tensor, known: Tensor | None, network: Network, *, unit: float, weight: float
    ) -> DeepTerm | None:
        """The term for an exemplar (C, H, W) with its known pixels (H, W), or None for all.

        None if the exemplar is too small or has too few known pixels for the network.
        """
        if min(exemplar.shape[1:]) <= _MARGIN:
            return None
        layers, deviations = {}, {}
        for name, cells in _exemplar_cells(exemplar, known, network).items():
            if len(cells) < _MIN_CELLS:
                continue
            deviation = cells.std(0)
            deviation = torch.maximum(deviation, _MIN_DEVIATION * deviation.mean()).clamp_min(1e-6)
            deviations[name] = deviation
            layers[name] = PatchMeasure(cells / deviation, cells.new_ones(len(cells)))
        return cls(layers, deviations, network, unit, weight) if layers else None

    @property
    def state(self) -> list[Tensor]:
        """None."""
        return []

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> tuple[Tensor, None]:
        """The weighted distance of a torus (C, H, W), sides multiples of 16, differentiable."""
        return self.compare(torus_features(image, self.network), generator), None

    def compare(self, features: dict[str, Tensor], generator: torch.Generator) -> Tensor:
        """The weighted distance of the features of an image with margins, see `torus_features`."""
        total = next(iter(features.values())).new_zeros(())
        for name, found in features.items():
            if name not in self.layers:
                continue
            measure, first = self.layers[name], _MARGIN // self.network.strides[name]
            rows, columns = found.shape[1:]
            cells = found[:, first : rows - first, first : columns - first].flatten(1).T
            x = cells / self.deviations[name]
            shift = float(torch.rand((), generator=generator, dtype=torch.float32))
            y = measure.y[systematic_sample(measure.nu, len(x), shift)]
            directions = torch.randn(x.shape[1], _N_DIRECTIONS, generator=generator, dtype=torch.float32)
            directions = directions.to(found)
            total = total + sliced_distance(x, y, _relative(x, y, directions))
        return self.weight * self.unit * total / len(self.layers)


def semi_dual_term(
    exemplar: Tensor,
    known: Tensor | None,
    network: Network,
    *,
    unit: float,
    min_stride: int = 1,
    generator: torch.Generator,
    backend: str,
) -> FeatureTerm | None:
    """Semi-dual transport of a network's features, instead of their sliced distance or in addition to it.

    Args:
        exemplar, known: see `DeepTerm.of`, which also says where the result is None.
        network: computes the features.
        unit: squared patch distance that a relative distance of 1 counts as.
        min_stride: pixels between the cells of the finest layer that is transported.
        generator: of the draws of targets.
        backend: see `texot.kernels.laguerre_cells`.
    """
    if min(exemplar.shape[1:]) <= _MARGIN:
        return None
    term = FeatureTerm.of(
        exemplar,
        known,
        network,
        tuple(k for k in network.training_layers if network.strides[k] >= min_stride),
        unit=unit,
        max_cells=_MAX_TARGETS,
        generator=generator,
        backend=backend,
    )
    if term is None:
        return None
    for layer, own in term.terms.items():
        own.stride = max(1, _SPARSE // network.strides[layer])
    return term


def torus_features(image: Tensor, network: Network) -> dict[str, Tensor]:
    """Features of a torus (C, H, W), sides multiples of 16, with margins of 16 px around."""
    height, width = image.shape[1:]
    around = wrap(wrap(image, 1, -_MARGIN, height + _MARGIN), 2, -_MARGIN, width + _MARGIN)
    return network.features(around, network.training_layers)


@torch.no_grad()
def _exemplar_cells(exemplar: Tensor, known: Tensor | None, network: Network) -> dict[str, Tensor]:
    """Every layer's cells (n, c) of an exemplar, padded by reflection, without those near unknown pixels.

    Computed tile by tile; of large exemplars, every n-th cell.
    """
    usable = torch.ones_like(exemplar[0]) if known is None else known.to(exemplar)
    height, width = usable.shape
    down, across = ((-n) % _MARGIN for n in (height, width))
    pad = (_MARGIN, _MARGIN + across, _MARGIN, _MARGIN + down)
    mode = "reflect" if min(height, width) > 2 * _MARGIN - 1 else "replicate"
    image = F.pad(torch.where(usable > 0, exemplar, 0.5)[None], pad, mode=mode)[0]
    found: dict[str, list[Tensor]] = {name: [] for name in network.training_layers}
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = image[:, top : top + _TILE + 2 * _MARGIN, left : left + _TILE + 2 * _MARGIN]
            for name, features in network.features(tile, network.training_layers).items():
                stride = network.strides[name]
                first = _MARGIN // stride
                rows, columns = min(_TILE, height - top) // stride, min(_TILE, width - left) // stride
                cells = features[:, first : first + rows, first : first + columns].flatten(1).T
                if known is not None:
                    # 0 near an unknown pixel: leaves out cells that have one, or whose neighbour has one
                    clear = -F.max_pool2d(-usable[None, None], 2 * stride + 1, 1, stride)[0, 0]
                    clear = clear[top : top + rows * stride, left : left + columns * stride]
                    clear = -F.max_pool2d(-clear[None, None], stride)[0, 0]
                    cells = cells[clear.flatten() > 0]
                found[name].append(cells)
    finest = min(network.strides[name] for name in network.training_layers)
    every = max(1, -(-height * width // (_MAX_CELLS * finest**2)))
    return {name: torch.cat(cells)[::every] for name, cells in found.items()}


@torch.no_grad()
def _relative(x: Tensor, y: Tensor, filters: Tensor) -> Tensor:
    """Filters scaled so that projections of x and y have mean variance 1: no direction dominates."""
    variance = ((x @ filters).var(0) + (y @ filters).var(0)) / 2
    return filters * variance.clamp_min(1e-12).rsqrt()
