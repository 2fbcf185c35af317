"""How far an image's texture is from its exemplar's, and how much of it is copied; lower is better.

Every function takes tensors (C, H, W) with values in [0, 1] and looks at them on the CPU; nothing here has a
gradient. Distances between patches are exact optimal transport between random samples, so they share no
approximation with what the synthesis minimises; they need POT (`pip install POT`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import InputError, TexotError
from .kernels import laguerre_cells
from .pyramid import Periodic, downsample, downsample_known, wrap

__all__ = [
    "CopyShare",
    "colour_error",
    "copy_share",
    "excess_distance",
    "halves_distance",
    "multiscale_patch_distance",
    "multiscale_self_distance",
    "patch_distance",
    "radial_spectrum",
    "self_distance",
    "spectrum_error",
]

_TORUS: Periodic = (True, True)
_OPEN: Periodic = (False, False)
_ONE_STEP = 1 / 255  # of an 8-bit file
_ROUNDING_POWER = _ONE_STEP**2 / 12  # variance of rounding to 8 bits
_SMALL_SAMPLE = 500  # patches; the distance of a smaller sample is the mean of several draws
_MAX_DRAWS = 8


# ------------------------------------------------------------------------------------------ patch transport


def patch_distance(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 8,
    n_samples: int = 2000,
    seed: int = 0,
    periodic: Periodic = _TORUS,
) -> float:
    """Exact squared Wasserstein-2 distance between random samples of two images' patches.

    W2^2 = min over permutations p of mean_i |x_i - y_p(i)|^2, between `n_samples` patches of each, drawn
    without replacement and with equal weights. Fewer are drawn where the image has fewer or the exemplar
    has fewer than twice as many: `self_distance`, which needs two disjoint samples, then draws as many.
    Samples are finite, so even an image and itself are apart: `self_distance` is the floor to compare with
    (copies of the exemplar may fall below it), `halves_distance` what two pieces of one texture have. On
    photographs other seeds move the distance by 3 to 6% at 2000 samples.

    Mild blur *lowers* it, by up to a quarter at 8x8: smooth patches lie nearer to any finite sample. Read it
    with `spectrum_error`, or take `excess_distance`, which has no such bias.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w); its patches lie inside it.
        patch_size: side s of a patch in pixels.
        n_samples: patches of either image, at least 1.
        seed: of the samples.
        periodic: axes (y, x) along which the image wraps around, as `tile` had it.

    Returns:
        Mean squared distance per patch: the sum over its C*s*s values, in squared pixel values.

    Raises:
        InputError: images that cannot be compared, or a patch that does not fit.
        TexotError: POT is not installed.

    Source: Kantorovich's problem between empirical measures; Houdard et al. 2020 (arXiv 2007.03408) for
        patches; solved by the network simplex of Bonneel et al. 2011 (POT, `ot.emd2`).
    """
    image, exemplar = _pair(image, exemplar)
    generator = torch.Generator().manual_seed(seed)
    x, y = _Patches(image, patch_size, periodic), _Patches(exemplar, patch_size, _OPEN)
    count = _sample_size(n_samples, x.count, y.count // 2)
    return _mean_of_draws(count, lambda: _transport(x.draw(count, generator), y.draw(count, generator)))


def self_distance(exemplar: Tensor, *, patch_size: int = 8, n_samples: int = 2000, seed: int = 0) -> float:
    """`patch_distance` between two disjoint random samples of one image's patches: its floor.

    Args and units as in `patch_distance`. Samples are half of the patches where there are fewer than
    2 `n_samples`.

    Raises:
        InputError: not an image, or a patch that does not fit.
        TexotError: POT is not installed.
    """
    patches = _Patches(_image("exemplar", exemplar), patch_size, _OPEN)
    generator = torch.Generator().manual_seed(seed)
    count = _sample_size(n_samples, patches.count // 2)

    def draw() -> float:
        both = patches.draw(min(2 * count, patches.count), generator)
        return _transport(both[:count], both[-count:])

    return _mean_of_draws(count, draw)


def excess_distance(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 8,
    n_samples: int = 2000,
    seed: int = 0,
    periodic: Periodic = _TORUS,
) -> float:
    """`patch_distance` less the mean of both images' `self_distance`: 0 for equal distributions.

    The two floors carry the bias of finite samples, which is smaller for a blurred image: unlike
    `patch_distance`, this rises with any blur. It may fall a little below 0, for copies above all, whose
    sample meets the exemplar's own patches.

    Args, units and errors as in `patch_distance`.

    Source: the debiasing of Genevay, Peyre & Cuturi 2018, "Learning generative models with Sinkhorn
        divergences", with disjoint samples for the self terms.
    """
    image, exemplar = _pair(image, exemplar)
    between = patch_distance(
        image, exemplar, patch_size=patch_size, n_samples=n_samples, seed=seed, periodic=periodic
    )
    floors = [
        self_distance(t, patch_size=patch_size, n_samples=n_samples, seed=seed) for t in (image, exemplar)
    ]
    return between - sum(floors) / 2


def halves_distance(exemplar: Tensor, *, patch_size: int = 8, n_samples: int = 2000, seed: int = 0) -> float:
    """`patch_distance` between disjoint halves: the mean of left with right and top with bottom.

    What to expect of two pieces of the same texture: a result within 1.0 x this is as close to its exemplar
    as the exemplar is to itself. Args, units and errors as in `self_distance`; the sample is never larger
    than `patch_distance` would draw from the whole exemplar.
    """
    exemplar = _image("exemplar", exemplar)
    generator = torch.Generator().manual_seed(seed)
    distances = []
    for axis in (2, 1):
        half = exemplar.shape[axis] // 2
        a, b = (
            _Patches(exemplar.narrow(axis, start, half), patch_size, _OPEN)
            for start in (0, exemplar.shape[axis] - half)
        )
        count = _sample_size(n_samples, a.count)

        def draw(a: _Patches = a, b: _Patches = b, count: int = count) -> float:
            return _transport(a.draw(count, generator), b.draw(count, generator))

        distances.append(_mean_of_draws(count, draw))
    return sum(distances) / 2


def multiscale_patch_distance(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 4,
    n_scales: int = 4,
    n_samples: int = 2000,
    seed: int = 0,
    periodic: Periodic = _TORUS,
) -> list[float]:
    """`patch_distance` at scales 0 (finest) to `n_scales` - 1 of both images' Gaussian pyramids.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w); nothing beyond its border enters its coarser scales.
        n_scales: number of scales, at least 1.
        patch_size, n_samples, seed, periodic: see `patch_distance`.

    Returns:
        One distance a scale, in squared pixel values per patch.

    Raises:
        InputError: as `patch_distance`, or a patch that does not fit the coarsest scale.
        TexotError: POT is not installed.

    Source: the multi-scale loss of Houdard et al. 2020 (arXiv 2007.03408), section 4.
    """
    image, exemplar = _pair(image, exemplar)
    distances = []
    for scale in range(n_scales):
        if scale:
            image, exemplar = downsample(image, periodic=periodic), _coarser(exemplar, scale)
        distances.append(
            patch_distance(
                image, exemplar, patch_size=patch_size, n_samples=n_samples, seed=seed, periodic=periodic
            )
        )
    return distances


def multiscale_self_distance(
    exemplar: Tensor, *, patch_size: int = 4, n_scales: int = 4, n_samples: int = 2000, seed: int = 0
) -> list[float]:
    """`self_distance` at every scale, to divide `multiscale_patch_distance` by. Args and errors as there."""
    exemplar = _image("exemplar", exemplar)
    distances = []
    for scale in range(n_scales):
        if scale:
            exemplar = _coarser(exemplar, scale)
        distances.append(self_distance(exemplar, patch_size=patch_size, n_samples=n_samples, seed=seed))
    return distances


def _coarser(exemplar: Tensor, scale: int) -> Tensor:
    if min(exemplar.shape[1:]) < 4:
        raise InputError(
            f"the exemplar has no scale {scale + 1}: scale {scale} has "
            f"{exemplar.shape[2]}x{exemplar.shape[1]} px; use n_scales={scale} or less"
        )
    return downsample_known(exemplar)[0]


class _Patches:
    """All patches of an image, of which only those drawn are ever copied."""

    def __init__(self, image: Tensor, size: int, periodic: Periodic) -> None:
        height, width = image.shape[1:]
        if not 1 <= size <= min(height, width):
            raise InputError(f"patch_size {size} does not fit an image of {width}x{height} px")
        for axis in (1, 2):
            if periodic[axis - 1]:
                image = wrap(image, axis, 0, image.shape[axis] + size - 1)
        self._windows = image.unfold(1, size, 1).unfold(2, size, 1)  # (C, rows, columns, s, s)
        self._columns = self._windows.shape[2]
        self.count = self._windows.shape[1] * self._columns

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, C*s*s) patches at distinct random positions."""
        index = torch.randperm(self.count, generator=generator)[:count]
        found = self._windows[:, index // self._columns, index % self._columns]
        return found.transpose(0, 1).reshape(count, -1)


def _sample_size(wanted: int, *available: int) -> int:
    if wanted < 1:
        raise InputError(f"n_samples must be at least 1, not {wanted}")
    return max(1, min(wanted, *available))


def _mean_of_draws(count: int, draw: Callable[[], float]) -> float:
    """Small samples scatter; draws of them are cheap."""
    n_draws = min(_MAX_DRAWS, math.ceil(_SMALL_SAMPLE / count))
    return sum(draw() for _ in range(n_draws)) / n_draws


def _transport(x: Tensor, y: Tensor) -> float:
    """Exact W2^2 between equal-weight samples x and y, both (n, d)."""
    try:
        import ot
    except ImportError as error:
        raise TexotError("exact transport distances need POT: pip install POT") from error
    x, y = x.double(), y.double()
    centre = y.mean(0)  # keeps the expanded square accurate
    x, y = x - centre, y - centre
    cost = torch.addmm((x**2).sum(1)[:, None] + (y**2).sum(1), x, y.T, alpha=-2).clamp_min_(0)
    weights = ot.unif(len(x))
    # the network simplex takes half of the time of scipy's linear_sum_assignment on patches
    value, log = ot.emd2(weights, weights, cost.numpy(), numItermax=10_000_000, log=True)
    if log["warning"]:
        raise TexotError(f"the exact transport solver stopped early: {log['warning']}")
    return max(0.0, float(value))


# ---------------------------------------------------------------------------------- spectrum and colour


def radial_spectrum(image: Tensor, n_bands: int = 24) -> Tensor:
    """Power of the luminance in rings of equal width from frequency 0 to the Nyquist frequency.

    The luminance is the mean over channels. Its mean is removed and a periodic Hann window applied, so that
    images that tile compare with images that do not. The power of rounding to 8 bits (1/255)^2 / 12 is added:
    below it nothing is seen, and an exemplar without high frequencies stays finite.

    `texot.statistics.band_power`, which the synthesis corrects with, is not used: its rings end at the corner
    of the spectrum, and no number of them puts an edge on the Nyquist frequency.

    Args:
        image: (C, H, W) of at least 8x8 pixels.
        n_bands: number of rings between 0 and 0.5 cycles per pixel.

    Returns:
        (n_bands,) mean power per pixel in dB, NaN in rings that hold no frequency of so small an image.

    Raises:
        InputError: not an image, or too small.

    Source: radially averaged periodogram (Welch 1967 for the window's normalisation).
    """
    image = _image("image", image)
    height, width = image.shape[1:]
    if min(height, width) < 8:
        raise InputError(f"a spectrum needs 8x8 px or more, not {width}x{height}")
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    luminance = image.mean(0)
    power = torch.fft.fft2((luminance - luminance.mean()) * window).abs() ** 2 / (window**2).sum()
    radius = torch.sqrt(torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.fftfreq(width) ** 2)
    ring = (radius * (2 * n_bands)).long()
    inside = (ring < n_bands) & (radius > 0)
    total = torch.zeros(n_bands).scatter_add_(0, ring[inside], power[inside])
    count = torch.bincount(ring[inside], minlength=n_bands)
    return 10 * torch.log10(total / count + _ROUNDING_POWER)  # 0/0 is NaN


def spectrum_error(image: Tensor, exemplar: Tensor, n_bands: int = 24) -> float:
    """Root mean square difference of two radial spectra: the measure of sharpness.

    Args:
        image, exemplar: (C, H, W), of any sizes.
        n_bands: see `radial_spectrum`; rings that are empty in either image are left out.

    Returns:
        dB; 0 for equal spectra. Blur and noise both raise it.

    Raises:
        InputError: as `radial_spectrum`.
    """
    image, exemplar = _pair(image, exemplar)
    difference = radial_spectrum(image, n_bands) - radial_spectrum(exemplar, n_bands)
    return math.sqrt(float((difference**2).nanmean()))


def colour_error(image: Tensor, exemplar: Tensor) -> tuple[Tensor, Tensor]:
    """Relative errors of every channel's mean and standard deviation.

    |mean(image) - mean(exemplar)| / mean(exemplar), and the same of deviations; denominators are at least one
    step of an 8-bit file.

    Args:
        image, exemplar: (C, H, W), of any sizes.

    Returns:
        Two tensors (C,), without unit: 0.02 is 2%.

    Raises:
        InputError: images that cannot be compared.

    Source: first and second moments; cf. Reinhard et al. 2001, "Color transfer between images".
    """
    image, exemplar = _pair(image, exemplar)
    own, wanted = (torch.std_mean(t.flatten(1).double(), dim=1, correction=0) for t in (image, exemplar))
    deviation, mean = (
        ((a - b).abs() / b.clamp_min(_ONE_STEP)).float() for a, b in zip(own, wanted, strict=True)
    )
    return mean, deviation


# --------------------------------------------------------------------------------------------------- novelty


@dataclass(frozen=True)
class CopyShare:
    """How much of an image is verbatim, coherent copies of its exemplar.

    Attributes:
        shares: shares of grid patches that have the same offset as at least 1, 2, 3, 4 of their grid
            neighbours; in [0, 1], falling.
        neighbours: how many neighbours `share` asks for.
        offsets: (2, rows, columns) int64, position (y, x) of every grid patch's nearest exemplar patch minus
            its own position, in pixels.
    """

    shares: tuple[float, float, float, float]
    neighbours: int
    offsets: Tensor

    @property
    def share(self) -> float:
        """The share for `neighbours` neighbours."""
        return self.shares[self.neighbours - 1]


def copy_share(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 12,
    stride: int = 4,
    neighbours: int = 2,
    periodic: Periodic = _TORUS,
    backend: str = "auto",
) -> CopyShare:
    """Share of patches that continue their neighbours' copy of the exemplar.

    Every patch of a grid of positions p (0, stride, 2 stride, ... on both axes) finds its nearest patch among
    all positions q of the exemplar, by Euclidean distance in the 64 first principal axes of the exemplar's
    patches. Its offset is q - p modulo the size of the image. A patch counts as copied where at least
    `neighbours` of its 4 grid neighbours have exactly its offset. A rolled or cropped exemplar gives about 1,
    noise about 0. A texture that repeats, like bricks, is coherent with itself: that is no copying.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w).
        patch_size: side of a patch in pixels.
        stride: distance of the grid's positions.
        neighbours: 1 to 4.
        periodic: axes (y, x) along which the image, and neighbourhood, wrap around.
        backend: see `texot.kernels.laguerre_cells`.

    Raises:
        InputError: images that cannot be compared, a patch that does not fit, options out of range.

    Source: coherent neighbours as in Ashikhmin 2001, "Synthesizing natural textures".
    """
    image, exemplar = _pair(image, exemplar)
    height, width = image.shape[1:]
    if patch_size < 1 or patch_size > min(height, width, *exemplar.shape[1:]):
        raise InputError(
            f"patch_size {patch_size} does not fit both images of {width}x{height} and "
            f"{exemplar.shape[2]}x{exemplar.shape[1]} px"
        )
    if stride < 1 or not 1 <= neighbours <= 4:
        raise InputError(f"copy_share needs stride >= 1 and 1 to 4 neighbours, not {stride}, {neighbours}")
    centre = exemplar.mean((1, 2), keepdim=True)
    filters = _principal_filters(exemplar - centre, patch_size)
    for axis in (1, 2):
        if periodic[axis - 1]:
            image = wrap(image, axis, 0, image.shape[axis] + patch_size - 1)
    x = F.conv2d((image - centre)[None], filters, stride=stride)[0]  # (k, rows, columns)
    y = F.conv2d((exemplar - centre)[None], filters)[0]
    rows, columns = x.shape[1:]
    x, targets = (t.flatten(1).T.contiguous() for t in (x, y))
    cells = laguerre_cells(x, targets, torch.zeros(len(targets)), backend=backend).view(rows, columns)
    own = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")) * stride
    offsets = torch.stack([cells // y.shape[2], cells % y.shape[2]]) - own
    same = _equal_neighbours(offsets, (height, width), periodic)
    one, two, three, four = (float((same >= k).float().mean()) for k in (1, 2, 3, 4))
    return CopyShare((one, two, three, four), neighbours, offsets)


def _principal_filters(image: Tensor, size: int, n_axes: int = 64, n_patches: int = 16384) -> Tensor:
    """Principal axes of an image's patches as convolution filters, (k, C, size, size)."""
    windows = image.unfold(1, size, 1).unfold(2, size, 1)  # (C, rows, columns, s, s)
    every = math.ceil(math.sqrt(windows.shape[1] * windows.shape[2] / n_patches))
    patches = windows[:, ::every, ::every].permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1)
    patches = patches - patches.mean(0)
    _, vectors = torch.linalg.eigh(patches.T @ patches)
    axes: Tensor = vectors[:, -n_axes:].T
    return axes.reshape(-1, image.shape[0], size, size)


def _equal_neighbours(offsets: Tensor, size: tuple[int, int], periodic: Periodic) -> Tensor:
    """How many of the 4 grid neighbours have the same offset, (rows, columns); beyond an open border none."""
    period = torch.tensor(size)[:, None, None]
    count = torch.zeros(offsets.shape[1:], dtype=torch.int64)
    for axis in (1, 2):
        if offsets.shape[axis] < 2:
            continue  # its own neighbour
        for shift in (1, -1):
            same = ((offsets.roll(shift, axis) - offsets) % period == 0).all(0)
            if not periodic[axis - 1]:
                same.select(axis - 1, 0 if shift > 0 else -1).fill_(False)
            count += same
    return count


# --------------------------------------------------------------------------------------------------- inputs


def _image(name: str, image: Tensor) -> Tensor:
    """The image on the CPU in float32, checked."""
    if not isinstance(image, Tensor) or image.ndim != 3 or not image.numel():
        got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise InputError(f"{name}: expected a tensor (C, H, W), got {got}")
    image = image.detach().cpu().float()
    if not bool(image.isfinite().all()):
        raise InputError(f"{name}: expected finite values, got NaN or infinity")
    return image


def _pair(image: Tensor, exemplar: Tensor) -> tuple[Tensor, Tensor]:
    image, exemplar = _image("image", image), _image("exemplar", exemplar)
    if image.shape[0] != exemplar.shape[0]:
        raise InputError(
            f"the image has {image.shape[0]} channels, the exemplar {exemplar.shape[0]}: "
            "compare images of the same kind"
        )
    return image, exemplar
