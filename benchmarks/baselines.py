"""What texot is compared with: five older or simpler ways to make texture, each as short as it can be.

    python -m benchmarks.baselines quilting samples/pebbles.jpg out.png --size 256x256 --seed 0

- psi0: texot with its potentials held at 0, iterated nearest neighbours (Kwatra et al. 2005, "Texture
  optimization for example-based synthesis"); everything else as in texot.
- paper: Algorithm 1 as published (arXiv 2007.03408), texot's `--preset paper`.
- gram: Gatys, Ecker & Bethge 2015 (arXiv 1505.07376), Gram matrices of deep features by L-BFGS from noise,
  coarse to fine (Gatys et al. 2017, arXiv 1611.07865); the network is SqueezeNet, whose Gram matrices
  `texot.evaluation.deep_gram` compares: that figure is its own loss.
- quilting: Efros & Freeman 2001, "Image quilting for texture synthesis and transfer".
- tiling: random crops side by side, with hard edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from torch import Tensor

from texot import synthesize
from texot.evaluation.inputs import OPEN, TORUS
from texot.files.exemplar import read_exemplar
from texot.files.sizes import parse_size
from texot.files.write import write_image
from texot.images.pyramid import Periodic, gaussian_pyramid, upsample
from texot.layout.cuts import least_cut
from texot.networks.squeezenet import SQUEEZENET

TOLERANCE = 0.1  # of quilting: blocks within this of the least error may be taken


def psi0(exemplar: Tensor, size: tuple[int, int], seed: int) -> Tensor:
    """Plain nearest neighbours in place of transport."""
    return synthesize(exemplar, size[::-1], seed=seed, psi_steps=0).image


def paper(exemplar: Tensor, size: tuple[int, int], seed: int) -> Tensor:
    """The published algorithm."""
    return synthesize(exemplar, size[::-1], seed=seed, preset="paper").image


def gram(exemplar: Tensor, size: tuple[int, int], seed: int, n_iter: int = 60) -> Tensor:
    """Match the Gram matrices of four layers, each relative to the exemplar's, at up to three scales.

    Coarse to fine; every scale keeps the coarser ones in its loss. The image is a torus.
    """
    layers = SQUEEZENET.gram_layers
    n_scales = 1 + sum(min(*size, *exemplar.shape[1:]) >= side for side in (128, 256))

    def grams(image: Tensor, periodic: Periodic) -> list[Tensor]:
        cells = (f.flatten(1) for f in SQUEEZENET.cells(image, layers, periodic).values())
        return [f @ f.T / f.shape[1] for f in cells]

    with torch.no_grad():
        wanted = [grams(scale, OPEN) for scale in gaussian_pyramid(exemplar, n_scales, periodic=OPEN)]
    sizes = [size]
    for _ in range(n_scales - 1):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(exemplar), *sizes[-1], generator=generator)
    image = exemplar.mean((1, 2), keepdim=True) + 0.1 * noise
    for scale in reversed(range(n_scales)):
        start = image if scale == n_scales - 1 else upsample(image, sizes[scale])
        image = start.detach().requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            [image], max_iter=n_iter, history_size=20, line_search_fn="strong_wolfe"
        )

        def closure(
            image: Tensor = image, scale: int = scale, optimiser: torch.optim.LBFGS = optimiser
        ) -> Tensor:
            optimiser.zero_grad()
            loss = 10 * (image - image.clamp(0, 1)).square().mean()
            for k, shown in enumerate(gaussian_pyramid(image, n_scales - scale)):
                for a, b in zip(grams(shown, TORUS), wanted[scale + k], strict=True):
                    loss = loss + ((a - b) ** 2).sum() / (b**2).sum()
            loss.backward()
            return loss.detach()

        optimiser.step(closure)
    return image.detach().clamp(0, 1)


def quilting(exemplar: Tensor, size: tuple[int, int], seed: int, block: int | None = None) -> Tensor:
    """Blocks in raster order, each like what it overlaps, joined along cuts of least error; does not tile.

    Blocks are a sixth of the exemplar's side, overlaps a sixth of a block, as in the article's examples.
    """
    block = min(block or max(8, min(exemplar.shape[1:]) // 6), *exemplar.shape[1:], *size)
    overlap = max(1, block // 6)
    step = block - overlap
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (1 + max(0, math.ceil((n - block) / step)) for n in size)
    result = torch.zeros(len(exemplar), rows * step + overlap, columns * step + overlap)
    places = [n - block + 1 for n in exemplar.shape[1:]]
    for i in range(rows):
        for j in range(columns):
            mask = torch.zeros(block, block)
            mask[: overlap if i else 0] = 1
            mask[:, : overlap if j else 0] = 1
            there = result[:, i * step : i * step + block, j * step : j * step + block]
            if i or j:
                error = F.conv2d(exemplar[None] ** 2, mask.expand_as(there)[None])
                error = error - 2 * F.conv2d(exemplar[None], (mask * there)[None])
                error = error[0, 0] + (mask * there**2).sum()
                least = error.min().clamp_min(1e-6)
                good = (error <= (1 + TOLERANCE) * least).flatten().nonzero()[:, 0]
            else:
                good = torch.arange(places[0] * places[1])
            chosen = int(good[int(torch.randint(len(good), (), generator=generator))])
            y, x = divmod(chosen, places[1])
            new = exemplar[:, y : y + block, x : x + block]
            error_here = ((new - there) ** 2).sum(0)
            keep = torch.zeros(block, block, dtype=torch.bool)
            if j:
                cut = torch.from_numpy(least_cut(error_here[:, :overlap].numpy()))
                keep |= torch.arange(block) < cut[:, None]
            if i:
                cut = torch.from_numpy(least_cut(error_here[:overlap].T.numpy()))
                keep |= (torch.arange(block) < cut[:, None]).T
            there.copy_(torch.where(keep, there, new))
    return result[:, : size[0], : size[1]].contiguous()


def tiling(exemplar: Tensor, size: tuple[int, int], seed: int) -> Tensor:
    """Random crops of a quarter of the exemplar's side."""
    side = max(1, min(exemplar.shape[1:]) // 4)
    generator = torch.Generator().manual_seed(seed)
    result = torch.empty(len(exemplar), *size)
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            y, x = (int(torch.randint(n - side + 1, (), generator=generator)) for n in exemplar.shape[1:])
            there = result[:, top : top + side, left : left + side]
            there.copy_(exemplar[:, y : y + there.shape[1], x : x + there.shape[2]])
    return result


METHODS: dict[str, tuple[Callable[[Tensor, tuple[int, int], int], Tensor], Periodic]] = {
    "psi0": (psi0, TORUS),
    "paper": (paper, TORUS),
    "gram": (gram, TORUS),
    "quilting": (quilting, OPEN),
    "tiling": (tiling, OPEN),
}
"""Each with the axes along which its results wrap around."""


@click.command()
@click.argument("method", type=click.Choice(list(METHODS)))
@click.argument("exemplar", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--size", help="WxH or a factor; default: the exemplar's.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads; default: torch's.")
def main(method: str, exemplar: Path, output: Path, size: str | None, seed: int, threads: int | None) -> None:
    """Make a texture from EXEMPLAR by METHOD and write it to OUTPUT."""
    if threads:
        torch.set_num_threads(threads)
    source = read_exemplar(exemplar)
    width, height = parse_size(size, source.size)
    write_image(METHODS[method][0](source.pixels, (height, width), seed), output, mode=source.mode)


if __name__ == "__main__":
    main()
