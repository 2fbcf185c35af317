"""The generator: noise at every scale in, image out, from the coarsest scale to the finest.

    h_k = block(up(1x1 convolution of h_k+1), noise_k)      u_k = up(u_k+1) + A_k (1x1 convolution of h_k)

A block is two 3x3 convolutions, each after a norm over the channels of a pixel and before noise and a leaky
ReLU, beside a 1x1 skip. A_k is the square root of the covariance of the exemplar's detail at that scale, so
that a fresh network already has its contrast. Nothing depends on more than a neighbourhood: any window of the
texture is made by itself (no padding, no batch statistics, no statistics of the window).

The parts: progressive growing with RGB skips and noise in every layer (Karras et al. 2020, "Analyzing and
improving the image quality of StyleGAN", arXiv 1912.04958), norms of pixels (Karras et al. 2018, arXiv
1710.10196; Zhang & Sennrich 2019, arXiv 1910.07467), fresh noise joined at every scale (Ulyanov et al. 2016,
"Texture networks", arXiv 1603.03417; Houdard et al. 2020, arXiv 2007.03408).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from texot.generator.noise import plane_noise
from texot.generator.window import Span, spans

_SLOPE = 0.2
_EPS = 1e-6


@dataclass(frozen=True)
class Architecture:
    """The shape of a network.

    Attributes:
        colours: channels of the image.
        widths: channels of the features at every scale, finest first.
        fresh: noise channels joined to the features at every scale.
        inner: noise channels inside every convolution layer.
        blocks: blocks at every scale.
        published: whether it is the network of the paper, see `texot.generator.published`.
    """

    colours: int
    widths: tuple[int, ...] = (16, 24, 32, 32)
    fresh: tuple[int, ...] = (4, 4, 4, 8)
    inner: int = 4
    blocks: tuple[int, ...] = (1, 1, 1, 2)
    published: bool = False

    @property
    def n_scales(self) -> int:
        """Number of scales."""
        return len(self.widths)

    @property
    def margins(self) -> tuple[int, ...]:
        """Pixels beyond a window that each scale's convolutions look at, finest first."""
        return tuple((4 if self.published else 2) * n for n in self.blocks)

    def carried(self, scale: int) -> int:
        """Channels of the coarser scale's features that are enlarged: fewer, for the speed of the finest."""
        return max(1, 3 * self.widths[scale] // 4)

    def noise_channels(self, scale: int) -> int:
        """Noise values a pixel of a scale."""
        return self.fresh[scale] + 2 * self.blocks[scale] * self.inner


Window = tuple[tuple[Span, ...], tuple[Span, ...]]
"""Spans of rows and of columns."""


class Block(nn.Module):
    """Two 3x3 convolutions with noise, beside a 1x1 skip; 2 pixels fewer on every side.

    Args:
        channels_in, channels_out: of the features.
        inner: noise channels of each of the two layers.
    """

    def __init__(self, channels_in: int, channels_out: int, inner: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_out, 3)
        self.second = nn.Conv2d(channels_out, channels_out, 3)
        self.skip = nn.Conv2d(channels_in, channels_out, 1)
        self.noise = nn.ModuleList(nn.Conv2d(inner, channels_out, 1, bias=False) for _ in range(2))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Features (1, c, h - 4, w - 4) of x (1, c', h, w), with noise (1, 2 inner, h, w)."""
        first, second = noise.chunk(2, 1)
        # in place, an eighth faster; no result that a gradient needs is lost
        y = self.first(_norm(x)).add_(self.noise[0](inside(first, 1)))
        y = self.second(_norm(F.leaky_relu_(y, _SLOPE))).add_(self.noise[1](inside(second, 2)))
        y = F.leaky_relu_(y, _SLOPE)
        found: Tensor = self.skip(inside(x, 2)).add_(y).mul_(math.sqrt(0.5))
        return found


class PlaneNetwork(nn.Module):
    """What every network of a texture can do: make any window of an infinite plane, or of a torus."""

    architecture: Architecture

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def scale_of(self, name: str) -> int:
        """The scale that a parameter belongs to."""
        raise NotImplementedError

    def match_moments(self, mean: Tensor, deviation: Tensor, *, side: int = 256) -> None:
        """Give the texture these channel means and deviations (C,), where the network has a way to.

        Measured on a sample of side x side pixels.
        """

    def window(
        self,
        at: tuple[int, int],
        size: tuple[int, int],
        *,
        scale: int = 0,
        periods: tuple[int | None, int | None] = (None, None),
    ) -> Window:
        """What `noise` and `forward` need to know of a window.

        Args:
            at: (y, x) of its first pixel.
            size: (height, width).
            scale: the scale it is a window of, 0 = finest.
            periods: pixels (y, x) of that scale after which the texture repeats, or None.
        """
        margins = self.architecture.margins[scale:]
        y, x = (
            spans(first, first + length, margins, period)
            for first, length, period in zip(at, size, periods, strict=True)
        )
        return y, x

    def noise(self, seed: int, window: Window) -> list[Tensor]:
        """The noise (1, channels, h, w) of a window at each of its scales, finest first."""
        first = self.architecture.n_scales - len(window[0])
        return [
            plane_noise(
                seed,
                first + k,
                self.architecture.noise_channels(first + k),
                rows.positions,
                columns.positions,
                self.device,
                uniform=self.architecture.published,
            )[None]
            for k, (rows, columns) in enumerate(zip(*window, strict=True))
        ]

    def sample(
        self,
        seed: int,
        at: tuple[int, int],
        size: tuple[int, int],
        *,
        scale: int = 0,
        periods: tuple[int | None, int | None] = (None, None),
    ) -> Tensor:
        """A window (C, height, width) of the texture of a seed; arguments as in `window`."""
        window = self.window(at, size, scale=scale, periods=periods)
        noise = self.noise(seed, window)
        if not torch.is_grad_enabled():  # an eighth faster; training would differ in its last digits
            noise = [part.contiguous(memory_format=torch.channels_last) for part in noise]
        image: Tensor = self(noise, window)[0].contiguous()
        return image


class TextureNetwork(PlaneNetwork):
    """A texture as a network; usable by itself: see `forward`.

    Args:
        architecture: its shape.
        generator: CPU generator of the first weights; None: torch's own.
    """

    def __init__(self, architecture: Architecture, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.scales = nn.ModuleList()
        self.colours = nn.ModuleList()
        self.carry = nn.ModuleList(
            nn.Conv2d(coarse, a.carried(scale), 1) for scale, coarse in enumerate(a.widths[1:])
        )
        for scale, width in enumerate(a.widths):
            before = a.carried(scale) if scale + 1 < a.n_scales else 0
            widths = [before + a.fresh[scale], *([width] * a.blocks[scale])]
            self.scales.append(nn.ModuleList(Block(w_in, w_out, a.inner) for w_in, w_out in pairwise(widths)))
            self.colours.append(nn.Conv2d(width, a.colours, 1))
        self.register_buffer("mean", torch.full((a.colours,), 0.5))
        self.register_buffer("contrast", torch.eye(a.colours).repeat(a.n_scales, 1, 1))
        self._start(generator)

    mean: Tensor
    """(C,), added at the coarsest scale."""
    contrast: Tensor
    """(n_scales, C, C), the roots A_k of covariances."""

    @torch.no_grad()
    def _start(self, generator: torch.Generator | None) -> None:
        """Weights that keep the variance of what passes through, and noise a third of it."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel()
                gain = math.sqrt(2 / (1 + _SLOPE**2)) if module.kernel_size == (3, 3) else 1.0
                values = torch.randn(module.weight.shape, generator=generator, dtype=torch.float32)
                module.weight.copy_(values * gain / math.sqrt(fan))
                if module.bias is not None:
                    module.bias.zero_()
            if isinstance(module, Block):
                for layer in module.noise:
                    cast(nn.Conv2d, layer).weight.mul_(0.3)

    def scale_of(self, name: str) -> int:
        """See `PlaneNetwork`: names are scales.0.first.weight, colours.3.bias."""
        return int(name.split(".")[1])

    def forward(self, noise: list[Tensor], window: Window) -> Tensor:
        """The image (1, C, h, w) of a window; values are not clipped to [0, 1].

        Args:
            noise: see `noise`; the network starts as many scales before the last as there are.
            window: see `window`.
        """
        features: Tensor | None = None
        image: Tensor | None = None
        a = self.architecture
        first = a.n_scales - len(noise)
        for k in reversed(range(len(noise))):
            scale = first + k
            rows, columns = window[0][k], window[1][k]
            fresh, inner = noise[k][:, : a.fresh[scale]], noise[k][:, a.fresh[scale] :]
            if features is not None:
                carried = self.carry[scale](features)
                features = F.interpolate(carried, scale_factor=2, mode="bilinear", align_corners=False)
                features = cut(features, rows.features, columns.features, fresh.shape[2:])
                features = torch.cat([features, fresh], 1)
            else:
                features = fresh
            for number, block in enumerate(cast("Iterable[Block]", self.scales[scale])):
                mine = inner[:, 2 * number * a.inner : 2 * (number + 1) * a.inner]
                features = block(features, inside(mine, 2 * number))
            detail = F.conv2d(self.colours[scale](features), self.contrast[scale][:, :, None, None])
            if image is None:
                image = detail + self.mean[:, None, None]
            else:
                image = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
                image = detail + cut(image, rows.colours, columns.colours, detail.shape[2:])
        assert image is not None
        return image

    @torch.no_grad()
    def match_moments(self, mean: Tensor, deviation: Tensor, *, side: int = 256, n_iter: int = 2) -> None:
        """Give the texture these channel moments, exactly where nothing is clipped to [0, 1].

        The image is linear in `mean` and in the rows of `contrast`: both are scaled, measured on one sample.

        Args:
            mean, deviation: (C,).
            side: of that sample, in pixels.
            n_iter: repetitions, since clipping moves the moments.
        """
        for _ in range(n_iter):
            image = self.sample(2**62 + 1, (0, 0), (side, side)).clamp(0, 1).flatten(1)
            own_deviation, own_mean = torch.std_mean(image, 1, correction=0)
            gain = (deviation / own_deviation.clamp_min(1e-6)).clamp(0.5, 2)
            self.mean.copy_((self.mean - own_mean) * gain + mean)
            self.contrast.mul_(gain[:, None])


def _norm(x: Tensor) -> Tensor:
    """Every pixel's channels divided by their root mean square."""
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + _EPS)


def inside(x: Tensor, margin: int) -> Tensor:
    """Without the outer pixels."""
    return x[:, :, margin : x.shape[2] - margin, margin : x.shape[3] - margin] if margin else x


def cut(x: Tensor, rows: int | Tensor | None, columns: int | Tensor | None, size: tuple[int, ...]) -> Tensor:
    """`size` rows and columns of x (1, c, h, w), see `Span.features`."""
    for axis, (index, length) in enumerate(zip((rows, columns), size, strict=True), 2):
        assert index is not None
        if isinstance(index, Tensor):
            x = x.index_select(axis, index.to(x.device))
        else:
            x = x.narrow(axis, index, length)
    return x
