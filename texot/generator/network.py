"""The network of a generator: noise at every scale to an image, from the coarsest scale to the finest.

    h_k = block(up(1x1 convolution of h_k+1), noise_k)      u_k = up(u_k+1) + A_k (1x1 convolution of h_k)

A block is two 3x3 convolutions, each after a norm over the channels of a pixel and before noise and a leaky
ReLU, and a parallel 1x1 skip. A_k is the square root of the covariance of the exemplar's detail at that
scale, so that an untrained network already has its contrast. Every pixel depends on a bounded neighbourhood,
so any window of the texture can be computed alone (no padding, no statistics of the batch or the window).

Sources: progressive growing with RGB skips and noise in every layer (Karras et al. 2020, "Analyzing and
improving the image quality of StyleGAN", arXiv 1912.04958), norms of pixels (Karras et al. 2018, arXiv
1710.10196; Zhang & Sennrich 2019, arXiv 1910.07467), noise concatenated at every scale (Ulyanov et al. 2016,
"Texture networks", arXiv 1603.03417; Houdard et al. 2020, arXiv 2007.03408).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from texot.errors import InputError
from texot.generator.layers import (
    SLOPE,
    Block,
    Mixed,
    add_enlarged,
    apply,
    centred,
    colour_planes,
    convolution,
    cut,
    inside,
    mixed_convolution,
    only_values,
)
from texot.generator.noise import plane_noise, plane_waves
from texot.generator.window import Span, spans


@dataclass(frozen=True)
class Architecture:
    """The shape of a network.

    Attributes:
        colours: channels of the image.
        widths: channels of the features at every scale, finest first.
        fresh: noise channels concatenated to the features at every scale.
        inner: noise channels inside every convolution layer.
        blocks: blocks at every scale.
        published: whether it is the network of the paper, see `texot.generator.paper_network`.
        textures: number K of textures that it interpolates; 1: it has one, and takes no mixture.
        maps: whether the first `colours` noise channels of every scale are a picture's, see `condition`.
        waves: (cycles along y, along x) per pixel of the finest scale; the first noise channels of every
            scale are a cosine and a sine of each, see `texot.generator.noise.plane_waves`.
    """

    colours: int
    widths: tuple[int, ...] = (16, 24, 32, 32)
    fresh: tuple[int, ...] = (4, 4, 4, 8)
    inner: int = 4
    blocks: tuple[int, ...] = (1, 1, 1, 2)
    published: bool = False
    textures: int = 1
    maps: bool = False
    waves: tuple[tuple[float, float], ...] = ()

    @property
    def n_scales(self) -> int:
        """Number of scales."""
        return len(self.widths)

    @property
    def margins(self) -> tuple[int, ...]:
        """Pixels beyond a window that each scale's convolutions need, finest first."""
        return tuple((4 if self.published else 2) * n for n in self.blocks)

    def carried(self, scale: int) -> int:
        """Channels of the coarser scale's features that are enlarged: fewer, to speed up the finest scale."""
        return max(1, 3 * self.widths[scale] // 4)

    def noise_channels(self, scale: int) -> int:
        """Noise values per pixel of a scale."""
        return self.fresh[scale] + 2 * self.blocks[scale] * self.inner


Window = tuple[tuple[Span, ...], tuple[Span, ...]]
"""Spans of rows and of columns."""

Plane = Callable[[int, Tensor, Tensor], Tensor]
"""Values (K, h, w) at rows (h,) and columns (w,) of a scale."""


class PlaneNetwork(nn.Module):
    """Base class of the networks of a texture: they sample any window of an infinite plane, or of a torus.

    A network is created in float32 on the CPU, whatever torch's defaults are, and does not use torch's global
    generator.

    Args:
        architecture: its shape.
        generator: CPU generator of the initial weights; None: torch's global one.
        blank: create names and shapes only, on the meta device, see `fill`.

    Attributes:
        architecture: as given.
        condition: the picture that a network with `Architecture.maps` sees: values (colours, h, w) that
            replace the first noise channels of a scale; None: none is set yet.
        auxiliary: tensors that a training objective stores with the network, by name, on the CPU. The
            network does not use them; its model file has them.
    """

    architecture: Architecture
    condition: Plane | None
    auxiliary: dict[str, Tensor]

    def __init__(
        self,
        architecture: Architecture,
        generator: torch.Generator | None = None,
        *,
        blank: bool = False,
    ) -> None:
        super().__init__()
        self.architecture, self.condition, self.auxiliary = architecture, None, {}
        with torch.device("meta"):
            self._make_layers(architecture)
        self.float()
        if not blank:
            self.to_empty(device="cpu")
            self._start(generator)

    def _make_layers(self, a: Architecture) -> None:
        """Create the layers, without values."""
        raise NotImplementedError

    @torch.no_grad()
    def _start(self, generator: torch.Generator | None) -> None:
        """Set all initial values."""
        raise NotImplementedError

    def fill(self, tensors: dict[str, Tensor]) -> None:
        """Set all values to copies of tensors, on the CPU, with the names and shapes of the network's."""
        copies = {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in tensors.items()
        }
        self.load_state_dict(copies, assign=True)

    @property
    def device(self) -> torch.device:
        """The device of its weights."""
        return next(self.parameters()).device

    def scale_of(self, name: str) -> int:
        """The scale that a parameter belongs to."""
        raise NotImplementedError

    def match_moments(self, mean: Tensor, deviation: Tensor, *, side: int = 256, texture: int = 0) -> None:
        """Give a texture these channel means and deviations (C,), if the network has parameters for them.

        They are measured on a sample of side x side pixels.
        """

    def window(
        self,
        at: tuple[int, int],
        size: tuple[int, int],
        *,
        scale: int = 0,
        periods: tuple[int | None, int | None] = (None, None),
    ) -> Window:
        """A window for `noise` and `forward`.

        Args:
            at: (y, x) of its first pixel.
            size: (height, width).
            scale: of the window, 0 = finest.
            periods: of the texture along (y, x), in pixels of that scale, or None.
        """
        margins = self.architecture.margins[scale:]
        y, x = (
            spans(first, first + length, margins, period)
            for first, length, period in zip(at, size, periods, strict=True)
        )
        return y, x

    def noise(self, seed: int, window: Window) -> list[Tensor]:
        """The noise (1, channels, h, w) of a window at each of its scales, finest first.

        Raises:
            InputError: the network maps pictures, and none is set.
        """
        architecture = self.architecture
        if architecture.maps and self.condition is None:
            raise InputError("this model maps pictures: give it one")
        first, found = architecture.n_scales - len(window[0]), []
        for scale, (rows, columns) in enumerate(zip(*window, strict=True), first):
            noise = plane_noise(
                seed,
                scale,
                architecture.noise_channels(scale),
                rows.positions,
                columns.positions,
                self.device,
                uniform=architecture.published,
            )
            if architecture.waves:
                noise[: 2 * len(architecture.waves)] = plane_waves(
                    seed,
                    scale,
                    architecture.waves,
                    (rows.positions, columns.positions),
                    (rows.period, columns.period),
                )
            if self.condition is not None:
                noise[: architecture.colours] = self.condition(scale, rows.positions, columns.positions)
            found.append(noise[None])
        return found

    def sample(
        self,
        seed: int,
        at: tuple[int, int],
        size: tuple[int, int],
        *,
        scale: int = 0,
        periods: tuple[int | None, int | None] = (None, None),
        mixture: Tensor | Plane | None = None,
    ) -> Tensor:
        """A window (C, height, width) of the texture of a seed; arguments as in `window`.

        Args:
            mixture: weights (K,) of the textures, or a function of the position; None for one texture.
        """
        window = self.window(at, size, scale=scale, periods=periods)
        noise = self.noise(seed, window)
        if not torch.is_grad_enabled():  # an eighth faster; it would change the last digits of training
            noise = [part.contiguous(memory_format=torch.channels_last) for part in noise]
        given = () if mixture is None else (self.mixtures(mixture, window),)
        image: Tensor = self(noise, window, *given)[0].contiguous()
        return image

    def mixtures(self, mixture: Tensor | Plane, window: Window) -> list[Tensor]:
        """The mixture at each scale of a window, finest first: (K,), or (K, h, w) at the pixels of noise."""
        if isinstance(mixture, Tensor):
            return [mixture.to(self.device)] * len(window[0])
        first = self.architecture.n_scales - len(window[0])
        return [
            mixture(first + k, rows.positions, columns.positions).to(self.device)
            for k, (rows, columns) in enumerate(zip(*window, strict=True))
        ]


class TextureNetwork(PlaneNetwork):
    """The default network of a texture."""

    def _make_layers(self, a: Architecture) -> None:
        self.scales = nn.ModuleList()
        self.colours = nn.ModuleList()
        self.carry = nn.ModuleList(
            convolution(a.textures, coarse, a.carried(scale), 1) for scale, coarse in enumerate(a.widths[1:])
        )
        for scale, width in enumerate(a.widths):
            before = a.carried(scale) if scale + 1 < a.n_scales else 0
            widths = [before + a.fresh[scale], *([width] * a.blocks[scale])]
            self.scales.append(
                nn.ModuleList(Block(w_in, w_out, a.inner, a.textures) for w_in, w_out in pairwise(widths))
            )
            self.colours.append(convolution(a.textures, width, a.colours, 1))
        mean, contrast = (a.colours,), (a.n_scales, a.colours, a.colours)
        several = (a.textures,) if a.textures > 1 else ()
        self.register_buffer("mean", torch.empty(*several, *mean))
        self.register_buffer("contrast", torch.empty(*several, *contrast))

    mean: Tensor
    """(C,), added at the coarsest scale; of several textures (K, C)."""
    contrast: Tensor
    """(n_scales, C, C), the roots A_k of covariances; of several textures (K, n_scales, C, C)."""

    def statistics(self) -> list[tuple[Tensor, Tensor]]:
        """Views of every texture's mean and contrast."""
        if self.architecture.textures == 1:
            return [(self.mean, self.contrast)]
        return list(zip(self.mean, self.contrast, strict=True))

    @torch.no_grad()
    def _start(self, generator: torch.Generator | None) -> None:
        """Weights that preserve the variance of features; noise has a third of it."""
        self.mean.fill_(0.5)
        self.contrast.copy_(torch.eye(self.architecture.colours, dtype=torch.float32))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, Mixed)):
                count = module.textures if isinstance(module, Mixed) else 1
                outputs, *shape = module.weight.shape
                gain = math.sqrt(2 / (1 + SLOPE**2)) if shape[1] == 3 else 1.0
                values = torch.randn(outputs // count, *shape, generator=generator, dtype=torch.float32)
                # the same for all textures, so that networks with averaged weights are useful
                module.weight.copy_((values * gain / math.sqrt(math.prod(shape))).repeat(count, 1, 1, 1))
                if module.bias is not None:
                    module.bias.zero_()
            if isinstance(module, Block):
                for layer in module.noise:
                    cast("nn.Conv2d | Mixed", layer).weight.mul_(0.3)

    def scale_of(self, name: str) -> int:
        """See `PlaneNetwork`; the scale is the second component of names such as scales.0.first.weight."""
        return int(name.split(".")[1])

    def forward(self, noise: list[Tensor], window: Window, mixture: list[Tensor] | None = None) -> Tensor:
        """The image (1, C, h, w) of a window; values are not clipped to [0, 1].

        Args:
            noise: see `noise`, of one or more scales, finest first.
            window: see `window`.
            mixture: weights of the textures at these scales, see `mixtures`; None for one texture.
        """
        features: Tensor | None = None
        image: Tensor | None = None
        a = self.architecture
        first = a.n_scales - len(noise)
        for k in reversed(range(len(noise))):
            scale = first + k
            rows, columns = window[0][k], window[1][k]
            fresh, inner = noise[k][:, : a.fresh[scale]], noise[k][:, a.fresh[scale] :]
            here = None if mixture is None else mixture[k]
            if features is not None:
                coarser = None if mixture is None else mixture[k + 1]
                carried = apply(self.carry[scale], features, coarser)
                features = F.interpolate(carried, scale_factor=2, mode="bilinear", align_corners=False)
                features = cut(features, rows.features, columns.features, fresh.shape[2:])
                features = torch.cat([features, fresh], 1)
            else:
                features = fresh
            for number, block in enumerate(cast("Iterable[Block]", self.scales[scale])):
                mine = inner[:, 2 * number * a.inner : 2 * (number + 1) * a.inner]
                features = block(features, inside(mine, 2 * number), here)
            detail = self._detail(features, scale, here)
            if image is None:
                image = detail + self._mean(here, detail.shape[2:])
            elif only_values():
                add_enlarged(detail, image, rows.colours, columns.colours)
                image = detail
            else:
                image = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
                image = detail + cut(image, rows.colours, columns.colours, detail.shape[2:])
        assert image is not None
        return image

    def _detail(self, features: Tensor, scale: int, mixture: Tensor | None) -> Tensor:
        """The detail of a scale, (1, C, h, w)."""
        layer = self.colours[scale]
        if only_values() and mixture is None:
            return colour_planes(features, cast("nn.Conv2d", layer), self.contrast[scale])
        detail = apply(layer, features, mixture)
        if mixture is None:
            return F.conv2d(detail, self.contrast[scale][:, :, None, None])
        kernels = self.contrast[:, scale].flatten(0, 1)[:, :, None, None]
        return mixed_convolution(detail, kernels, None, mixture)

    def _mean(self, mixture: Tensor | None, size: tuple[int, ...]) -> Tensor:
        """The mean colour: (C, 1, 1), or (C, h, w) if the mixture varies."""
        if mixture is None:
            return self.mean[:, None, None]
        if mixture.ndim == 1:
            return (mixture[:, None] * self.mean).sum(0)[:, None, None]
        return torch.einsum("khw,kc->chw", centred(mixture, size), self.mean)

    @torch.no_grad()
    def match_moments(
        self, mean: Tensor, deviation: Tensor, *, side: int = 256, texture: int = 0, n_iter: int = 2
    ) -> None:
        """Give a texture these channel moments, exactly if no value is clipped to [0, 1].

        The image is linear in `mean` and in the rows of `contrast`: both are scaled to match one sample.

        Args:
            mean, deviation: (C,).
            side: of that sample, in pixels.
            texture: index of the texture.
            n_iter: repetitions, since clipping changes the moments.
        """
        own, contrast = self.statistics()[texture]
        count = self.architecture.textures
        mixture = None if count == 1 else torch.eye(count, dtype=torch.float32)[texture]
        for _ in range(n_iter):
            image = self.sample(2**62 + 1, (0, 0), (side, side), mixture=mixture).clamp(0, 1).flatten(1)
            own_deviation, own_mean = torch.std_mean(image, 1, correction=0)
            gain = (deviation / own_deviation.clamp_min(1e-6)).clamp(0.5, 2)
            own.copy_((own - own_mean) * gain + mean)
            contrast.mul_(gain[:, None])
