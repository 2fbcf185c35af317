"""Model files: the same bytes, all facts kept, and nothing but one clear error from any other bytes."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from texot.errors import InputError, TexotError, printable
from texot.generator.checkpoint import load_checkpoint
from texot.generator.model_file import FORMAT, Model, load_model, save_model, unpack
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator

SMALL = Architecture(1, widths=(3, 4), fresh=(1, 2), inner=1, blocks=(1, 1))


def network() -> TextureNetwork:
    return TextureNetwork(SMALL, torch.Generator().manual_seed(1)).requires_grad_(False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "m.safetensors"
    save_model(Model(network(), {"mode": "L", "exemplar_size": [9, 7]}, "CC0", b"profile"), path)
    return path


def test_round_trip(path: Path, tmp_path: Path) -> None:
    loaded = load_model(path)
    assert (loaded.facts, loaded.license, loaded.icc_profile) == (
        {"mode": "L", "exemplar_size": [9, 7]},
        "CC0",
        b"profile",
    )
    save_model(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    generator = Generator.load(path)
    assert generator.sample().image.shape == (1, 7, 9)
    own, other = (net.sample(1, (0, 0), (8, 8)) for net in (generator.network, network()))
    torch.testing.assert_close(own, other, atol=1e-5, rtol=0)
    assert not any(parameter.requires_grad for parameter in generator.network.parameters())


def changed(path: Path, **about: Any) -> bytes:
    tensors, facts = unpack(path.read_bytes(), "m")
    return save(tensors, {"texot": json.dumps({**facts, **about})})


@pytest.mark.parametrize(
    ("about", "word"),
    [
        ({"version": 6}, "update texot"),
        ({"version": 3}, "not that of 1"),
        ({"version": 2}, "not that of 1"),
        ({"version": "1"}, "version"),
        ({"format": "other"}, "format"),
        ({"architecture": None}, "architecture"),
        ({"facts": {"mode": "RGB"}}, "mode"),
        ({"facts": []}, "facts"),
        ({"license": 3}, "licence"),
        ({"icc_profile": "?"}, "texot train"),
        *[
            ({"architecture": {**SMALL.__dict__, key: value}}, word)
            for key, value, word in (
                ("widths", [3, 10**9], "widths"),
                ("widths", [3], "scales"),
                ("widths", [4, 4], "is ("),
                ("widths", 5, "widths"),
                ("blocks", [1, 0], "blocks"),
                ("inner", 1.5, "inner"),
                ("inner", True, "inner"),
                ("colours", 2, ""),
                ("more", 1, "architecture"),
                ("published", 1, "network"),
                ("published", True, "tensors"),
            )
        ],
    ],
)
def test_metadata_that_does_not_fit(path: Path, tmp_path: Path, about: dict[str, Any], word: str) -> None:
    (tmp_path / "x.safetensors").write_bytes(changed(path, **about))
    with pytest.raises(InputError, match=r"x\.safetensors") as error:
        load_model(tmp_path / "x.safetensors")
    assert word in str(error.value)


def test_tensors_that_do_not_fit(path: Path, tmp_path: Path) -> None:
    tensors, about = unpack(path.read_bytes(), "m")
    text = {"texot": json.dumps(about)}
    name = "colours.0.weight"
    wrong = [
        {k: v for k, v in tensors.items() if k != name},
        {**tensors, "extra": torch.zeros(1)},
        {**tensors, name: tensors[name].double()},
        {**tensors, name: tensors[name][:, :1].contiguous()},
        {**tensors, name: torch.full_like(tensors[name], float("nan"))},
    ]
    for number, bad in enumerate(wrong):
        file = tmp_path / f"{number}.safetensors"
        file.write_bytes(save(bad, text))
        with pytest.raises(InputError, match="no model of texot"):
            load_model(file)
    (tmp_path / "plain.safetensors").write_bytes(save(tensors))
    with pytest.raises(InputError, match="holds no texot model"):
        load_model(tmp_path / "plain.safetensors")


def peak() -> int:
    """The most memory that this process has had, in kB; 0 on Windows."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("kind", [{"textures": 16}, {"published": True}, {"maps": True}])
def test_a_small_file_makes_no_large_network(tmp_path: Path, kind: dict[str, Any]) -> None:
    """A thousand bytes describe a hundred gigabytes: names and shapes are compared before any is made."""
    described: dict[str, Any] = {"colours": 32, "inner": 64, "published": False, **kind}
    for name, value in (("widths", 1024), ("fresh", 64), ("blocks", 8)):
        described[name] = [value] * 12
    version = 3 if "maps" in kind else 2 if "textures" in kind else 1
    about = {"format": FORMAT, "version": version, "architecture": described, "facts": {"mode": "multi"}}
    (tmp_path / "m").write_bytes(save({}, {"texot": json.dumps(about)}))
    assert (tmp_path / "m").stat().st_size < 1000
    before, begun = peak(), time.perf_counter()
    with pytest.raises(InputError, match="its tensors are not those of its architecture"):
        load_model(tmp_path / "m")
    assert time.perf_counter() - begun < 3
    assert peak() - before < 60_000


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    torch.save({"weights": Trap()}, tmp_path / "m.safetensors")
    for load in (load_model, load_checkpoint):
        with pytest.raises(InputError, match="safetensors"):
            load(tmp_path / "m.safetensors")
    assert not (tmp_path / "sprung").exists()


def check(error: TexotError) -> None:
    assert "fuzzed.safetensors" in str(error)
    assert "\n" not in str(error)


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.data())
def test_damaged_bytes_are_one_error(path: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Bytes flipped, cut, repeated or put in, anywhere, mostly in the header: a model, or an InputError."""
    good = path.read_bytes()
    header = int.from_bytes(good[:8], "little") + 8
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, header if data.draw(st.booleans()) else len(raw) - 1)) % len(raw)
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "remove", "repeat"]))
        if kind == "flip":
            raw[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del raw[place:]
        elif kind == "insert":
            raw[place:place] = data.draw(st.binary(min_size=1, max_size=9))
        elif kind == "remove":
            del raw[place : place + data.draw(st.integers(1, 50))]
        else:
            raw[place:place] = raw[place : place + 40]
        if not raw:
            break
    file = tmp_path / "fuzzed.safetensors"
    file.write_bytes(raw)
    for load in (Generator.load, load_checkpoint):
        try:
            found = load(file)
        except TexotError as error:
            check(error)
        else:  # a weight or fact was changed into another that is possible
            assert isinstance(found, Generator)
            found.sample((4, 4))


@FUZZ
@given(raw=st.binary(max_size=300), length=st.integers(0, 2**64 - 1))
def test_any_bytes_are_one_error(tmp_path: Path, raw: bytes, length: int) -> None:
    file = tmp_path / "fuzzed.safetensors"
    for data in (raw, length.to_bytes(8, "little") + raw, len(raw).to_bytes(8, "little") + raw):
        file.write_bytes(data)
        with pytest.raises(InputError, match="fuzzed"):
            load_model(file)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.slow
@FUZZ
@given(data=st.data())
def test_hostile_metadata_is_one_error(path: Path, tmp_path: Path, data: st.DataObject) -> None:
    tensors, about = unpack(path.read_bytes(), "m")
    key = data.draw(st.sampled_from(["format", "version", "architecture", "facts", "license", "icc_profile"]))
    if key == "architecture" and data.draw(st.booleans()):
        part = data.draw(st.sampled_from(sorted(about[key])))
        about[key] = {**about[key], part: data.draw(json_values)}
    else:
        about[key] = data.draw(json_values)
    file = tmp_path / "fuzzed.safetensors"
    file.write_bytes(save(tensors, {"texot": json.dumps(about)}))
    try:
        Generator.load(file).sample((4, 4))
    except InputError as error:
        check(error)


def test_missing_or_unreadable(tmp_path: Path) -> None:
    for name, word in (("no", "no such file"), ("", "directory"), ("a\0b", "not a file name")):
        with pytest.raises(InputError, match=word):
            load_model(f"{tmp_path}/{name}")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """It may never end; opening it would wait for somebody to write."""
    os.mkfifo(tmp_path / "pipe")
    for load in (load_model, load_checkpoint):
        with pytest.raises(InputError, match="is a pipe or device"):
            load(tmp_path / "pipe")


FORGED: list[tuple[str, Any]] = [
    ("seed", 10**400),
    ("seed", -1),
    ("seed", True),
    ("threads", 10**9),
    ("loss", float("inf")),
    ("loss", float("nan")),
    ("exemplar_size", [10**12, 4]),
    ("exemplar_size", [4, 4, 4]),
    ("exemplar_sha256", "\x1b]0;title\x07"),
    ("texot", "\ud800"),
    ("anything", "\x9b31m"),
    ("\x1b[2J", 1),
    ("anything", "x" * 20_000),
    ("anything", [[[[[[1]]]]]]),
    ("anything", list(range(20_000))),
]


@pytest.mark.parametrize("fact", FORGED, ids=lambda fact: f"{fact[0]!r:.20} {fact[1]!r:.20}")
def test_forged_facts_are_refused(path: Path, tmp_path: Path, fact: tuple[str, Any]) -> None:
    tensors, about = unpack(path.read_bytes(), "m")
    about["facts"][fact[0]] = fact[1]
    (tmp_path / "m").write_bytes(save(tensors, {"texot": json.dumps(about)}))
    with pytest.raises(InputError) as error:
        load_model(tmp_path / "m")
    assert printable(str(error.value)) == str(error.value)
    assert len(str(error.value)) < 600


def test_a_licence_may_have_lines_and_no_escape_sequences(path: Path, tmp_path: Path) -> None:
    tensors, about = unpack(path.read_bytes(), "m")
    for license_, good in (
        ("CC0\u00a0\u2013 M\u00fcller\n\tline", True),
        ("\x1b[31mred", False),
        ("\ud800", False),
    ):
        about["license"] = license_
        (tmp_path / "m").write_bytes(save(tensors, {"texot": json.dumps(about)}))
        if good:
            assert load_model(tmp_path / "m").license == license_
        else:
            with pytest.raises(InputError, match="licence"):
                load_model(tmp_path / "m")


def test_a_checkpoint_tells_of_all_its_steps(tmp_path: Path) -> None:
    from texot.generator.checkpoint import save_checkpoint
    from texot.generator.trainer import Trainer

    trainer = Trainer(torch.rand(1, 24, 24), steps=3, n_scales=1, features="none")
    for _ in trainer:
        pass
    whole = trainer.checkpoint()
    short = replace(whole, progress=replace(whole.progress, losses=whole.progress.losses[:-1]))
    save_checkpoint(short, tmp_path / "c")
    with pytest.raises(InputError, match="no checkpoint"):
        load_checkpoint(tmp_path / "c")
