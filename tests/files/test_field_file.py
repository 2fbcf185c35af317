"""Fields in files: what is written comes back, in the layout that others read, and no file is trusted."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from texot.errors import InputError, OutputError
from texot.files import field as module
from texot.files.field import check_field_output, read_field, write_field
from texot.files.png import chunk

quick = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EXEMPLAR = (37, 1000)


def places(height: int = 23, width: int = 19, size: tuple[int, int] = EXEMPLAR, seed: int = 0) -> Tensor:
    """Random places, the corners of the exemplar among them."""
    generator = torch.Generator().manual_seed(seed)
    most = torch.tensor(size) - 1.0
    field = torch.rand(height, width, 2, generator=generator) * most
    field[0, 0], field[-1, -1] = 0, most
    return field


def one_line(source: Any) -> str:
    """What a file is refused with."""
    with pytest.raises(InputError) as info:
        read_field(source)
    assert "\n" not in str(info.value)
    return str(info.value)


def saved(path: Path, field: Any = None, size: tuple[int, int] = EXEMPLAR) -> Path:
    write_field(places() if field is None else field, size, path)
    return path


# ------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("size", [(37, 1000), (1, 1), (4096, 3), (100_000, 2)])
@pytest.mark.parametrize("shape", [(23, 19), (1, 1), (1, 300), (300, 1)])
def test_there_and_back(tmp_path: Path, size: tuple[int, int], shape: tuple[int, int]) -> None:
    field = places(*shape, size)
    exact = read_field(saved(tmp_path / "a.npz", field, size))
    assert exact.exemplar_size == size
    assert exact.field.dtype == torch.float32
    assert torch.equal(exact.field, field)
    picture = read_field(saved(tmp_path / "a.PNG", field, size))
    assert picture.exemplar_size == size
    error = (picture.field.double() - field.double()).abs()
    half = torch.tensor(size, dtype=torch.float64) / 65535 / 2
    assert bool((error <= half * (1 + 1e-6) + 1e-6 * torch.tensor(size)).all())
    for axis in (0, 1):
        assert (
            0
            <= float(picture.field[..., axis].min())
            <= float(picture.field[..., axis].max())
            <= size[axis] - 1
        )


def test_blocks_of_rows_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved(tmp_path / "whole.png")
    monkeypatch.setattr(module, "_ROWS", 40)
    parts = saved(tmp_path / "parts.png")
    assert torch.equal(read_field(whole).field, read_field(parts).field)


def test_the_same_field_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "a.png"):
        first = saved(tmp_path / name).read_bytes()
        assert saved(tmp_path / name, places().numpy().astype(np.float64)).read_bytes() == first


def test_from_bytes_and_file_objects(tmp_path: Path) -> None:
    for name in ("a.npz", "a.png"):
        path = saved(tmp_path / name)
        want = read_field(path).field
        assert torch.equal(read_field(path.read_bytes()).field, want)
        with path.open("rb") as stream:
            assert torch.equal(read_field(stream).field, want)
        other = path.rename(tmp_path / "renamed.dat")
        assert torch.equal(read_field(other).field, want)


def test_the_arrays_that_numpy_reads(tmp_path: Path) -> None:
    with np.load(saved(tmp_path / "a.npz"), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["exemplar_size", "field", "format"]
        assert arrays["field"].dtype == np.float32
        assert np.array_equal(arrays["field"], places().numpy())
        assert (arrays["exemplar_size"].tolist(), arrays["format"].tolist()) == ([37, 1000], 1)


def test_fields_that_numpy_writes(tmp_path: Path) -> None:
    """Of another program: not packed, of float64, columns first."""
    values = np.asfortranarray(places().numpy().astype(">f8"))
    np.savez(tmp_path / "a.npz", field=values, exemplar_size=np.array(EXEMPLAR, np.int32), format=1)
    assert torch.equal(read_field(tmp_path / "a.npz").field, places())


def test_the_picture_that_shaders_read(tmp_path: Path) -> None:
    """By a decoder written from the PNG specification."""
    data = saved(tmp_path / "a.png").read_bytes()
    at, packed, kinds = 8, b"", {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        packed += body if kind == b"IDAT" else b""
        kinds[kind] = body
        at += 12 + length
    assert struct.unpack(">2I5B", kinds[b"IHDR"]) == (19, 23, 16, 2, 0, 0, 0)
    keyword, _, text = kinds[b"tEXt"].partition(b"\0")
    assert keyword == b"texot-field"
    assert json.loads(text) == {"exemplar_size": [37, 1000], "format": 1}
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(23, 1 + 6 * 19)
    assert (rows[:, 0] == 2).all()
    values = np.ascontiguousarray(np.cumsum(rows[:, 1:], 0, dtype=np.uint8)).view(">u2").reshape(23, 19, 3)
    want = (places().double().numpy() + 0.5) / EXEMPLAR * 65535
    assert np.abs(values[..., :2] - want).max() <= 0.5
    assert not values[..., 2].any()
    assert np.asarray(Image.open(tmp_path / "a.png")).shape == (23, 19, 3)


@pytest.mark.parametrize("interlaced", [False, True])
def test_pictures_that_others_wrote_again(tmp_path: Path, interlaced: bool) -> None:
    """All five filters, and interlacing."""
    path = saved(tmp_path / "a.png", places(40, 30))
    values = decoded(path)
    image = filtered_png(values, interlaced=interlaced)
    assert torch.equal(read_field(image).field, read_field(path).field)


def decoded(path: Path) -> np.ndarray:
    found = read_field(path).field.double().numpy()
    levels = np.zeros((*found.shape[:2], 3), ">u2")
    levels[..., :2] = np.rint((found + 0.5) / EXEMPLAR * 65535)
    return levels


def filtered_png(values: np.ndarray, *, interlaced: bool) -> bytes:
    """A PNG whose rows take the five filters in turn."""
    height, width = values.shape[:2]
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b""
    for y, x, dy, dx in steps if interlaced else [(0, 0, 1, 1)]:
        part = np.ascontiguousarray(values[y::dy, x::dx])
        if not part.size:
            continue
        rows = part.view(np.uint8).reshape(len(part), -1).astype(int)
        before = np.zeros(rows.shape[1], int)
        for number, row in enumerate(rows):
            left = np.concatenate([np.zeros(6, int), row[:-6]])
            corner = np.concatenate([np.zeros(6, int), before[:-6]])
            near = left + before - corner
            far = [np.abs(near - other) for other in (left, before, corner)]
            paeth = np.where(
                (far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], before, corner)
            )
            guess = [0 * row, left, before, (left + before) // 2, paeth][number % 5]
            data += bytes([number % 5]) + ((row - guess) % 256).astype(np.uint8).tobytes()
            before = row
    text = json.dumps({"exemplar_size": EXEMPLAR, "format": 1}).encode()
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, int(interlaced))),
            chunk(b"IDAT", zlib.compress(data)),
            chunk(b"tEXt", b"texot-field\0" + text),
            chunk(b"IEND", b""),
        ]
    )


# --------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("field", "size", "message"),
    [
        (torch.zeros(3, 4), (5, 5), r"shape \(H, W, 2\), places x and y, got \(3, 4\)"),
        (torch.zeros(3, 4, 3), (5, 5), "shape"),
        (torch.zeros(0, 4, 2), (5, 5), "shape"),
        (torch.full((3, 4, 2), torch.nan), (5, 5), "x from 0 to 4 in an exemplar of 5x5 px, got nan to nan"),
        (np.full((3, 4, 2), np.inf), (5, 5), "got inf to inf"),
        (np.full((3, 4, 2), 1e300), (5, 5), "got inf to inf"),
        (torch.full((3, 4, 2), 4.5), (5, 9), "x from 0 to 4 .* got 4.5 to 4.5: give the size"),
        (torch.full((3, 4, 2), -1.0), (5, 9), "x from 0 to 4"),
        (torch.full((3, 4, 2), 6.0), (9, 5), "y from 0 to 4"),
        (np.zeros((3, 4, 2), bool), (5, 5), "numbers"),
        (np.zeros((3, 4, 2), complex), (5, 5), "numbers"),
        (torch.zeros((3, 4, 2), device="meta"), (5, 5), "numbers"),
        ([[[0, 0]]], (5, 5), "a tensor or array"),
        (torch.zeros(3, 4, 2), (5,), "a pair"),
        (torch.zeros(3, 4, 2), (5.0, 5), "a pair"),
        (torch.zeros(3, 4, 2), "55", "a pair"),
        (torch.zeros(3, 4, 2), None, "a pair"),
        (torch.zeros(3, 4, 2), (0, 5), "at least 1x1"),
        (torch.zeros(3, 4, 2), (2**31, 5), "at least 1x1"),
    ],
    ids=str,
)
def test_no_field(tmp_path: Path, field: Any, size: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as info:
        write_field(field, size, tmp_path / "a.npz")
    assert "\n" not in str(info.value)
    assert not list(tmp_path.iterdir())


def test_rounding_at_the_edge_is_forgiven(tmp_path: Path) -> None:
    field = torch.tensor([[[-1e-4, 4.0001], [4.0001, -1e-4]]])
    found = read_field(saved(tmp_path / "a.npz", field, (5, 5))).field
    assert found.tolist() == [[[0, 4], [4, 0]]]


def test_names_that_cannot_be_written(tmp_path: Path) -> None:
    for name, message in (
        ("a.jpg", "npz or .png, got the suffix '.jpg'"),
        ("a", "no suffix"),
        ("n/a.png", "folder"),
    ):
        for write in (check_field_output, lambda path: write_field(places(), EXEMPLAR, path)):
            with pytest.raises(OutputError, match=message) as info:
                write(tmp_path / name)
            assert "\n" not in str(info.value)
    assert not list(tmp_path.iterdir())


def npz(**arrays: Any) -> bytes:
    whole = {
        "field": np.zeros((2, 3, 2), np.float32),
        "exemplar_size": np.array([5, 5]),
        "format": np.array(1),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **{k: v for k, v in {**whole, **arrays}.items() if v is not None})
    return buffer.getvalue()


class Trap:
    """Unpickling it would be seen."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("unpickled").touch, ())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"field": None}, "its arrays are"),
        ({"more": np.zeros(3)}, "its arrays are"),
        ({"field": np.zeros((2, 3, 3), np.float32)}, r"field has shape \(2, 3, 3\)"),
        ({"field": np.zeros((0, 3, 2), np.float32)}, "field has shape"),
        ({"field": np.zeros((2, 3, 2), np.complex64)}, "field is of type"),
        ({"field": np.zeros((2, 3, 2), int)}, "field is of type"),
        ({"field": np.full((2, 3, 2), 9, np.float32)}, "x from 0 to 4"),
        ({"field": np.full((2, 3, 2), np.nan)}, "x from 0 to 4"),
        ({"field": np.array([Trap()] * 12).reshape(2, 3, 2)}, "field is of type"),
        ({"exemplar_size": np.array([5, 5.0])}, "exemplar_size is of type"),
        ({"exemplar_size": np.array([5, 5, 5])}, "exemplar_size has shape"),
        ({"exemplar_size": np.array([-5, 5])}, "at least 1x1"),
        ({"format": np.array([1])}, "format has shape"),
        ({"format": np.array(0)}, "its format is not a number"),
        ({"format": np.array(2)}, "format 2 of a later texot, this one reads 1: update texot"),
        ({"format": np.array(Trap(), object)}, "format is of type"),
    ],
)
def test_arrays_that_are_no_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("a.npz")
    path.write_bytes(npz(**arrays))
    line = one_line(path)
    assert "a.npz" in line
    with pytest.raises(InputError, match=message):
        read_field(path)
    assert not Path("unpickled").exists()


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in members.items():
            written.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


ONE = npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }\n", struct.pack("<q", 1))
SIZE = npy("{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }\n", struct.pack("<2q", 5, 5))


def header(shape: str) -> str:
    return f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a huge shape": lambda: archive(field=npy(header("(100000, 100000, 2)")), exemplar_size=SIZE, format=ONE),
    "an absurd shape": lambda: archive(
        field=npy(header(f"({'9' * 50}, 1, 2)")), exemplar_size=SIZE, format=ONE
    ),
    "a negative shape": lambda: archive(field=npy(header("(-3, -4, 2)")), exemplar_size=SIZE, format=ONE),
    "less than its shape": lambda: archive(
        field=npy(header("(9000, 9000, 2)")), exemplar_size=SIZE, format=ONE
    ),
    "more than its shape": lambda: archive(
        field=npy(header("(1, 1, 2)"), bytes(10**8)), exemplar_size=SIZE, format=ONE
    ),
    "a deep header": lambda: archive(field=npy("(" * 9000), exemplar_size=SIZE, format=ONE),
    "a long header": lambda: archive(
        field=b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 10**8, exemplar_size=SIZE, format=ONE
    ),
    "many members": lambda: archive(**{f"m{k}": b"" for k in range(20_000)}),
    "no zip": lambda: b"PK\x03\x04" + bytes(100),
    "only a zip's end": lambda: b"PK\x03\x04" + b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_take_no_memory(kind: str) -> None:
    data = HOSTILE[kind]()
    tracemalloc.start()
    try:
        one_line(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data) + 5_000_000


def test_a_checksum_is_compared(tmp_path: Path) -> None:
    data = bytearray(npz(field=np.full((40, 40, 2), 1.5, np.float32)))
    at = data.find(struct.pack("<f", 1.5), 300)
    data[at + 1] ^= 1
    assert "damaged" in one_line(bytes(data))


def test_no_bit_of_a_picture_changes_unseen(tmp_path: Path) -> None:
    """Of its places; other chunks may be left out, but for the exemplar's size."""
    data = saved(tmp_path / "a.png", places(6, 5)).read_bytes()
    want = read_field(data).field
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 4
        try:
            found = read_field(bytes(damaged))
        except InputError:
            continue
        assert torch.equal(found.field, want), at
        assert found.exemplar_size == EXEMPLAR


def png(text: bytes | None, mode: tuple[int, int] = (16, 2), size: tuple[int, int] = (2, 2)) -> bytes:
    rows = 2 * (b"\0" + bytes(16 if mode == (16, 6) else 12))
    head = struct.pack(">2I5B", *size, *mode, 0, 0, 0)
    about = b"" if text is None else chunk(b"tEXt", b"texot-field\0" + text)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            about,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


GOOD = b'{"exemplar_size": [5, 5], "format": 1}'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png(None), "without the text 'texot-field'"),
        (png(b"{"), "is damaged"),
        (png(b"[1]"), "it is not an object"),
        (png(b'{"exemplar_size": [5, 5]}'), "its format is not a number"),
        (png(b'{"exemplar_size": [5, 5], "format": true}'), "its format is not a number"),
        (png(b'{"exemplar_size": [5, 5], "format": 7}'), "a later texot"),
        (png(b'{"exemplar_size": [5], "format": 1}'), "a pair"),
        (png(b'{"exemplar_size": {"a": 1, "b": 2}, "format": 1}'), "a pair"),
        (png(b'{"exemplar_size": [5, 1e400], "format": 1}'), "out of range"),
        (png(b'{"exemplar_size": [5, 0], "format": 1}'), "at least 1x1"),
        (png(GOOD, (8, 2)), "16 bits a colour, got one of mode RGB"),
        (png(GOOD, (16, 0)), "16 bits a colour, got one of mode I;16"),
        (png(GOOD, (16, 6)), "16-bit RGB"),
        (png(GOOD, size=(9000, 9000)), "more than .* bytes can hold"),
        (png(GOOD)[:70], "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"no field at all", "expected a .npz or .png file"),
        (b"", "empty"),
    ],
    ids=str,
)
def test_pictures_that_are_no_field(data: bytes, message: str) -> None:
    assert torch.equal(read_field(png(GOOD)).field, torch.zeros(2, 2, 2))
    one_line(data)
    with pytest.raises(InputError, match=message):
        read_field(data)


def test_a_field_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [saved(tmp_path / "a.npz", places(100, 100)), saved(tmp_path / "a.png", places(100, 100))]
    monkeypatch.setattr(module, "memory_limit", lambda: 300_000)
    for path in paths:
        assert "a field of 100x100 pixels, more than fits in memory" in one_line(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file" in one_line(tmp_path / "none.npz")
    assert "directory" in one_line(tmp_path)


# ---------------------------------------------------------------------------------------------------- fuzzed


def seeds() -> dict[str, bytes]:
    field = np.arange(60, dtype=np.float32).reshape(5, 6, 2) % 5
    packed = io.BytesIO()
    np.savez_compressed(packed, field=field, exemplar_size=np.array([5, 5]), format=np.array(1))
    return {"npz": npz(field=field), "packed": packed.getvalue(), "png": png(GOOD)}


SEEDS = seeds()


@pytest.mark.slow
@settings(quick, max_examples=500)
@given(data=st.data(), kind=st.sampled_from(sorted(SEEDS)))
def test_mutated_files(data: st.DataObject, kind: str) -> None:
    """Bytes overwritten, cut out and put in, and the end cut off: a sound field, or one line."""
    content = bytearray(SEEDS[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    well_formed(bytes(content[:end]))


@quick
@given(start=st.sampled_from([b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b""]), rest=st.binary(max_size=300))
def test_random_bytes(start: bytes, rest: bytes) -> None:
    well_formed(start + rest)


@quick
@given(text=st.binary(max_size=60))
def test_any_text(text: bytes) -> None:
    well_formed(png(text))


def well_formed(data: bytes) -> None:
    found, message = None, "none"
    try:
        found = read_field(data)
    except InputError as error:
        message = str(error)
    assert message.strip()
    assert "\n" not in message
    if found is None:
        return
    assert found.field.dtype == torch.float32
    assert found.field.ndim == 3
    width, height = found.exemplar_size
    assert bool((found.field >= 0).all())
    assert float(found.field[..., 0].max()) <= width - 1
    assert float(found.field[..., 1].max()) <= height - 1
