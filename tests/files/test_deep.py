"""Images of more than 8 bits a channel: every value there and back, what stands around them, and damage."""

from __future__ import annotations

import io
import logging
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from texot.errors import InputError, OutputError, TexotError
from texot.files import deep_image, openimageio
from texot.files.deep import check_deep_output, deep_kind, encode_deep, read_deep, write_deep
from texot.files.deep_image import DeepImage
from texot.files.exemplar import read_exemplar

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NAMES = {
    1: ("Y",),
    2: ("Y", "A"),
    3: ("R", "G", "B"),
    4: ("R", "G", "B", "A"),
    5: ("R", "G", "B", "A", "mask"),
}
TYPES = {
    "u2": "uint16",
    "i2": "int16",
    "u4": "uint",
    "i4": "int",
    "f2": "half",
    "f4": "float",
    "f8": "double",
}


def picture(dtype: str, channels: int = 3, size: tuple[int, int] = (19, 13), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0], channels)
    if dtype[0] == "f":
        return (rng.normal(size=shape) * 100).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def deep(values: np.ndarray, kind: str, **about: Any) -> DeepImage:
    names = NAMES[values.shape[2]]
    alpha = names.index("A") if "A" in names else None
    return DeepImage(values, kind, names, **{"alpha": alpha, "premultiplied": kind == "OpenEXR", **about})


def saved(path: Path, values: np.ndarray, window: tuple[int, ...] = (), **about: Any) -> Path:
    """A file that OpenImageIO writes by itself."""
    output = oiio.ImageOutput.create(str(path))
    spec = oiio.ImageSpec(values.shape[1], values.shape[0], values.shape[2], TYPES[values.dtype.str[1:]])
    spec.channelnames = about.pop("names", NAMES[values.shape[2]])
    if formats := about.pop("formats", None):
        spec.channelformats = [oiio.TypeDesc(name) for name in formats]
    if about.pop("tiled", False):
        spec.tile_width = spec.tile_height = 16
    if window:
        spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = window
    for name, value in about.items():
        spec.attribute(name.replace("__", ":"), value)
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(values)
    assert output.close()
    return path


def read_by_oiio(path: Path) -> tuple[np.ndarray, Any]:
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    reader = oiio.ImageInput.open(str(path), config)
    assert reader, oiio.geterror()
    return np.asarray(reader.read_image(reader.spec().format)), reader.spec()


def equal(a: np.ndarray, b: np.ndarray) -> None:
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()  # NaN too


def one_line(source: Any, kind: type[TexotError] = InputError) -> str:
    with pytest.raises(kind) as info:
        read_deep(source)
    assert "\n" not in str(info.value)
    return str(info.value)


# ------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (suffix, dtype)
        for suffix, types in {"png": ["u2"], "tif": TYPES, "tiff": ["u2"], "exr": ["u4", "f2", "f4"]}.items()
        for dtype in types
        if (suffix, dtype) != ("tif", "f2")
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_every_value_there_and_back(tmp_path: Path, suffix: str, dtype: str, channels: int) -> None:
    if (suffix, channels) in (("png", 1), ("png", 5), ("tif", 1)) and dtype == "u2":
        return  # 16-bit grey is read elsewhere, below
    values = picture(dtype, channels)
    if dtype[0] == "f":
        values[0, :3, 0] = np.nan, np.inf, -np.inf
    image = deep(values, deep_image.SUFFIXES[f".{suffix}"])
    write_deep(image, tmp_path / f"a.{suffix}")
    with (tmp_path / f"a.{suffix}").open("rb") as stream:
        assert deep_kind(stream) == image.kind or (channels, dtype) == (1, "u2")
    if (channels, dtype) == (1, "u2"):
        return
    found = read_deep(tmp_path / f"a.{suffix}")
    equal(found.values, values)
    assert (found.kind, found.alpha, found.size) == (image.kind, image.alpha, (19, 13))
    if found.alpha is not None:
        assert found.premultiplied == image.premultiplied
    equal(read_by_oiio(tmp_path / f"a.{suffix}")[0], values)
    again = encode_deep(replace(found, exif=None), found.kind)  # a TIFF names its program
    assert again == (tmp_path / f"a.{suffix}").read_bytes()


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_png_that_another_program_wrote(tmp_path: Path, channels: int) -> None:
    """libpng chooses filters by itself."""
    smooth = np.add.outer(np.arange(90) * 300, np.arange(70) * 200)[..., None] + np.arange(channels) * 999
    for name, values in {"noise": picture("u2", channels), "smooth": smooth.astype("u2")}.items():
        path = saved(tmp_path / f"{name}.png", values, oiio__UnassociatedAlpha=1)
        equal(read_deep(path).values, values)
        equal(read_deep(path.read_bytes()).values, values)


def test_grey_of_16_bits_is_written_for_the_ordinary_reader(tmp_path: Path) -> None:
    values = picture("u2", 1)
    for suffix in ("png", "tif"):
        write_deep(deep(values, "TIFF"), tmp_path / f"a.{suffix}")
        found = read_exemplar(tmp_path / f"a.{suffix}")
        assert found.mode == "I;16"
        assert np.array_equal((found.pixels[0].numpy() * 65535).round(), values[..., 0])


@pytest.mark.parametrize(
    "options", [{"compression": name} for name in ("none", "lzw", "zip")] + [{"tiled": True}]
)
def test_tiffs_of_others(tmp_path: Path, options: dict[str, Any]) -> None:
    values = picture("f4", 4, (40, 33))
    equal(read_deep(saved(tmp_path / "a.tif", values, **options)).values, values)


@pytest.mark.parametrize("compression", ["none", "rle", "zip", "zips", "piz"])
def test_compressions_of_openexr_are_kept(tmp_path: Path, compression: str) -> None:
    values = picture("f2", 4, (40, 33))
    found = read_deep(saved(tmp_path / "a.exr", values, compression=compression))
    equal(found.values, values)
    write_deep(found, tmp_path / "b.exr")
    assert read_by_oiio(tmp_path / "b.exr")[1].getattribute("compression") == compression


def test_compressions_that_lose_are_not(tmp_path: Path) -> None:
    found = read_deep(saved(tmp_path / "a.exr", picture("f2", 3, (40, 33)), compression="dwaa"))
    write_deep(found, tmp_path / "b.exr")
    equal(read_deep(tmp_path / "b.exr").values, found.values)


def test_channels_of_two_types(tmp_path: Path) -> None:
    values = picture("f4", 4)
    values[..., :3] = values[..., :3].astype("f2")
    formats = ("half", "half", "half", "float")
    path = saved(tmp_path / "a.exr", values, names=("R", "G", "B", "Z"), formats=formats)
    found = read_deep(path)
    equal(found.values, values)
    write_deep(found, tmp_path / "b.exr")
    assert tuple(map(str, read_by_oiio(tmp_path / "b.exr")[1].channelformats)) == formats
    equal(read_deep(tmp_path / "b.exr").values, values)


def test_the_display_window(tmp_path: Path) -> None:
    """Pixels outside are cut off, those that are missing are 0."""
    values = picture("f4")
    inside = read_deep(saved(tmp_path / "a.exr", values, window=(3, 2, 0, 0, 30, 20))).values
    assert inside.shape == (20, 30, 3)
    equal(np.ascontiguousarray(inside[2:15, 3:22]), values)
    assert np.count_nonzero(inside) == np.count_nonzero(values)
    cut = read_deep(saved(tmp_path / "b.exr", values, window=(-3, -2, 0, 0, 10, 20))).values
    equal(np.ascontiguousarray(cut[:11]), np.ascontiguousarray(values[2:, 3:13]))
    assert not cut[11:].any()
    away = read_deep(saved(tmp_path / "c.exr", values, window=(100, 100, 0, 0, 10, 20))).values
    assert away.shape == (20, 10, 3)
    assert not away.any()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, orientation: int) -> None:
    """As Pillow turns pictures of 8 bits."""
    values = picture("u2") & 0xFF00
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight = Image.fromarray((values >> 8).astype("u1"))
    eight.save(tmp_path / "a.png", exif=exif)
    want = (read_exemplar(tmp_path / "a.png").pixels.permute(1, 2, 0).numpy() * 255).round()
    saved(tmp_path / "b.tif", values, Orientation=orientation)
    for found in (read_deep(tmp_path / "b.tif"), read_deep(with_exif(values, exif))):
        assert np.array_equal(found.values >> 8, want)


def with_exif(values: np.ndarray, exif: Image.Exif) -> bytes:
    from texot.files.png import chunk

    data = encode_deep(deep(values, "PNG"))
    return data[:33] + chunk(b"eXIf", exif.tobytes()[6:]) + data[33:]


def test_profile_and_resolution_go_along(tmp_path: Path) -> None:
    image = deep(picture("u2"), "PNG", icc_profile=ICC, dpi=(300.0, 150.0))
    write_deep(image, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture_:
        assert picture_.info["icc_profile"] == ICC
        assert picture_.info["dpi"] == pytest.approx((300, 150), abs=0.1)
    write_deep(read_deep(tmp_path / "a.png"), tmp_path / "a.tif")
    found = read_deep(tmp_path / "a.tif")
    assert found.icc_profile == ICC
    assert found.dpi == pytest.approx((300, 150), abs=0.1)
    equal(found.values, image.values)


def test_chromaticities_go_along(tmp_path: Path) -> None:
    places = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
    write_deep(deep(picture("f2"), "OpenEXR", chromaticities=places), tmp_path / "a.exr")
    assert read_deep(tmp_path / "a.exr").chromaticities == pytest.approx(places)


def test_premultiplied_alpha_stays_so(tmp_path: Path) -> None:
    for flag in (False, True):
        image = deep(picture("u2", 4), "TIFF", premultiplied=flag)
        write_deep(image, tmp_path / "a.tif")
        found = read_deep(tmp_path / "a.tif")
        assert found.premultiplied is flag
        equal(found.values, image.values)


def test_several_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pages = [picture("f4", 3, seed=seed) for seed in (0, 1)]
    output = oiio.ImageOutput.create("a.tif")
    specs = [oiio.ImageSpec(19, 13, 3, "float") for _ in pages]
    path = str(tmp_path / "a.tif")
    assert output.open(path, specs[0])
    output.write_image(pages[0])
    assert output.open(path, specs[1], "AppendSubimage")
    output.write_image(pages[1])
    output.close()
    with caplog.at_level(logging.INFO, "texot"):
        equal(read_deep(path).values, pages[0])
    assert "several images: the first is used" in caplog.text


@pytest.mark.parametrize("name", ["a?x=1.exr", "#1.exr", "ä ö.exr", "a.jpg", "none", "-rf.exr"])
def test_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    values = picture("f4")
    Path(name).write_bytes(saved(tmp_path / "whole.exr", values).read_bytes())
    equal(read_deep(name).values, values)
    equal(read_deep(io.BytesIO(Path(name).read_bytes())).values, values)
    if name.endswith(".exr"):
        write_deep(deep(values, "OpenEXR"), name)
        equal(read_deep(name).values, values)


# --------------------------------------------------------------------------------------------- which is which


def test_ordinary_files_are_not_deep(tmp_path: Path) -> None:
    rgb = Image.fromarray(np.zeros((4, 5, 3), np.uint8))
    grey = Image.fromarray(np.zeros((4, 5), np.uint16))
    for name, image in {
        "a.png": rgb, "b.png": grey, "c.tif": rgb, "d.tif": grey, "e.tif": rgb.convert("1"), "f.jpg": rgb,
        "g.tif": rgb.convert("P"), "h.tif": rgb.convert("RGBA"), "i.webp": rgb, "j.png": rgb.convert("LA"),
    }.items():  # fmt: skip
        image.save(tmp_path / name)
        with (tmp_path / name).open("rb") as stream:
            assert deep_kind(stream) is None, name
            assert stream.tell() == 0
        assert "not a PNG or TIFF of more than 8 bits" in one_line(tmp_path / name)


def test_a_large_tiff_of_pillow(tmp_path: Path) -> None:
    values = picture("f4", 1)
    Image.fromarray(values[..., 0]).save(tmp_path / "a.tif", big_tiff=True)
    equal(read_deep(tmp_path / "a.tif").values, values)


# --------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("image", "name", "message"),
    [
        (deep(picture("f4"), "TIFF"), "a.png", "PNG holds no floats of 32 bits; use .tif or .exr"),
        (deep(picture("u4"), "TIFF"), "a.png", "PNG holds no whole numbers of 32 bits; use .tif or .exr"),
        (deep(picture("u2"), "PNG"), "a.exr", "OpenEXR holds no whole numbers of 16 bits; use .png or .tif"),
        (deep(picture("f8"), "TIFF"), "a.exr", "OpenEXR holds no floats of 64 bits; use .tif"),
        (deep(picture("u2", 5), "TIFF"), "a.png", "not 5 channels; use .tif"),
        (deep(picture("u2", 3), "TIFF", alpha=1), "a.png", "not 3 channels; use .tif"),
        (deep(picture("u2", 4), "TIFF", premultiplied=True), "a.png", "is multiplied into the colours"),
        (deep(picture("f4", 4), "TIFF"), "a.exr", "is not multiplied into the colours"),
        (deep(picture("u2"), "PNG"), "a.jpg", "16 bits a channel is written to a file ending in .png, .tif"),
        (deep(picture("u2"), "PNG"), "a", "no suffix"),
        (deep(picture("u2"), "PNG"), "none/a.png", "no such folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_format_does_not_hold(tmp_path: Path, image: DeepImage, name: str, message: str) -> None:
    for write in (check_deep_output, lambda path, image: write_deep(image, path)):
        with pytest.raises(OutputError, match=message) as info:
            write(tmp_path / name, image)
        assert "\n" not in str(info.value)
    assert not list(tmp_path.iterdir())


def test_halves_become_floats_in_tiff(tmp_path: Path) -> None:
    values = picture("f2")
    write_deep(deep(values, "OpenEXR"), tmp_path / "a.tif")
    equal(read_deep(tmp_path / "a.tif").values, values.astype("f4"))


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PNG does without."""
    paths = [saved(tmp_path / name, picture("f4")) for name in ("a.exr", "a.tif")]
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    for path in paths:
        line = one_line(path, TexotError)
        assert (
            line
            == f"{str(path)!r} takes OpenImageIO, but openimageio is not installed: pip install 'texot[deep]'"
        )
    with pytest.raises(TexotError, match="pip install"):
        write_deep(deep(picture("f4"), "TIFF"), tmp_path / "b.tif")
    write_deep(deep(picture("u2"), "PNG"), tmp_path / "b.png")
    equal(read_deep(tmp_path / "b.png").values, picture("u2"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.exr", "a.tif", "b.png"]


@pytest.mark.parametrize("suffix", ["png", "tif", "exr"])
def test_larger_than_memory_or_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = saved(tmp_path / f"a.{suffix}", picture("f4" if suffix == "exr" else "u2"))
    monkeypatch.setattr(deep_image, "memory_limit", lambda: 1000)
    assert "of memory" in one_line(path)
    monkeypatch.setattr(deep_image, "MAX_PIXELS_IN", 100)
    assert "over the limit" in one_line(path)


def test_headers_that_its_binding_cannot_bear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As C++'s std::string does of a missing text in a forged OpenEXR."""

    def throw(*_: object) -> None:
        raise RuntimeError("basic_string: construction from null is not valid")

    path = saved(tmp_path / "a.exr", picture("f4"))
    monkeypatch.setattr(openimageio, "_deep_image", throw)
    assert "is damaged (basic_string" in one_line(path)


def test_other_kinds_of_tiff(tmp_path: Path) -> None:
    """CMYK, which OpenImageIO would turn to RGB by a formula."""
    data = saved(tmp_path / "a.tif", picture("u2", 4)).read_bytes()
    photometric = struct.pack("<HHI", 262, 3, 1)
    at = data.index(photometric + b"\x02") + len(photometric)
    assert "neither grey nor RGB (photometric interpretation 5)" in one_line(
        data[:at] + b"\x05" + data[at + 1 :]
    )


def test_nothing_global_is_touched(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.exr", picture("f4"))
    for value in (0, 1):
        oiio.attribute("try_all_readers", value)
        read_deep(path)
        one_line(path.read_bytes()[:200])
        assert oiio.get_int_attribute("try_all_readers") == value


# ---------------------------------------------------------------------------------------------------- fuzzed


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    files = {
        "a.png": saved(folder / "a.png", picture("u2")),
        "b.png": saved(folder / "b.png", picture("u2", 4)),
        "a.tif": saved(folder / "a.tif", picture("u2"), compression="lzw"),
        "b.tif": saved(folder / "b.tif", picture("f4", 4), tiled=True),
        "a.exr": saved(folder / "a.exr", picture("f4", 4), compression="zip"),
        "b.exr": saved(folder / "b.exr", picture("f2"), compression="piz"),
    }
    return {name: path.read_bytes() for name, path in files.items()}


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_mutated_files(seeds: dict[str, bytes], data: st.DataObject) -> None:
    """An image of its size, or one line, and nothing on standard error."""
    content = bytearray(seeds[data.draw(st.sampled_from(sorted(seeds)))])
    place = st.one_of(
        st.integers(0, 300),
        st.integers(0, len(content) - 1),
        st.integers(len(content) - 300, len(content) - 1),
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = min(data.draw(place), len(content) - 1)
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    message, found = "none", None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deep_image, "MAX_PIXELS_IN", 1_000_000)
        try:
            found = read_deep(bytes(content[:end]))
        except InputError as error:
            message = str(error)
    assert message.strip()
    assert "\n" not in message
    if found is not None:
        assert found.values.ndim == 3
        assert found.values.shape[2] == len(found.names)
