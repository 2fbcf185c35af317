"""Files of weights: what torch.save writes is read by value, and nothing in any file is run."""

import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from texot.errors import InputError
from texot.networks.weights import read_weights
from texot.packages import imported


def state() -> dict[str, Any]:
    """Views, shared values, types, parameters and a count, as networks have them."""
    base = torch.arange(24, dtype=torch.float32).view(4, 6)
    network = torch.nn.BatchNorm2d(3)
    return {
        **network.state_dict(),
        "whole": base,
        "column": base[:, 2],
        "turned": base.T,
        "half": base.half(),
        "bytes": base.to(torch.uint8),
        "flags": base > 3,
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base.double()),
        "epoch": 7,
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("mode", [torch.inference_mode, lambda: torch.device("meta")])
def test_read_by_value(tmp_path: Path, zipped: bool, mode: Callable[[], Any]) -> None:
    wanted = state()
    torch.save(wanted, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    with mode():
        found = read_weights(str(tmp_path / "w.pth"))
    del wanted["epoch"]
    assert set(found) == set(wanted)
    for name, tensor in found.items():
        assert torch.equal(tensor, wanted[name].detach())
        assert tensor.dtype == wanted[name].dtype
        assert not tensor.is_inference()


def test_safetensors(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(save({"a": torch.ones(3)}))
    assert torch.equal(read_weights(str(tmp_path / "w.safetensors"))["a"], torch.ones(3))


class Code:
    """Unpickled, it would make a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


class Program(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def test_nothing_is_run(tmp_path: Path) -> None:
    """Pickles of either format, and TorchScript, which some versions of torch run whatever they are told."""
    mark = tmp_path / "mark"
    for zipped in (True, False):
        name = f"code-{zipped}"
        torch.save({"a": Code(mark)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    (tmp_path / "plain").write_bytes(pickle.dumps(Code(mark)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, which would rather export otherwise
        torch.jit.trace(Program(), torch.ones(2)).save(str(tmp_path / "program"))  # type: ignore[no-untyped-call]
    with (
        zipfile.ZipFile(tmp_path / "program") as archive,
        zipfile.ZipFile(tmp_path / "pressed", "w") as other,
    ):
        for member in archive.namelist():
            if "constants" not in member:
                other.writestr(member, archive.read(member), zipfile.ZIP_DEFLATED)
    for path in [path for path in tmp_path.iterdir() if path != mark]:
        with pytest.raises(InputError, match="a file of weights and nothing else"):
            read_weights(str(path))
    assert not mark.exists()


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_pipes_and_missing_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, word in (("pipe", "pipe"), ("no", "no such file"), ("", "directory")):
        with pytest.raises(InputError, match=word):
            read_weights(f"{tmp_path}/{name}")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), zipped=st.booleans())
def test_damaged_bytes_are_one_error(tmp_path: Path, data: st.DataObject, zipped: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save(state(), path, _use_new_zipfile_serialization=zipped)
    raw = bytearray(path.read_bytes())
    place = st.floats(
        0, 1, exclude_max=True
    )  # of the file: its length is not the same each time it is written
    for _ in range(data.draw(st.integers(1, 3))):
        raw[int(data.draw(place) * len(raw))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del raw[1 + int(data.draw(place) * (len(raw) - 1)) :]
    path.write_bytes(raw)
    try:
        found = read_weights(str(path))
    except InputError:
        pass
    else:
        assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())


def test_broken_packages_are_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, body in (
        ("broken_a", "from scipy.integrate import no_such_name"),
        ("broken_b", "import no_such_module"),
        ("broken_c", "1 / 0"),
    ):
        (tmp_path / f"{name}.py").write_text(body + "\n")
        with pytest.raises(Exception, match="is installed but cannot be imported") as error:
            imported(name, "Broken", "evaluate")
        assert "\n" not in str(error.value)
    with pytest.raises(Exception, match=r"Missing is not installed: pip install 'texot\[evaluate\]'"):
        imported("no_such_module_of_ours", "Missing", "evaluate")
