"""Back ends by value against the formula in float64, on shapes and inputs that hurt; dispatch and errors."""

import logging
import math
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from texot import kernels
from texot.kernels import BackendError, Targets, dispatch, keops, reference, shortlist, tiled

GPU = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
)
DEVICES = ["cpu", GPU]
FLOATS = [torch.float32, torch.float64]

# n, m, d: ones, not multiples of any tile, more points than targets and the reverse
SHAPES = [
    (1, 1, 1),
    (1, 1, 200),
    (1, 777, 3),
    (777, 1, 12),
    (5, 2, 48),
    (33, 65, 1),
    (1025, 129, 12),
    (130, 2049, 48),
    (100, 8193, 3),
    (31, 12001, 147),
    (257, 4097, 200),
    (2050, 9001, 48),
]


def problem(
    n: int,
    m: int,
    d: int,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    size: float = 0.1,
    seed: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return points near targets, targets and a potential of the given size."""
    g = torch.Generator().manual_seed(seed)
    y = torch.rand(m, d, generator=g, dtype=torch.float64)
    x = y[torch.randint(m, (n,), generator=g)] + 0.1 * torch.randn(n, d, generator=g, dtype=torch.float64)
    psi = size * torch.randn(m, generator=g, dtype=torch.float64)
    return x.to(device, dtype), y.to(device, dtype), psi.to(device, dtype)


def log_weights(m: int, like: Tensor) -> Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.log_softmax(torch.randn(m, generator=g, dtype=torch.float64), 0).to(like)


def assert_cells(cells: Tensor, x: Tensor, y: Tensor, psi: Tensor) -> None:
    """The cost at the chosen cell is the minimum, up to rounding in the inputs' own precision."""
    assert cells.dtype == torch.int64
    assert cells.shape == (len(x),)
    assert cells.device == x.device
    if len(x) == 0:
        return
    assert 0 <= int(cells.min()) <= int(cells.max()) < len(y)
    x, y, psi, precision = x.double(), y.double(), psi.double(), torch.finfo(x.dtype).eps
    cost = reference.squared_distances(x, y) - psi
    excess = cost.gather(1, cells[:, None]).squeeze(1) - cost.min(1).values
    centre = y.mean(0)
    scale = (x - centre).square().sum(1).max() + (y - centre).square().sum(1).max() + psi.max() - psi.min()
    assert float(excess.max()) <= 16 * precision * float(scale) + 1e-300


def assert_soft(
    call: Callable[..., tuple[Tensor, Tensor]],
    x: Tensor,
    y: Tensor,
    psi: Tensor,
    log_nu: Tensor,
    entropy: float,
) -> None:
    value, mean = call(x, y, psi, log_nu, entropy)
    assert value.dtype == mean.dtype == x.dtype
    wide = [t.double() for t in (x, y, psi, log_nu)]
    true, true_mean = kernels.soft_cells(*wide, entropy, backend="reference")
    precision = 64 * torch.finfo(x.dtype).eps
    scale = float(reference.squared_distances(wide[0], wide[1]).max() + wide[2].abs().max()) + entropy
    assert value.shape == true.shape
    assert mean.shape == true_mean.shape
    assert float((value - true).abs().max()) <= precision * scale
    # an error e in the exponent changes the weights by a factor exp(e)
    spread = float((wide[1].max(0).values - wide[1].min(0).values).max())
    assert float((mean - true_mean).abs().max()) <= precision * (scale / entropy) * spread + precision


@pytest.fixture(autouse=True)
def _forget_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_said", set())


class TestReference:
    def test_is_the_definition(self) -> None:
        x, y, psi = problem(7, 5, 3, torch.float64)
        for i in range(7):
            costs = [float(((x[i] - y[j]) ** 2).sum() - psi[j]) for j in range(5)]
            assert int(kernels.laguerre_cells(x, y, psi, backend="reference")[i]) == costs.index(min(costs))
            log_nu, lam = torch.full((5,), -math.log(5), dtype=torch.float64), 0.3
            total = sum(math.exp(-math.log(5) - c / lam) for c in costs)
            value = kernels.softmin(x, y, psi, log_nu, lam, backend="reference")[i]
            assert float(value) == pytest.approx(-lam * math.log(total))

    def test_two_targets_by_hand(self) -> None:
        y = torch.tensor([[0.0], [1.0]])
        x = torch.tensor([[0.2], [0.49], [0.51], [0.9]])
        for backend in ("reference", "tiled"):
            assert kernels.laguerre_cells(x, y, torch.zeros(2), backend=backend).tolist() == [0, 0, 1, 1]
            # psi_1 = 0.5 moves the border from 1/2 to 1/4
            cells = kernels.laguerre_cells(x, y, torch.tensor([0.0, 0.5]), backend=backend)
            assert cells.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("device", DEVICES)
class TestTiled:
    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_cells(self, shape: tuple[int, int, int], dtype: torch.dtype, device: str) -> None:
        x, y, psi = problem(*shape, dtype, device)
        assert_cells(kernels.laguerre_cells(x, y, psi, backend="tiled"), x, y, psi)

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("entropy", [1.0, 0.01])
    @pytest.mark.parametrize("shape", SHAPES[:-1])
    def test_soft(self, shape: tuple[int, int, int], entropy: float, dtype: torch.dtype, device: str) -> None:
        x, y, psi = problem(*shape, dtype, device)
        log_nu = log_weights(shape[1], psi)
        assert_soft(tiled_soft, x, y, psi, log_nu, entropy)
        value = kernels.softmin(x, y, psi, log_nu, entropy, backend="tiled")
        torch.testing.assert_close(value, tiled_soft(x, y, psi, log_nu, entropy)[0], rtol=1e-4, atol=1e-4)

    def test_huge_psi(self, device: str) -> None:
        x, y, psi = problem(300, 3000, 48, device=device, size=1e4)
        assert_cells(kernels.laguerre_cells(x, y, psi, backend="tiled"), x, y, psi)
        assert_soft(tiled_soft, x, y, psi, log_weights(3000, psi), 0.1)

    def test_large_constant_psi_does_not_drown_the_distances(self, device: str) -> None:
        x, y, _ = problem(300, 3000, 48, device=device)
        psi = torch.full((3000,), 1e4, device=device)
        assert_cells(kernels.laguerre_cells(x, y, psi, backend="tiled"), x, y, psi * 0)

    def test_psi_shift_invariance(self, device: str) -> None:
        x, y, psi = problem(200, 1000, 12, device=device)
        psi = (psi * 64).round() / 64  # so that adding 512 is exact
        cells = kernels.laguerre_cells(x, y, psi, backend="tiled")
        assert torch.equal(cells, kernels.laguerre_cells(x, y, psi + 512, backend="tiled"))
        log_nu = log_weights(1000, psi)
        low = kernels.softmin(x, y, psi, log_nu, 0.1, backend="tiled")
        high = kernels.softmin(x, y, psi + 512, log_nu, 0.1, backend="tiled")
        torch.testing.assert_close(high + 512, low, rtol=0, atol=1e-4)

    def test_far_from_the_origin(self, device: str) -> None:
        x, y, psi = problem(200, 1000, 12, torch.float64, device)
        x, y, psi = (x + 1000).float(), (y + 1000).float(), psi.float()
        assert_cells(kernels.laguerre_cells(x, y, psi, backend="tiled"), x, y, psi)

    @pytest.mark.parametrize("m", [70, 9000])
    def test_duplicated_targets(self, m: int, device: str) -> None:
        x, y, psi = problem(400, m, 12, device=device)
        y, psi = y[: m // 10].repeat(10, 1), psi[: m // 10].repeat(10)
        assert_cells(kernels.laguerre_cells(x, y, psi, backend="tiled"), x, y, psi)

    @pytest.mark.parametrize("m", [70, 9000])
    def test_all_patches_equal(self, m: int, device: str) -> None:
        x, y = torch.full((1100, 48), 0.3, device=device), torch.full((m, 48), 0.3, device=device)
        psi = torch.zeros(m, device=device)
        assert_cells(kernels.laguerre_cells(x, y, psi, backend="tiled"), x, y, psi)
        value, mean = tiled_soft(x, y, psi, torch.full((m,), -math.log(m), device=device), 0.1)
        assert float(value.abs().max()) < 1e-5
        torch.testing.assert_close(mean, x)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_not_contiguous(self, dtype: torch.dtype, device: str) -> None:
        x, y, psi = problem(129, 700, 12, dtype, device)
        wide = torch.empty(129, 24, dtype=dtype, device=device)
        wide[:, ::2] = x
        long = psi.repeat_interleave(3)
        args = (wide[:, ::2], y.T.contiguous().T, long[::3])
        assert not any(t.is_contiguous() for t in args)
        assert_cells(kernels.laguerre_cells(*args, backend="tiled"), x, y, psi)
        log_nu = log_weights(700, psi)
        soft = kernels.soft_cells(*args, log_nu.repeat_interleave(2)[::2], 0.1, backend="tiled")
        torch.testing.assert_close(soft, tiled_soft(x, y, psi, log_nu, 0.1))

    def test_zero_weights_drop_their_targets(self, device: str) -> None:
        x, y, psi = problem(50, 400, 3, device=device)
        log_nu = log_weights(400, psi)
        log_nu[::2] = -math.inf
        kept = tiled_soft(x, y[1::2], psi[1::2], log_nu[1::2], 0.05)
        torch.testing.assert_close(tiled_soft(x, y, psi, log_nu, 0.05), kept)

    def test_the_level_rises_from_tile_to_tile(self, device: str) -> None:
        # later targets are nearer by hundreds of entropies: each tile overflows the level of the one before
        x = torch.zeros(40, 2, device=device)
        y = torch.linspace(3, 0, 5000, device=device)[:, None].repeat(1, 2)
        psi = torch.zeros(5000, device=device)
        assert_soft(tiled_soft, x, y, psi, torch.full_like(psi, -math.log(5000)), 0.01)

    def test_sinkhorn_half_steps_are_each_other_swapped(self, device: str) -> None:
        # one exact pair of half steps: the plan's second marginal is right after the second one
        x, y, psi = problem(60, 90, 3, torch.float64, device)
        log_mu, log_nu = (
            torch.full((k,), -math.log(k), dtype=torch.float64, device=device) for k in (60, 90)
        )
        phi = kernels.softmin(x, y, psi, log_nu, 0.1, backend="tiled")
        psi = kernels.softmin(y, x, phi, log_mu, 0.1, backend="tiled")
        plan = torch.exp(
            log_mu[:, None] + log_nu + (phi[:, None] + psi - reference.squared_distances(x, y)) / 0.1
        )
        torch.testing.assert_close(plan.sum(0), log_nu.exp())

    def test_soft_tends_to_hard(self, device: str) -> None:
        x, y, psi = problem(50, 300, 3, torch.float64, device)
        cells = kernels.laguerre_cells(x, y, psi, backend="tiled")
        value, mean = tiled_soft(x, y, psi, torch.zeros_like(psi), 1e-7)
        torch.testing.assert_close(mean, y[cells], rtol=0, atol=1e-3)
        torch.testing.assert_close(value, (x - y[cells]).square().sum(1) - psi[cells], rtol=0, atol=1e-5)

    def test_no_points(self, device: str) -> None:
        x, y, psi = problem(3, 10, 4, device=device)
        x = x[:0]
        assert kernels.laguerre_cells(x, y, psi).shape == (0,)
        value, mean = kernels.soft_cells(x, y, psi, torch.zeros_like(psi), 0.1)
        assert value.shape == (0,)
        assert mean.shape == (0, 4)

    def test_nothing_is_differentiated(self, device: str) -> None:
        x, y, psi = (t.requires_grad_() for t in problem(20, 30, 3, device=device))
        assert not kernels.laguerre_cells(x, y, psi).requires_grad
        value, mean = kernels.soft_cells(x, y, psi, torch.zeros(30, device=device), 0.1)
        assert not value.requires_grad
        assert not mean.requires_grad

    def test_kept_targets_give_the_same(self, device: str) -> None:
        x, y, psi = problem(300, 5000, 12, device=device)
        ready = Targets(y)
        log_nu = log_weights(5000, psi)
        for potential in (psi, psi.flip(0)):  # a second potential leaves nothing of the first
            plain = kernels.laguerre_cells(x, y, potential, backend="tiled")
            assert torch.equal(kernels.laguerre_cells(x, ready, potential, backend="tiled"), plain)
            soft = kernels.soft_cells(x, ready, potential, log_nu, 0.1, backend="tiled")
            torch.testing.assert_close(soft, tiled_soft(x, y, potential, log_nu, 0.1), rtol=0, atol=0)


def tiled_soft(x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float) -> tuple[Tensor, Tensor]:
    return kernels.soft_cells(x, y, psi, log_nu, entropy, backend="tiled")


@pytest.mark.skipif(not shortlist.available(), reason="no bfloat16 matrix units")
class TestShortlist:
    @staticmethod
    def search(x: Tensor, y: Tensor, psi: Tensor) -> tuple[Tensor, int]:
        targets = Targets(y)
        cells, left = shortlist.search(x, targets, psi)
        if len(left):
            cells[left] = tiled._cells_by_blocks(x[left], targets, psi)
        return cells, len(left)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("size", [0.0, 0.1, 1e4])
    def test_is_exact(self, shape: tuple[int, int, int], size: float) -> None:
        x, y, psi = problem(*shape, size=size)
        assert_cells(self.search(x, y, psi)[0], x, y, psi)

    def test_leaves_little_undone(self) -> None:
        x, y, psi = problem(1000, 9000, 48)
        assert self.search(x, y, psi)[1] < 20

    def test_patches_all_alike_go_back(self) -> None:
        x, y, psi = torch.full((600, 48), 0.5), torch.full((9000, 48), 0.5), torch.zeros(9000)
        cells, left = self.search(x, y, psi)
        assert left == 600
        assert_cells(cells, x, y, psi)

    def test_near_ties(self) -> None:
        # targets that differ in the seventh digit, far below bfloat16
        g = torch.Generator().manual_seed(0)
        y = torch.rand(100, 48, generator=g).repeat(60, 1)
        y += 1e-6 * torch.rand(y.shape, generator=g)
        x, psi = y[torch.randperm(6000, generator=g)[:600]], torch.zeros(6000)
        assert_cells(self.search(x, y, psi)[0], x, y, psi)

    def test_points_far_outside(self) -> None:
        x, y, psi = problem(600, 5000, 48)
        x = x * 1000
        assert_cells(self.search(x, y, psi)[0], x, y, psi)

    def test_tiled_uses_it_where_it_pays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []
        search = shortlist.search
        monkeypatch.setattr(shortlist, "search", lambda *args: calls.append(1) or search(*args))
        x, y, psi = problem(2100, 9000, 48)
        for n in (2100, 10):
            kernels.laguerre_cells(x[:n], y, psi, backend="tiled")
        kernels.laguerre_cells(x.double(), y.double(), psi.double(), backend="tiled")
        assert len(calls) == 1


MEMORY = """
    import resource, torch
    from texot import kernels
    from texot.kernels import reference
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(0)
    x, y = torch.rand(50_000, 3, generator=g), torch.rand(25_000, 3, generator=g)
    psi, log_nu = 0.01 * torch.rand(25_000, generator=g), torch.zeros(25_000)
    kernels.laguerre_cells(x[:300], y[:300], psi[:300])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cells = kernels.laguerre_cells(x, y, psi, backend="tiled")
    value = kernels.softmin(x[:10_000], y, psi, log_nu, 0.01, backend="tiled")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    some = torch.arange(0, 10_000, 500)
    cost = reference.squared_distances(x[some].double(), y.double()) - psi.double()
    assert float((cost.gather(1, cells[some, None]).squeeze(1) - cost.min(1).values).max()) < 1e-5
    true = -0.01 * torch.logsumexp(-cost / 0.01, 1)
    torch.testing.assert_close(value[some].double(), true, rtol=0, atol=1e-5)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_stays_a_tile() -> None:
    """5e4 x 2.5e4: the matrix would take 5 GB, the reductions stay under 64 MB."""
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert int(told.stdout) < 64


class TestInput:
    x, y, psi = torch.rand(4, 3), torch.rand(5, 3), torch.rand(5)
    log_nu = torch.zeros(5)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"x": torch.rand(3)}, r"x: expected shape \(count, d\) with d >= 1, got \(3,\)"),
            ({"x": torch.rand(3, 0)}, "x: expected shape"),
            ({"x": torch.rand(4, 2)}, "x and y: dimensions differ, 2 and 3"),
            ({"x": [[0.0, 1.0, 2.0]]}, "x: expected a torch tensor, got list"),
            ({"x": torch.zeros(4, 3, dtype=torch.int64)}, "x: expected float32 or float64, got int64"),
            ({"x": torch.rand(4, 3).half()}, "x: expected float32 or float64, got float16"),
            ({"y": torch.rand(0, 3), "psi": torch.rand(0)}, "y: expected at least one target"),
            ({"y": torch.rand(5, 3).double()}, "y: expected float32 like x, got float64"),
            ({"y": torch.rand(5, 3, device="meta")}, "y: expected"),
            ({"psi": torch.rand(4)}, r"psi: expected shape \(5,\), one value a target, got \(4,\)"),
            ({"psi": torch.rand(5).double()}, "psi: expected float32 like x, got float64"),
            (
                {"psi": torch.tensor([0, 0, 0, 0, math.inf])},
                "psi: expected finite values, got NaN or infinity in 1 of 5",
            ),
            (
                {"x": torch.full((4, 3), math.nan)},
                "x: expected finite values, got NaN or infinity in 12 of 12",
            ),
            ({"y": torch.full((5, 3), -math.inf)}, "y: expected finite values"),
            ({"y": "numbers"}, "y: expected a torch tensor, got str"),
            ({"backend": "cuda"}, "unknown back end 'cuda': use one of auto, reference, tiled, keops"),
        ],
    )
    def test_refused(self, change: dict[str, object], message: str) -> None:
        arguments: dict[str, object] = {"x": self.x, "y": self.y, "psi": self.psi, **change}
        if getattr(change.get("y"), "is_meta", False):
            arguments["check"] = False
        with pytest.raises(ValueError, match=message) as caught:
            kernels.laguerre_cells(**arguments)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("entropy", [0, -1.0, math.nan, math.inf])
    def test_entropy_refused(self, entropy: float) -> None:
        with pytest.raises(ValueError, match="entropy: expected a positive number"):
            kernels.softmin(self.x, self.y, self.psi, self.log_nu, entropy)

    @pytest.mark.parametrize(
        ("log_nu", "message"),
        [
            (torch.zeros(4), "log_nu: expected shape"),
            (torch.full((5,), math.nan), "log_nu: expected finite values or -inf"),
            (torch.tensor([0, math.inf, 0, 0, 0]), "log_nu: expected finite values or -inf"),
            (torch.full((5,), -math.inf), "log_nu: expected at least one target of positive weight"),
        ],
    )
    def test_weights_refused(self, log_nu: Tensor, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            kernels.soft_cells(self.x, self.y, self.psi, log_nu, 0.1)

    def test_large_finite_values_are_finite(self) -> None:
        psi = torch.full((5,), 3e38)  # their sum overflows
        assert len(kernels.laguerre_cells(self.x, self.y, psi)) == 4

    def test_targets_check_their_values(self) -> None:
        with pytest.raises(ValueError, match="y: expected finite values"):
            Targets(torch.full((2, 2), math.nan))
        with pytest.raises(ValueError, match="y: expected at least one target"):
            Targets(torch.rand(0, 2))

    def test_check_can_be_skipped(self) -> None:
        x = self.x.clone()
        x[0, 0] = math.nan
        assert len(kernels.laguerre_cells(x, self.y, self.psi, check=False)) == 4


class TestChoice:
    @pytest.mark.parametrize("name", ["reference", "tiled"])
    def test_a_name_is_kept(self, name: str) -> None:
        assert kernels.resolve_backend(name, "cuda", 10, 10, 3) == name

    def test_auto_takes_tiled_on_cpu_and_says_so_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "texot")
        x, y, psi = problem(10, 10, 3)
        for _ in range(3):
            kernels.laguerre_cells(x, y, psi)
            kernels.softmin(x, y, psi, torch.zeros(10), 0.1)
        assert [record.getMessage()[:21] for record in caplog.records] == ["kernels on cpu: tiled"]

    def test_auto_on_cuda_prefers_keops_where_it_suits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keops, "require", lambda device_type: None)
        assert kernels.resolve_backend("auto", "cuda", 65536, 65536, 48) == "keops"
        assert kernels.resolve_backend("auto", "cuda", 65536, 65536, 192) == "tiled"
        assert kernels.resolve_backend("auto", "cuda", 64, 64, 48) == "tiled"
        assert kernels.resolve_backend("auto", "cuda", 64, 20_000_000, 48) == "tiled"

    def test_auto_falls_back_with_one_line(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(device_type: str) -> None:
            raise BackendError("no libnvrtc")

        monkeypatch.setattr(keops, "require", refuse)
        for _ in range(3):
            assert kernels.resolve_backend("auto", "cuda", 65536, 65536, 48) == "tiled"
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == ["KeOps cannot be used, tiled torch takes over: no libnvrtc"]
        with pytest.raises(BackendError, match="no libnvrtc"):
            kernels.resolve_backend("keops", "cuda", 65536, 65536, 48)

    def test_failure_while_running_falls_back_only_for_auto(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*args: object) -> Tensor:
            raise BackendError("disk full")

        monkeypatch.setattr(dispatch, "_choose", lambda *args: ("keops", "a test"))
        monkeypatch.setattr(keops, "require", lambda device_type: None)
        for name in ("laguerre_cells", "softmin", "soft_cells"):
            monkeypatch.setattr(keops, name, fail)
        x, y, psi = problem(10, 20, 3)
        log_nu = torch.zeros(20)
        for _ in range(2):
            assert_cells(kernels.laguerre_cells(x, y, psi), x, y, psi)
            assert_soft(kernels.soft_cells, x, y, psi, log_nu, 0.1)
            kernels.softmin(x, y, psi, log_nu, 0.1)
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == ["KeOps failed, tiled torch takes over: disk full"]
        with pytest.raises(BackendError, match="disk full"):
            kernels.laguerre_cells(x, y, psi, backend="keops")

    def test_too_many_targets_for_keops(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keops, "require", lambda device_type: None)
        with pytest.raises(BackendError, match="keops cannot index 20000000 targets"):
            kernels.resolve_backend("keops", "cpu", 10, 20_000_000, 3)


@pytest.mark.parametrize("shared", [False, True])
def test_threads(shared: bool) -> None:
    """Calls at once give what calls in turn give, on targets of their own or the same."""
    x, y, _ = problem(500, 3000, 12)
    ready = Targets(y) if shared else y
    potentials = [problem(1, 3000, 12, seed=seed)[2] for seed in range(4)]
    expected = [kernels.laguerre_cells(x, y, psi) for psi in potentials]
    results: dict[int, list[Tensor]] = {k: [] for k in range(4)}

    def work(k: int) -> None:
        for _ in range(5):
            results[k].append(kernels.laguerre_cells(x, ready, potentials[k]))
            kernels.softmin(x, ready, potentials[k], torch.zeros(3000), 0.1)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        assert len(results[k]) == 5
        assert all(torch.equal(cells, expected[k]) for cells in results[k])


def test_global_state_is_left_alone() -> None:
    def state() -> tuple[object, ...]:
        rng = torch.get_rng_state().tolist()
        return (
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.get_float32_matmul_precision(),
            rng,
            dict(os.environ),
        )

    before = state()
    x, y, psi = problem(2100, 9000, 48)
    kernels.laguerre_cells(x, y, psi)
    kernels.soft_cells(x[:100], y, psi, torch.zeros(9000), 0.1)
    assert state() == before


@pytest.mark.slow
def test_thread_count_is_honoured() -> None:
    before = torch.get_num_threads()
    x, y, psi = problem(700, 9000, 12)
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert_cells(kernels.laguerre_cells(x, y, psi), x, y, psi)
            assert_soft(kernels.soft_cells, x[:300], y, psi, torch.zeros(9000), 0.1)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
