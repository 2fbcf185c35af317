"""Adam: the same steps as torch's."""

import pytest
import torch

from texot.solver.adam.optimizer import Adam


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.99)])
def test_steps_equal_torchs(betas: tuple[float, float]) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.rand(3, 5, generator=generator, dtype=torch.float64)
    theirs = ours.clone().requires_grad_(True)
    mine, torchs = Adam(ours, betas=betas), torch.optim.Adam([theirs], lr=0.1, betas=betas)
    for step in range(20):
        grad = torch.randn(3, 5, generator=generator, dtype=torch.float64)
        torchs.param_groups[0]["lr"] = lr = 0.1 / (1 + step)
        theirs.grad = grad.clone()
        torchs.step()
        mine.step(ours, grad, lr)
        assert torch.allclose(ours, theirs.detach(), rtol=1e-12, atol=1e-12)


def test_a_zero_gradient_moves_nothing() -> None:
    value = torch.ones(4)
    Adam(value).step(value, torch.zeros(4), 0.1)
    assert torch.equal(value, torch.ones(4))
