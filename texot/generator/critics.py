"""The critics of a trained network, kept in its model file: one for the patches of every scale and size."""

from __future__ import annotations

import re
from typing import cast

import torch
from torch import Tensor, nn

from texot.errors import InputError
from texot.generator.network import PlaneNetwork
from texot.generator.objectives.perceptron import n_weights, perceptron
from texot.generator.objectives.wgan_gp import CriticTerm
from texot.generator.plan import PATCH

_NAME = r"s(\d{1,2})_p(\d{1,2})"


class Critic(nn.Module):
    """f at patches in pixel values, without gradients in its own weights.

    Args:
        d: values of a patch.

    Attributes:
        weights: flat, see `texot.generator.objectives.perceptron`.
        centre: (d,), mean patch of the exemplar.
        spread: () root mean square about it.
    """

    weights: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(self, d: int) -> None:
        super().__init__()
        self.widths = CriticTerm.widths(d)
        self.register_buffer("weights", torch.zeros(n_weights(self.widths), dtype=torch.float32))
        self.register_buffer("centre", torch.zeros(d, dtype=torch.float32))
        self.register_buffer("spread", torch.ones((), dtype=torch.float32))

    def forward(self, patches: Tensor) -> Tensor:
        """(n,) values at patches (n, d), in units of pixel values: nearly 1-Lipschitz."""
        x = (patches - self.centre) / self.spread
        return perceptron(x, self.weights, self.widths)[:, 0] * self.spread


class Critics(nn.ModuleDict):
    """Critics by name, such as s0_p4 of the 4x4 patches of scale 0."""

    def add(self, scale: int, patch_size: int, colours: int) -> Critic:
        """A critic of no weights yet."""
        critic = Critic(colours * patch_size**2)
        self[f"s{scale}_p{patch_size}"] = critic
        return critic

    def each(self) -> list[tuple[int, int, Critic]]:
        """Scale, patch size and critic of all."""
        found = []
        for name, critic in self.items():
            match = re.fullmatch(_NAME, name)
            assert match
            found.append((int(match[1]), int(match[2]), cast("Critic", critic)))
        return found


def critics_of(network: PlaneNetwork) -> Critics | None:
    """Those that were kept with a network."""
    found = getattr(network, "critics", None)
    return found if isinstance(found, Critics) else None


def needed_critics(network: PlaneNetwork) -> Critics:
    """Those that were kept with a network.

    Raises:
        InputError: none were.
    """
    critics = critics_of(network)
    if critics is None:
        raise InputError("this model has no critics to refine with: train one with objective wgan-gp")
    return critics


@torch.no_grad()
def keep_critics(network: PlaneNetwork, terms: list[CriticTerm]) -> None:
    """Keep trained critics with their network: they become a part of its tensors."""
    critics = Critics()
    for term in sorted(terms, key=lambda term: (term.scale, term.measure.patch_size)):  # as a file has them
        own = critics.add(term.scale, term.measure.patch_size, network.architecture.colours)
        own.weights.copy_(term.opponent.weights)
        own.centre.copy_(term.measure.centre)
        own.spread.fill_(term.spread)
    network.add_module("critics", critics)


def room_for_critics(network: PlaneNetwork, tensors: dict[str, Tensor]) -> None:
    """Make place for the critics that a file's tensors are named after; other names make none.

    Args:
        network: blank, see `PlaneNetwork`; so are the critics.
        tensors: of the file.
    """
    names = sorted({name.split(".")[1] for name in tensors if re.match(r"critics\.[^.]+\.", name)})
    critics = Critics()
    for name in names:
        match = re.fullmatch(_NAME, name)
        if match and int(match[1]) < network.architecture.n_scales and int(match[2]) in (PATCH, 2 * PATCH):
            with torch.device("meta"):
                critics.add(int(match[1]), int(match[2]), network.architecture.colours)
    if len(critics):
        network.add_module("critics", critics)
