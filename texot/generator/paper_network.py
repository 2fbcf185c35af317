"""The network of the paper: multi-scale convolutions with noise concatenated at every scale.

    h_k = block(join(up(h_k+1), block(z_k))),   image = 1x1 convolution of h_0,   z uniform in [0, 1)

A block is 3x3, 3x3 and 1x1 convolutions without padding, each with batch normalisation and a leaky ReLU;
enlarging repeats pixels (Ulyanov et al. 2016, "Texture networks", arXiv 1603.03417, as used by Houdard et
al. 2020, arXiv 2007.03408, section 5). Samples use the running statistics of training, so they do not depend
on the window.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from texot.generator.layers import cut, inside
from texot.generator.network import Architecture, PlaneNetwork, Window

_SLOPE = 0.01
_STEP = 8  # channels that every scale adds


def paper_architecture(colours: int, n_scales: int) -> Architecture:
    """8 channels at the coarsest scale and 8 more at each finer one; 3 channels of noise."""
    widths = tuple(_STEP * (n_scales - scale) for scale in range(n_scales))
    return Architecture(colours, widths, (3,) * n_scales, 0, (1,) * n_scales, published=True)


class PaperNetwork(PlaneNetwork):
    """The paper's network; see `PlaneNetwork`."""

    def _make_layers(self, a: Architecture) -> None:
        self.fresh = nn.ModuleList(_block(n, _STEP) for n in a.fresh)
        self.norms = nn.ModuleList(
            nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(_STEP)]) for width in a.widths[1:]
        )
        self.joined = nn.ModuleList(_block(below + _STEP, width) for width, below in pairwise(a.widths))
        self.colours = nn.Conv2d(a.widths[0], a.colours, 1)

    @torch.no_grad()
    def _start(self, generator: torch.Generator | None) -> None:
        """torch's default initial weights, from a generator: uniform within 1 / sqrt(fan)."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            if isinstance(module, nn.Conv2d):
                bound = module.weight[0].numel() ** -0.5
                for tensor in (module.weight, module.bias):
                    assert tensor is not None
                    tensor.copy_(
                        (2 * torch.rand(tensor.shape, generator=generator, dtype=torch.float32) - 1) * bound
                    )

    def scale_of(self, name: str) -> int:
        """See `PlaneNetwork`: all are trained together."""
        return 0

    def forward(self, noise: list[Tensor], window: Window) -> Tensor:
        """The image (1, C, h, w) of a window, see `TextureNetwork.forward`."""
        features: Tensor | None = None
        first = self.architecture.n_scales - len(noise)
        for k in reversed(range(len(noise))):
            scale = first + k
            rows, columns = window[0][k], window[1][k]
            fresh: Tensor = self.fresh[scale](noise[k])
            if features is None:
                features = inside(fresh, 2)
                continue
            features = F.interpolate(features, scale_factor=2, mode="nearest")
            features = inside(cut(features, rows.features, columns.features, noise[k].shape[2:]), 2)
            norms = self.norms[scale]
            assert isinstance(norms, nn.ModuleList)
            features = self.joined[scale](torch.cat([norms[0](features), norms[1](fresh)], 1))
        image: Tensor = self.colours(features)
        return image


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Three convolutions; 2 pixels fewer on every side."""
    layers: list[nn.Module] = []
    for number, size in enumerate((3, 3, 1)):
        layers.append(nn.Conv2d(channels_out if number else channels_in, channels_out, size))
        layers += [nn.BatchNorm2d(channels_out), nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers)
