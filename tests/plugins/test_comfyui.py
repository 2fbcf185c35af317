"""The nodes by ComfyUI's contract, called as its executor does."""

import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from odd_names import ODD
from plugin_files import PLUGINS
from textures import clouds

import texot


class Interrupted(Exception):
    """ComfyUI's exception."""


class Host:
    """What the nodes see of ComfyUI."""

    def __init__(self) -> None:
        self.values: list[tuple[int, int]] = []
        self.previews: list[Any] = []
        self.stop_after = -1

    def check(self) -> None:
        if 0 <= self.stop_after <= len(self.values):
            raise Interrupted


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Any]]:
    """A host with a temporary folder of an odd name, and the package of nodes as it loads it."""
    seen = Host()
    (tmp_path / ODD[0]).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ODD[0]))

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total = total

        def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
            seen.values.append((value, total or self.total))
            if preview is not None:
                seen.previews.append(preview)

    management, utils = types.ModuleType("comfy.model_management"), types.ModuleType("comfy.utils")
    management.throw_exception_if_processing_interrupted = seen.check  # type: ignore[attr-defined]
    utils.ProgressBar = ProgressBar  # type: ignore[attr-defined]
    for name, module in (
        ("comfy", types.ModuleType("comfy")),
        (management.__name__, management),
        ("comfy.utils", utils),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    path = PLUGINS / "comfyui" / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        "custom nodes.texot", path, submodule_search_locations=[str(path.parent)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "custom nodes.texot", package)
    spec.loader.exec_module(package)
    yield seen, package
    sys.modules.pop("custom nodes.texot.nodes", None)


def default(kind: Any) -> Any:
    """The value of a widget that nobody touched."""
    return kind[0][0] if isinstance(kind[0], list) else kind[1]["default"] if len(kind) > 1 else None


def execute(package: Any, name: str, **given: Any) -> tuple[torch.Tensor, ...]:
    """Run a node as the executor does, in inference mode; checks the contract of what it returns."""
    node = package.NODE_CLASS_MAPPINGS[name]
    types_ = node.INPUT_TYPES()
    inputs = {key: default(kind) for key, kind in types_["required"].items()}
    assert set(given) <= set(inputs) | set(types_.get("optional", {}))
    with torch.inference_mode():
        out = getattr(node(), node.FUNCTION)(
            **{**inputs, "quality": "draft", **given} if "quality" in inputs else {**inputs, **given}
        )
    assert isinstance(out, tuple)
    assert len(out) == len(node.RETURN_TYPES)
    for image, kind in zip(out, node.RETURN_TYPES, strict=True):
        assert kind == "IMAGE"
        assert image.ndim == 4
        assert image.dtype == torch.float32
        assert image.shape[3] in (3, 4)
        assert 0 <= float(image.min()) <= float(image.max()) <= 1
    return out


def images(count: int = 1, channels: int = 3) -> torch.Tensor:
    return torch.stack([clouds(channels, 24, 32, seed=k) for k in range(count)]).permute(0, 2, 3, 1)


def test_the_contract(host: tuple[Host, Any]) -> None:
    _, package = host
    assert set(package.NODE_CLASS_MAPPINGS) == set(package.NODE_DISPLAY_NAME_MAPPINGS)
    assert len(package.NODE_CLASS_MAPPINGS) == 6
    for node in package.NODE_CLASS_MAPPINGS.values():
        found = node.INPUT_TYPES()
        assert set(found) <= {"required", "optional"}
        for kind in [*found["required"].values(), *found.get("optional", {}).values()]:
            assert isinstance(kind, tuple)
            assert isinstance(kind[0], list) or kind[0] in {
                "IMAGE",
                "MASK",
                "INT",
                "FLOAT",
                "STRING",
                "BOOLEAN",
            }
        assert callable(getattr(node, node.FUNCTION))
        assert node.CATEGORY == "texot"
        assert node.DESCRIPTION
        assert len(getattr(node, "RETURN_NAMES", node.RETURN_TYPES)) == len(node.RETURN_TYPES)
    text = (PLUGINS / "comfyui" / "pyproject.toml").read_text("utf-8")
    assert f'version = "{texot.__version__}"' in text


@pytest.mark.slow
def test_synthesise_a_batch(host: tuple[Host, Any]) -> None:
    seen, package = host
    (made,) = execute(package, "TexotSynthesize", image=images(2), width=40, height=28)
    assert made.shape == (2, 28, 40, 3)
    assert seen.values[-1] == (2000, 2000)
    assert [value for value, _ in seen.values] == sorted(value for value, _ in seen.values)
    (again,) = execute(package, "TexotSynthesize", image=images(2)[1:], width=40, height=28, seed=1)
    torch.testing.assert_close(again[0], made[1])


@pytest.mark.slow
def test_make_tile_and_inpaint_keep_pixels(host: tuple[Host, Any]) -> None:
    _, package = host
    image = (images() * 255).round() / 255
    (made,) = execute(package, "TexotMakeTile", image=image, band=6)
    torch.testing.assert_close(made[:, 6:-6, 6:-6], image[:, 6:-6, 6:-6], atol=1e-3, rtol=0)
    mask = torch.zeros(1, 24, 32)
    mask[:, 8:14, 10:18] = 1
    black = image * (1 - mask[..., None])
    (made,) = execute(package, "TexotInpaint", image=black, mask=mask)
    known = mask[0] == 0
    torch.testing.assert_close(made[0][known], black[0][known], atol=1e-3, rtol=0)
    assert made[0][~known].mean() > 0.2
    (same,) = execute(package, "TexotInpaint", image=image, mask=torch.zeros(24, 32))
    torch.testing.assert_close(same, image)
    with pytest.raises(ValueError, match="mask of the image's size"):
        execute(package, "TexotInpaint", image=image, mask=torch.zeros(1, 9, 9))


@pytest.mark.slow
def test_interpolate_and_material(host: tuple[Host, Any]) -> None:
    _, package = host
    (made,) = execute(
        package, "TexotInterpolate", image=images(), other=images().flip(1), frames=2, weight=1.0
    )
    assert made.shape == (2, 24, 32, 3)
    normal = torch.tensor([0.5, 0.5, 1.0]).expand(1, 24, 32, 3).contiguous()
    out = execute(
        package, "TexotMaterial", basecolor=images(), normal=normal, roughness=images(), width=36, height=28
    )
    assert {tuple(one.shape) for one in out} == {(1, 28, 36, 3)}
    assert (out[1][..., 2] > 0.9).all()  # flat normals
    assert abs(out[0].mean() - images().mean()) < 0.05
    assert out[2].std() > 0.02
    assert out[5].max() == 0  # no height was given


@pytest.mark.slow
def test_sample_of_a_file_of_any_name(host: tuple[Host, Any], tmp_path: Path) -> None:
    _, package = host
    generator = texot.train(clouds(3, 24, 24), steps=4, n_scales=2, features="none", keep_exemplar=False)
    for name in ODD:
        folder = tmp_path / f"of {name}"
        folder.mkdir()
        generator.save(folder / f"{name}.safetensors")
        path = str(folder / f"{name}.safetensors")
        (made,) = execute(package, "TexotSample", model=path, width=40, height=32)
        assert made.shape == (1, 32, 40, 3)


@pytest.mark.parametrize("name", ["TexotSynthesize", "TexotMakeTile", "TexotInterpolate", "TexotMaterial"])
def test_cancel(host: tuple[Host, Any], name: str) -> None:
    seen, package = host
    seen.stop_after = 2
    more = {
        "TexotInterpolate": {"other": images().flip(1)},
        "TexotMaterial": {},
        "TexotMakeTile": {"band": 8},
    }
    given = {"basecolor" if name == "TexotMaterial" else "image": images()}
    with pytest.raises(Interrupted):
        execute(package, name, **given, **more.get(name, {}))
    assert len(seen.values) == 2


@pytest.mark.slow
def test_previews(host: tuple[Host, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen, package = host
    monkeypatch.setattr(sys.modules["custom nodes.texot.nodes"], "_PREVIEW_INTERVAL", 0.0)
    execute(package, "TexotSynthesize", image=images())
    kind, picture, side = seen.previews[0]
    assert (kind, side, picture.size) == ("JPEG", 512, (32, 24))
