"""The worker's stderr may be a pipe that nobody reads: a damaged file must not hold it up."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texot.desktop.protocol import Unpacker, pack


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
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=full) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(pack({"do": "open", "id": 1, "path": str(tmp_path / "damaged.tif")}))
        worker.stdin.flush()
        frames, out = Unpacker(), worker.stdout.fileno()
        while not {"opened", "error"} & events and select.select([out], [], [], 60)[0]:
            events |= {header["event"] for header, _ in frames.feed(os.read(out, 1 << 16))}
        worker.kill()
    os.close(unread)
    os.close(full)
    assert {"opened", "error"} & events
