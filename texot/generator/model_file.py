"""Model files of generators: safetensors, with facts as one JSON text. No content of a file is executed.

Tensors are named as the network's parameters and buffers. Names of auxiliary tensors start with `AUXILIARY`.
The metadata has one key, "texot": an object with format, version, architecture, facts and, where there are,
license and icc_profile (base64). One key, because the order of several is not fixed: the same model has the
same bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor

from texot.errors import InputError, one_line
from texot.files.material_code import MaterialCode
from texot.files.schema import check_facts, is_text, parse_json
from texot.files.source import open_file
from texot.files.whole import write_whole
from texot.generator.finish import Finish
from texot.generator.finish_file import PREFIX, pack_finish, unpack_finish
from texot.generator.network import Architecture, PlaneNetwork, TextureNetwork
from texot.generator.paper_network import PaperNetwork
from texot.solver.torch_modes import own_modes

FORMAT = "texot-generator"
VERSIONS = (1, 2, 3, 4, 5)
"""Of one texture, of several, of a map of pictures or with auxiliary tensors, with a finish, with waves."""
AUXILIARY = "critics."
"""Start of the names of auxiliary tensors, see `PlaneNetwork.auxiliary`."""
_MAX_BYTES = 2**28
MAX_TEXTURES = 16
_MAX = {"colours": 32, "widths": 1024, "fresh": 64, "inner": 64, "blocks": 8, "textures": MAX_TEXTURES}
_MIN = {"inner": 0}
_OPTIONAL = {"textures", "maps", "waves"}
_MAX_SCALES = 12


@dataclass(frozen=True)
class Model:
    """The contents of a model file.

    Attributes:
        network: without gradients, on the CPU.
        facts: how it was made, plain JSON values.
        license: of the exemplar or the model, if given.
        icc_profile: of textures whose values are not sRGB, else None.
        finish: of samples, if it has one.
        code: of the maps of a material, whose stack samples are; None: they are images.
    """

    network: PlaneNetwork
    facts: dict[str, Any]
    license: str | None = None
    icc_profile: bytes | None = None
    finish: Finish | None = None
    code: MaterialCode | None = None


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model atomically; the same model gives the same bytes.

    Raises:
        OutputError: it cannot be written there.
    """
    about: dict[str, Any] = {
        "format": FORMAT,
        "version": version_of(model.network, model.finish),
        "architecture": _stored(model.network.architecture),
        "facts": model.facts,
    }
    if model.license is not None:
        about["license"] = model.license
    if model.icc_profile is not None:
        about["icc_profile"] = base64.b64encode(model.icc_profile).decode()
    if model.code is not None:
        about["material"] = model.code.facts()
    own = {**_tensors(model.network), **model.network.auxiliary}
    if model.finish is not None:
        tensors, about["finish"] = pack_finish(model.finish)
        own |= tensors
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in own.items()}
    write_whole(path, pack(tensors, about))


@own_modes()
def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model.

    Raises:
        InputError: the file is missing, truncated, of another kind or a newer version, or its contents fit no
            network of texot.
    """
    name = os.fsdecode(path)
    tensors, about = unpack(read_file(name), name)
    try:
        if about.get("format") != FORMAT:
            raise InputError(f"its format is {about.get('format')!r}")
        version = about.get("version")
        if type(version) is not int or version not in VERSIONS:
            raise InputError(
                f"its version is {version!r} and this texot reads up to {VERSIONS[-1]}: update texot"
            )
        architecture = _architecture(about.get("architecture"))
        network = build_network(architecture, blank=True)
        network.auxiliary = _auxiliary(tensors)
        finish = None
        if "finish" in about:
            finish = unpack_finish(tensors, about["finish"], architecture.colours)
        code = MaterialCode.of_facts(about["material"]) if "material" in about else None
        if code is not None and code.channels != architecture.colours:
            raise InputError(f"its maps have {code.channels} channels, its network {architecture.colours}")
        if version != version_of(network, finish):
            raise InputError(f"its version {version} is not that of {architecture.textures} textures")
        _fill(network, {name: t for name, t in tensors.items() if not name.startswith((AUXILIARY, PREFIX))})
        facts, license_, icc = about.get("facts"), about.get("license"), about.get("icc_profile")
        facts = check_facts(facts)
        if license_ is not None and not is_text(license_):
            raise InputError("its licence is no text that can be shown")
        mode = facts.get("mode")
        if mode not in ("L", "RGB", "I;16", "multi") or {"L": 1, "RGB": 3, "I;16": 1}.get(
            mode, network.architecture.colours
        ) != (network.architecture.colours):
            raise InputError(f"{network.architecture.colours} channels are no image of mode {mode!r}")
        profile = None if icc is None else base64.b64decode(icc, validate=True)
    except (InputError, TypeError, ValueError, binascii.Error) as error:
        raise InputError(
            f"{name!r} is no model of texot ({one_line(error)}): expected a file that 'texot train' wrote"
        ) from error
    return Model(network.requires_grad_(False).eval(), facts, license_, profile, finish, code)


def version_of(network: PlaneNetwork, finish: Finish | None = None) -> int:
    """The version of a model's file; older versions of texot also read files of one texture."""
    architecture = network.architecture
    if architecture.waves:
        return VERSIONS[4]
    if finish is not None:
        return VERSIONS[3]
    if architecture.maps or network.auxiliary:
        return VERSIONS[2]
    return VERSIONS[0] if architecture.textures == 1 else VERSIONS[1]


def _stored(architecture: Architecture) -> dict[str, Any]:
    """An architecture as the file of its version stores it."""
    found = asdict(architecture)
    if architecture.textures == 1:
        del found["textures"]
    for name in ("maps", "waves"):
        if not found[name]:
            del found[name]
    return found


def build_network(
    architecture: Architecture, generator: torch.Generator | None = None, *, blank: bool = False
) -> PlaneNetwork:
    """A new network of an architecture, arguments as of `PlaneNetwork`."""
    kind: type[PlaneNetwork] = PaperNetwork if architecture.published else TextureNetwork
    return kind(architecture, generator, blank=blank)


def pack(tensors: dict[str, Tensor], about: dict[str, Any]) -> bytes:
    """A safetensors file of tensors and facts."""
    from safetensors.torch import save

    return save(tensors, {"texot": json.dumps(about, sort_keys=True)})


def unpack(data: bytes, name: str, *, finite: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts that `pack` wrote.

    Args:
        data: the file's bytes.
        name: of the file, for messages.
        finite: see `texot.files.schema.parse_json`.

    Raises:
        InputError: the file is not one that `pack` wrote.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        about = parse_json(metadata["texot"], finite=finite)
        if not isinstance(about, dict):
            raise ValueError("its facts are no object")
    except KeyError as error:
        raise InputError(
            f"{name!r} holds no texot model: expected a file that 'texot train' wrote ({one_line(error)})"
        ) from error
    except (SafetensorError, ValueError, TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise InputError(f"{name!r} is no safetensors file, or damaged ({one_line(error)})") from error
    return tensors, about


def read_file(name: str) -> bytes:
    """A file's bytes.

    Raises:
        InputError: the file cannot be read, or is larger than any model.
    """
    with open_file(name, "a model file") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise InputError(f"{name!r} is larger than any model of texot")
    return data


def _tensors(network: PlaneNetwork) -> dict[str, Tensor]:
    return cast("dict[str, Tensor]", network.state_dict())


def _architecture(stored: object) -> Architecture:
    """The architecture of a file, checked before anything of its size is allocated.

    Raises:
        InputError: it is not valid.
    """
    if not isinstance(stored, dict) or set(stored) - _OPTIONAL != {*_MAX, "published"} - _OPTIONAL:
        raise InputError("its architecture is damaged")
    stored = {"textures": 1, "maps": False, "waves": [], **stored}
    values: dict[str, Any] = {name: stored[name] for name in ("published", "maps")}
    if not all(isinstance(value, bool) for value in values.values()):
        raise InputError("its architecture's network is none of texot's")
    for key, most in _MAX.items():
        value = stored[key]
        single = key in ("colours", "inner", "textures")
        entries = [value] if single else value
        if not isinstance(entries, list) or not 1 <= len(entries) <= _MAX_SCALES:
            raise InputError(f"its architecture's {key} are damaged")
        least = _MIN.get(key, 1)
        if not all(type(n) is int and least <= n <= most for n in entries):
            raise InputError(f"its architecture's {key} are not from {least} to {most}")
        values[key] = value if single else tuple(entries)
    if not len(values["widths"]) == len(values["fresh"]) == len(values["blocks"]):
        raise InputError("its architecture's scales do not agree")
    if sum([values["published"], values["maps"], values["textures"] > 1]) > 1:
        raise InputError("its architecture is of several kinds: published, of several textures, or a map")
    if values["maps"] and min(values["fresh"]) < values["colours"]:
        raise InputError("its architecture has no channels for the picture that it maps")
    values["waves"] = _waves(stored["waves"], min(values["fresh"]))
    return Architecture(**values)


def _waves(stored: object, fresh: int) -> tuple[tuple[float, float], ...]:
    """The waves of an architecture with `fresh` noise channels or more at every scale."""
    if not isinstance(stored, list) or len(stored) > fresh // 2:
        raise InputError("its architecture has no channels for its waves")
    for pair in stored:
        numbers = pair if isinstance(pair, list) else []
        if len(numbers) != 2 or not all(isinstance(f, float) and abs(f) <= 0.5 for f in numbers):
            raise InputError("its architecture's waves are damaged")
    return tuple((y, x) for y, x in stored)


def _auxiliary(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The auxiliary tensors of a file.

    Raises:
        InputError: they are not of float32, or not finite.
    """
    found = {name: tensor.clone() for name, tensor in tensors.items() if name.startswith(AUXILIARY)}
    for name, tensor in found.items():
        if tensor.dtype != torch.float32 or not bool(tensor.isfinite().all()):
            raise InputError(f"{name} is not of finite 32-bit values")
    return found


def _fill(network: PlaneNetwork, tensors: dict[str, Tensor]) -> None:
    """Fill a blank network, after a check of all names, shapes and values.

    Raises:
        InputError: a name, shape or type is not the network's, or a value is not finite.
    """
    wanted = _tensors(network)
    if set(wanted) != set(tensors):
        raise InputError("its tensors are not those of its architecture")
    for name, tensor in wanted.items():
        found = tensors[name]
        if found.dtype != tensor.dtype or found.shape != tensor.shape:
            raise InputError(f"{name} is {tuple(found.shape)} of {found.dtype}, not {tuple(tensor.shape)}")
        if name.endswith("running_var") and bool((found < 0).any()):
            raise InputError(f"{name} holds negative variances")
        if not bool(found.isfinite().all()):
            raise InputError(f"{name} holds NaN or infinite values")
    network.fill(tensors)
