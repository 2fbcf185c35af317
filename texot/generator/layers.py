"""Layers of a generator, of one texture or of mixtures of several.

For K textures, a convolution has K kernels W_k, which the mixture weights w combine at every pixel p,

    y(p) = sum_k w_k(p) (W_k * x)(p),

which is one convolution with the mixed kernel if w is constant. At w = e_k it is a network of texture k
alone, with all its channels. Networks with the same initial weights can be averaged and remain networks of
textures (Wang et al. 2019, "Deep network interpolation for continuous imagery effect transition", arXiv
1811.10515); training on mixtures makes them interpolate the textures.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
_EPS = 1e-6


class Mixed(nn.Module):
    """A convolution of several textures, without padding.

    Args:
        textures: K.
        channels_in, channels_out, size: of each of its kernels.
        bias: whether there is one.

    Attributes:
        weight: (K * channels_out, channels_in, size, size).
        bias: (K * channels_out,), or None.
    """

    def __init__(
        self, textures: int, channels_in: int, channels_out: int, size: int, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.textures = textures
        self.weight = nn.Parameter(torch.zeros(textures * channels_out, channels_in, size, size))
        self.bias = nn.Parameter(torch.zeros(textures * channels_out)) if bias else None

    def forward(self, x: Tensor, mixture: Tensor) -> Tensor:
        """Features (1, c, h', w') of x (1, c', h, w), for a mixture (K,), or (K, h, w) or larger."""
        return mixed_convolution(x, self.weight, self.bias, mixture)


def mixed_convolution(x: Tensor, kernels: Tensor, bias: Tensor | None, mixture: Tensor) -> Tensor:
    """See `Mixed`."""
    count, shape = len(mixture), kernels.shape[1:]
    if mixture.ndim == 1:
        kernel = (mixture.view(-1, 1, 1, 1, 1) * kernels.reshape(count, -1, *shape)).sum(0)
        mean = None if bias is None else (mixture[:, None] * bias.reshape(count, -1)).sum(0)
        return F.conv2d(x, kernel, mean)
    y = F.conv2d(x, kernels, bias)[0]
    y = y.reshape(count, -1, *y.shape[1:])  # (K, c, h', w')
    return (centred(mixture, y.shape[2:])[:, None] * y).sum(0, keepdim=True)


def centred(mixture: Tensor, size: tuple[int, ...]) -> Tensor:
    """The inner `size` rows and columns of (K, h, w)."""
    top, left = ((n - m) // 2 for n, m in zip(mixture.shape[1:], size, strict=True))
    return mixture[:, top : top + size[0], left : left + size[1]]


def convolution(
    textures: int, channels_in: int, channels_out: int, size: int, *, bias: bool = True
) -> nn.Module:
    """A new layer of one texture or several; see `apply`."""
    if textures == 1:
        return nn.Conv2d(channels_in, channels_out, size, bias=bias)
    return Mixed(textures, channels_in, channels_out, size, bias=bias)


def apply(layer: nn.Module, x: Tensor, mixture: Tensor | None) -> Tensor:
    """A layer's features of x, for a mixture of its textures, None for one texture."""
    found: Tensor = layer(x) if mixture is None else layer(x, mixture)
    return found


class Block(nn.Module):
    """Two 3x3 convolutions with noise, and a parallel 1x1 skip; 2 pixels fewer on every side.

    Args:
        channels_in, channels_out: of the features.
        inner: noise channels of each of the two layers.
        textures: see `Mixed`.
    """

    def __init__(self, channels_in: int, channels_out: int, inner: int, textures: int = 1) -> None:
        super().__init__()
        self.first = convolution(textures, channels_in, channels_out, 3)
        self.second = convolution(textures, channels_out, channels_out, 3)
        self.skip = convolution(textures, channels_in, channels_out, 1)
        self.noise = nn.ModuleList(convolution(textures, inner, channels_out, 1, bias=False) for _ in "12")

    def forward(self, x: Tensor, noise: Tensor, mixture: Tensor | None = None) -> Tensor:
        """Features (1, c, h - 4, w - 4) of x (1, c', h, w), with noise (1, 2 inner, h, w)."""
        first, second = noise.chunk(2, 1)
        if only_values() and mixture is None:
            return self._values(x, first, second)
        # in place, an eighth faster; no value that a gradient needs is overwritten
        y = apply(self.first, _norm(x), mixture).add_(apply(self.noise[0], inside(first, 1), mixture))
        y = F.leaky_relu_(y, SLOPE)
        y = apply(self.second, _norm(y), mixture).add_(apply(self.noise[1], inside(second, 2), mixture))
        y = F.leaky_relu_(y, SLOPE)
        return apply(self.skip, inside(x, 2), mixture).add_(y).mul_(math.sqrt(0.5))

    def _values(self, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """The same up to rounding, for sampling: fewer passes over the pixels, more of them in place."""
        y = x
        for number, (layer, noise) in enumerate(((self.first, first), (self.second, second))):
            square = torch.linalg.vector_norm(y, dim=1, keepdim=True).square_()
            y = layer(y * square.mul_(1 / y.shape[1]).add_(_EPS).rsqrt_())
            add_linear(y, cast("nn.Conv2d", self.noise[number]), inside(noise, number + 1))
            y = F.leaky_relu_(y, SLOPE)
        add_linear(y, cast("nn.Conv2d", self.skip), inside(x, 2))
        return y.mul_(math.sqrt(0.5))


def only_values() -> bool:
    """Whether neither gradients nor an export record the operations."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return not (torch.is_grad_enabled() or traced)


def add_linear(y: Tensor, layer: nn.Conv2d, x: Tensor) -> None:
    """Add a 1x1 convolution of x (1, c', h, w) to y (1, c, h, w), which is fastest with channels last."""
    weight = layer.weight[:, :, 0, 0].t()
    y.permute(0, 2, 3, 1)[0].baddbmm_(x.permute(0, 2, 3, 1)[0], weight.expand(y.shape[2], *weight.shape))
    if layer.bias is not None:
        y.add_(layer.bias[:, None, None])


def colour_planes(features: Tensor, layer: nn.Conv2d, contrast: Tensor) -> Tensor:
    """The contrast's (C, C) product with a 1x1 convolution of features (1, c, h, w): (1, C, h, w)."""
    assert layer.bias is not None
    pixels = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    planes = (contrast @ layer.weight[:, :, 0, 0]) @ pixels.t()
    return planes.add_((contrast @ layer.bias)[:, None]).view(1, -1, *features.shape[2:])


def add_enlarged(y: Tensor, x: Tensor, rows: int | Tensor | None, columns: int | Tensor | None) -> None:
    """Add rows and columns, see `cut`, of x (1, C, h, w) enlarged twice to y (1, C, h', w')."""
    down, across = (
        _take(_bicubic(n).to(x), 0, index, length)
        for n, index, length in zip(x.shape[2:], (rows, columns), y.shape[2:], strict=True)
    )
    y[0].baddbmm_(down.expand(y.shape[1], *down.shape), (x @ across.t())[0])


@lru_cache(32)
def _bicubic(n: int) -> Tensor:
    """The matrix (2n, n) that enlarges n rows. Two products with it are three times as fast as enlarging."""
    one = torch.eye(n, dtype=torch.float32, device="cpu")
    return F.interpolate(one[None, None], (2 * n, n), mode="bicubic", align_corners=False)[0, 0]


def _norm(x: Tensor) -> Tensor:
    """Every pixel's channels divided by their root mean square."""
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + _EPS)


def inside(x: Tensor, margin: int) -> Tensor:
    """x without its outer `margin` pixels."""
    return x[:, :, margin : x.shape[2] - margin, margin : x.shape[3] - margin] if margin else x


def cut(x: Tensor, rows: int | Tensor | None, columns: int | Tensor | None, size: tuple[int, ...]) -> Tensor:
    """`size` rows and columns of x (1, c, h, w), see `Span.features`."""
    for axis, (index, length) in enumerate(zip((rows, columns), size, strict=True), 2):
        x = _take(x, axis, index, length)
    return x


def _take(x: Tensor, axis: int, index: int | Tensor | None, length: int) -> Tensor:
    assert index is not None
    if isinstance(index, Tensor):
        return x.index_select(axis, index.to(x.device))
    return x.narrow(axis, index, length)
