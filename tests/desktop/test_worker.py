"""The worker with a stderr that has no reader, and with large pictures."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from texot.desktop import worker_files
from texot.desktop.protocol import Unpacker, pack
from texot.files.write import to_pil


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="pipes that do not wait")
def test_libraries_do_not_wait_for_a_reader_of_stderr(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (256, 256)).astype(np.bool_)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "TIFF", compression="group4")
    data = bytearray(whole.getvalue())
    for place in range(300, len(data) - 400, 37):
        data[place] ^= 0x55  # libtiff writes a line for nearly every row
    (tmp_path / "damaged.tif").write_bytes(data)
    unread, full = os.pipe()
    os.set_blocking(full, False)
    os.write(full, bytes(1 << 20))
    os.set_blocking(full, True)
    line = [sys.executable, "-m", "texot.desktop.worker"]
    events: set[str] = set()
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=full) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(pack({"do": "open", "id": 1, "path": str(tmp_path / "damaged.tif")}))
        child.stdin.flush()
        frames, out = Unpacker(), child.stdout.fileno()
        while not {"opened", "error"} & events and select.select([out], [], [], 60)[0]:
            events |= {header["event"] for header, _ in frames.feed(os.read(out, 1 << 16))}
        child.kill()
    os.close(unread)
    os.close(full)
    assert {"opened", "error"} & events


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_pictures_in_pieces_are_the_same(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(channels, 23, 9, generator=torch.Generator().manual_seed(0))
    whole = to_pil(image if channels <= 4 else image[:3])
    whole = whole.convert("RGBA") if channels == 2 else whole
    largest = [0]

    def spy(some: torch.Tensor) -> Image.Image:
        largest[0] = max(largest[0], some.shape[1])
        return to_pil(some)

    monkeypatch.setattr("texot.desktop.worker_files.to_pil", spy)
    monkeypatch.setattr(worker_files, "_ROWS", 5)
    assert worker_files.to_pixels(image) == (whole.tobytes(), [9, 23], len(whole.getbands()))
    assert largest == [5]
