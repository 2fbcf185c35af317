"""Files of the worker: results of any bit depth are stored, shown and saved without loss. No Qt here."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import call
from PIL import Image

from texot.desktop.requests import JobRequest
from texot.desktop.worker_files import Pixels, read_picture
from texot.desktop.worker_handlers import Handlers
from texot.errors import OutputError
from texot.files.deep import read_deep, write_deep
from texot.files.deep_image import DeepImage

SIDE = 24


def deep(folder: Path, dtype: type, name: str) -> Path:
    """An image of noise; of floats, some values exceed 1 and some are negative."""
    rng = np.random.default_rng(0)
    noise = np.repeat(np.repeat(rng.random((SIDE // 4, SIDE // 4, 3)), 4, 0), 4, 1)
    noise = 0.9 * noise + 0.1 * rng.random((SIDE, SIDE, 3))
    whole = np.issubdtype(dtype, np.integer)
    values = noise * np.iinfo(dtype).max if whole else (noise * 3) ** 4 - 0.1
    kinds = {".png": "PNG", ".tif": "TIFF", ".exr": "OpenEXR"}
    kind = kinds[Path(name).suffix]
    write_deep(DeepImage(values.astype(dtype), kind, ("R", "G", "B")), folder / name)
    return folder / name


def run(request: JobRequest, folder: Path) -> tuple[Path, Pixels]:
    """The session's file of a job's result, and the picture that is shown."""
    events: list[tuple[str, dict[str, Any]]] = []

    def send(event: str, number: int, pixels: Any = None, **facts: Any) -> None:
        events.append((event, {"pixels": pixels, **facts}))

    file = folder / "result.png"
    Handlers(send, set()).do_run({"id": 1, "job": request.to_json(), "file": str(file)})
    event, facts = events[-1]
    assert event == "done"
    return Path(facts["file"]), facts["pixels"]


def saved(file: Path, path: Path) -> None:
    Handlers(lambda *_, **__: None, set()).do_save({"id": 2, "file": str(file), "path": str(path)})


def draft(image: Path) -> JobRequest:
    return JobRequest("synthesize", {"image": str(image)}, {"quality": "draft", "seed": 3})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "name", "stored", "formats"),
    [
        (np.uint16, "a.png", ".png", [".tif"]),
        (np.float32, "a.exr", ".exr", [".exr", ".tif"]),
        (np.float16, "a.exr", ".exr", [".exr"]),
        (np.float64, "a.tif", ".tif", [".tif"]),
    ],
)
def test_values_of_results_are_kept(
    tmp_path: Path, dtype: type, name: str, stored: str, formats: list[str]
) -> None:
    pytest.importorskip("OpenImageIO")
    request = draft(deep(tmp_path, dtype, name))
    file, shown = run(request, tmp_path)
    assert file.suffix == stored
    assert [path.name for path in tmp_path.glob("result*")] == [file.name]
    assert shown.size == [SIDE, SIDE]
    values = read_deep(file).values
    assert values.dtype == dtype
    assert len(np.unique(values)) > 256
    for suffix in formats:
        saved(file, tmp_path / f"out{suffix}")
        assert np.array_equal(read_deep(tmp_path / f"out{suffix}").values, values)
        line = request.command_line(str(tmp_path / f"again{suffix}"), threads=torch.get_num_threads())
        done = call(*shlex.split(line)[1:], "--quiet")
        assert done.exit_code == 0, done.stderr
        assert np.array_equal(read_deep(tmp_path / f"again{suffix}").values, values)


def test_floats_are_shown_on_their_curve(tmp_path: Path) -> None:
    """One value of a million would leave nothing but black on a linear scale."""
    pytest.importorskip("OpenImageIO")
    path = deep(tmp_path, np.float32, "a.exr")
    found = read_deep(path)
    found.values[0, 0] = 1e6
    write_deep(found, path)
    _, shown = run(draft(path), tmp_path)
    assert np.frombuffer(shown.data, np.uint8).std() > 10
    assert np.frombuffer(read_picture(str(path)).data, np.uint8).std() > 10


def test_floats_in_other_formats(tmp_path: Path) -> None:
    pytest.importorskip("OpenImageIO")
    path = deep(tmp_path, np.float32, "a.exr")
    with pytest.raises(OutputError, match=r"PNG holds no floats of 32 bits; use \.tif or \.exr"):
        saved(path, tmp_path / "out.png")
    with pytest.raises(OutputError, match="holds no negative values"):
        saved(path, tmp_path / "out.hdr")
    found = read_deep(path)
    found.values[:] = abs(found.values)
    write_deep(found, path)
    saved(path, tmp_path / "out.hdr")
    error = np.abs(read_deep(tmp_path / "out.hdr").values - found.values)
    assert (error <= 0.01 * found.values.max(2, keepdims=True)).all(), "8 bits and a common exponent"


def test_sixteen_bits_as_jpeg_have_eight(tmp_path: Path) -> None:
    saved(deep(tmp_path, np.uint16, "a.png"), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as found:
        assert found.mode == "RGB"
