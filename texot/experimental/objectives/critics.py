"""The critics of a network that was trained with objective "wgan-gp": one per scale and patch size.

They are auxiliary tensors of its model file: critics.s0_p4.weights, .centre and .spread belong to the critic
of the 4x4 patches of scale 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from texot.errors import InputError
from texot.experimental.objectives.perceptron import n_weights, perceptron
from texot.experimental.objectives.wgan_gp import CriticTerm
from texot.generator.model_file import AUXILIARY
from texot.generator.network import PlaneNetwork
from texot.generator.plan import PATCH

_NAME = re.compile(re.escape(AUXILIARY) + r"s(\d{1,2})_p(\d{1,2})\.(weights|centre|spread)")


@dataclass(frozen=True)
class Critic:
    """f at patches in pixel values, without gradients in its own weights.

    Attributes:
        weights: flat, see `texot.experimental.objectives.perceptron`.
        centre: (d,), mean patch of the exemplar.
        spread: (), root mean square deviation from it.
    """

    weights: Tensor
    centre: Tensor
    spread: Tensor

    def __call__(self, patches: Tensor) -> Tensor:
        """Values (n,) at patches (n, d), in units of pixel values: nearly 1-Lipschitz."""
        x = (patches - self.centre) / self.spread
        return perceptron(x, self.weights, CriticTerm.widths(len(self.centre)))[:, 0] * self.spread


def critics_of(network: PlaneNetwork) -> dict[tuple[int, int], Critic]:
    """The critics of a network by scale and patch size, on its device; none if it was trained without.

    Raises:
        InputError: its auxiliary tensors are not critics of this network.
    """
    tensors: dict[tuple[int, int], dict[str, Tensor]] = {}
    for name, tensor in network.auxiliary.items():
        match = _NAME.fullmatch(name)
        if not match:
            raise InputError(f"the model's critics are damaged: {name} does not belong to one")
        tensors.setdefault((int(match[1]), int(match[2])), {})[match[3]] = tensor.to(network.device)
    found = {}
    for (scale, size), own in sorted(tensors.items()):
        d = network.architecture.colours * size**2
        shapes = {"weights": (n_weights(CriticTerm.widths(d)),), "centre": (d,), "spread": ()}
        if (
            scale >= network.architecture.n_scales
            or size not in (PATCH, 2 * PATCH)
            or {name: tuple(tensor.shape) for name, tensor in own.items()} != shapes
        ):
            raise InputError(f"the model's critics are damaged: s{scale}_p{size} does not fit its network")
        found[scale, size] = Critic(**own)
    return found


def needed_critics(network: PlaneNetwork) -> dict[tuple[int, int], Critic]:
    """See `critics_of`.

    Raises:
        InputError: the network has none, or damaged ones.
    """
    critics = critics_of(network)
    if not critics:
        raise InputError("this model has no critics to refine with: train one with objective wgan-gp")
    return critics


@torch.no_grad()
def keep_critics(network: PlaneNetwork, terms: list[CriticTerm]) -> None:
    """Store trained critics in the auxiliary tensors of their network."""
    for term in terms:
        critic = Critic(
            term.opponent.weights.detach().clone(),
            term.measure.centre.clone(),
            torch.tensor(term.spread, dtype=torch.float32),
        )
        for field in fields(critic):
            tensor: Tensor = getattr(critic, field.name)
            name = f"{AUXILIARY}s{term.scale}_p{term.measure.patch_size}.{field.name}"
            network.auxiliary[name] = tensor.to("cpu", torch.float32).contiguous()
