"""The ONNX network gives torch's image, at sizes it was not made with."""

import json
from pathlib import Path

import pytest
import torch
from command_line import call, one_line

from texot.generator.export import export_onnx, noise_shapes
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.slow
@pytest.mark.parametrize("colours", [1, 3])
def test_equals_torch(tmp_path: Path, colours: int) -> None:
    network = TextureNetwork(Architecture(colours), torch.Generator().manual_seed(1)).requires_grad_(False)
    mode = "RGB" if colours == 3 else "L"
    generator = Generator(network, {"mode": mode, "exemplar_size": [8, 8]}, license="CC0")
    export_onnx(generator, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert '"license": "CC0"' in session.get_modelmeta().custom_metadata_map["texot"]
    for size in ((48, 56), (31, 70), (5, 1)):
        window = network.window((0, 0), size)
        noise = network.noise(3, window)
        assert [tuple(part.shape) for part in noise] == noise_shapes(network, size)
        (found,) = session.run(None, {f"noise_{k}": part.numpy() for k, part in enumerate(noise)})
        wanted = network(noise, window).clamp(0, 1)
        torch.testing.assert_close(torch.from_numpy(found), wanted, atol=1e-4, rtol=0)


def test_command_line(tmp_path: Path) -> None:
    network = TextureNetwork(Architecture(1, (3, 4), (1, 2), 1, (1, 1)), torch.Generator().manual_seed(1))
    model = tmp_path / "m.safetensors"
    Generator(network, {"mode": "L", "exemplar_size": [8, 8]}).save(model)
    done = call("export", model, "-o", tmp_path / "m.onnx")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "m.onnx").exists()
    done = call("export", model, "-o", tmp_path / "m.onnx", "--progress", "json")
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["start", "done"]
    for output, options, word in (
        ("m.png", [], ".onnx"),
        ("no/m.onnx", [], "no such folder"),
        ("m.onnx", ["--no-overwrite"], "protects"),
    ):
        done = call("export", model, "-o", tmp_path / output, *options)
        assert done.exit_code == 1
        assert word in one_line(done)
