"""Files of pictures: what is written is read, and what is no such file is refused in one line."""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
if not (ROOT / "examples" / "digits.py").exists():
    pytest.skip("needs a checkout", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from examples.datasets import read_digits, read_mnist  # noqa: E402
from texot import InputError  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (50, 9, 9), np.uint8)


def idx(pictures: np.ndarray = PICTURES, magic: int = 0x803) -> bytes:
    return struct.pack(">4I", magic, *pictures.shape) + pictures.tobytes()


def test_scikit_learn_gives_two_halves() -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install '.[test]'")
    digits = read_digits()
    assert digits.train.shape == digits.held_out.shape == (898, 64)
    assert digits.side == 8
    for half in (digits.train, digits.held_out):
        assert float(half.min()) == 0
        assert float(half.max()) == 1
    assert float(torch.cdist(digits.train, digits.held_out).min()) > 0.1  # no digit is in both
    again, other = read_digits(most=30), read_digits(most=30, seed=1)
    assert torch.equal(again.train, digits.train[:30])
    assert again.name.startswith("30 + 30 of 1797")
    assert not torch.equal(again.train, other.train)


@pytest.mark.parametrize("kind", ["idx", "idx.gz", "npz", "npz, compressed", "npz of one"])
def test_files_that_users_have(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if kind.startswith("idx"):
        path.write_bytes(gzip.compress(idx()) if kind.endswith("gz") else idx())
    else:
        with path.open("wb") as file:
            labels = np.zeros(50, np.uint8)
            if kind == "npz of one":
                np.savez(file, pictures=PICTURES, labels=labels)
            else:
                save = np.savez_compressed if "compressed" in kind else np.savez
                save(file, x_test=PICTURES[:2], x_train=PICTURES, y_train=labels)
    found = read_mnist(path)
    assert torch.equal(found, torch.from_numpy(PICTURES).float() / 255)
    digits = read_digits(path, most=20)
    assert digits.train.shape == (20, 81)
    assert digits.side == 9


def damaged(kind: str) -> bytes:
    whole = idx()
    packed = gzip.compress(whole)
    return {
        "nothing": b"",
        "text": b"not a file of pictures at all",
        "a header": whole[:10],
        "cut": whole[:-1],
        "longer": whole + b"\0",
        "labels": idx(magic=0x801),
        "oblong": idx(PICTURES[:, :8]),
        "few": idx(PICTURES[:5]),
        "huge": struct.pack(">4I", 0x803, 2**32 - 1, 128, 128),
        "large": struct.pack(">4I", 0x803, 60_000, 5000, 5000),
        "cut gzip": packed[:-40],
        "broken gzip": packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:],  # its checksum
        "broken zip": b"PK\x03\x04 and no more",
    }[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nothing", "neither"),
        ("text", "neither"),
        ("a header", "neither"),
        ("cut", "expected 4050 bytes of pixels after its header, got 4049"),
        ("longer", "got more"),
        ("labels", "holds labels"),
        ("oblong", "square"),
        ("few", "40 pictures or more"),
        ("huge", "at most 1 GiB"),
        ("large", "square pictures of 4 to 128 px"),
        ("cut gzip", "cannot be read"),
        ("broken gzip", "cannot be read"),
        ("broken zip", "cannot be read"),
    ],
)
def test_files_that_are_none(kind: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(damaged(kind))
    with pytest.raises(InputError, match=message) as caught:
        read_mnist(path)
    assert "\n" not in str(caught.value)
    assert "file.gz" in str(caught.value)


class Bomb:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "file.npz"
    np.savez(path, x_train=np.array([Bomb(trace)], dtype=object))
    with pytest.raises(InputError, match="expected x_train"):
        read_mnist(path)
    assert not trace.exists()
    np.load(path, allow_pickle=True)["x_train"]  # the trap works
    assert trace.exists()


@pytest.mark.parametrize("name", ["pictures", "other"])
def test_npz_without_pictures(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    arrays = {name: PICTURES.astype(float)} if name == "other" else {"a": PICTURES, "b": PICTURES}
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="expected x_train, or one array"):
        read_mnist(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_mnist(tmp_path / "missing")
    with pytest.raises(InputError, match="cannot be read"):
        read_mnist(tmp_path)
