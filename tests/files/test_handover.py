"""MaterialX and glTF documents, read again by the packages for them, and their textures."""

import base64
import json
import struct
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from texot.errors import InputError, TexotError
from texot.files import materialx
from texot.files.handover import check_handover, write_handover
from texot.files.material import Material, read_material

GREY = {"roughness": 40, "gloss": 200, "metallic": 90, "occlusion": 210, "height": 60, "opacity": 128}
PIXEL = {"basecolor": (200, 100, 50), "emissive": (10, 20, 30), "orm": (210, 40, 90), "specular": (99,) * 3}


def material_of(folder: Path, *names: str) -> Material:
    """A material of 6x4 px, constant but for a ramp in its height, in files of these names."""
    folder.mkdir(exist_ok=True)
    for name in names:
        role = name.split("_")[1].split(".")[0]
        values: Any = np.full((4, 6), GREY[role]) if role in GREY else None
        if role == "height":
            values = np.tile(np.arange(6) * 40, (4, 1))
        if values is None:
            values = np.full((4, 6, 3), (128, 200, 230) if role == "normal" else PIXEL[role])
        Image.fromarray(values.astype(np.uint8)).save(folder / name)
    return read_material(folder)


def hand_over(folder: Path, *names: str, kinds: tuple[str, ...] = ("mtlx", "gltf")) -> list[str]:
    """The names of the files that are written, relative to the folder."""
    material = material_of(folder, *names)
    written = write_handover(material, folder, material.names(), kinds)
    assert read_material(folder).files == material.files, "derived files must not become maps"
    return [Path(path).relative_to(folder).as_posix() for path in written]


def texel(path: Path) -> tuple[int, ...]:
    with Image.open(path) as image:
        found = np.asarray(image)[1, 2]
    return tuple(int(value) for value in np.atleast_1d(found))


SETS = [
    ("a_basecolor.png", "a_normal.png"),
    ("a_basecolor.jpg", "a_normal_dx.png", "a_roughness.png", "a_metallic.png", "a_occlusion.png"),
    ("a_basecolor.png", "a_gloss.png", "a_specular.png", "a_height.png"),
    ("a_basecolor.tif", "a_orm.png", "a_opacity.png", "a_emissive.png"),
    ("a_orm.png", "a_roughness.png"),
    ("a_roughness.png",),
]

# ------------------------------------------------------------------------------------------------------- glTF


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "material.gltf").read_text(encoding="utf-8"))
    return found


def texture(folder: Path, reference: dict[str, int]) -> Path:
    """The file of a texture that a material refers to."""
    found = document(folder)
    return folder / unquote(found["images"][found["textures"][reference["index"]]["source"]]["uri"])


def check_references(folder: Path) -> None:
    """Required fields, indices in range, accessors inside their buffers, files that exist (section 5)."""
    found = document(folder)
    assert found["asset"]["version"] == "2.0"
    (buffer,) = found["buffers"]
    data = base64.b64decode(buffer["uri"].partition(",")[2], validate=True)
    assert len(data) == buffer["byteLength"]
    sizes = {5126: 4, 5123: 2}
    counts = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
    for accessor in found["accessors"]:
        view = found["bufferViews"][accessor["bufferView"]]
        size = sizes[accessor["componentType"]]
        assert view["byteOffset"] % size == 0
        assert accessor["count"] * size * counts[accessor["type"]] <= view["byteLength"]
        assert view["byteOffset"] + view["byteLength"] <= len(data)
    (primitive,) = found["meshes"][0]["primitives"]
    position = found["accessors"][primitive["attributes"]["POSITION"]]
    assert position["min"] < position["max"]
    view = found["bufferViews"][found["accessors"][primitive["indices"]]["bufferView"]]
    assert view["target"] == 34963
    indices = struct.unpack_from("<6H", data, view["byteOffset"])
    assert set(indices) == set(range(position["count"]))
    for image in found.get("images", []):
        assert image["uri"].endswith((".png", ".jpg"))
        assert (folder / unquote(image["uri"])).is_file()
    for made in found.get("textures", []):
        assert made["source"] < len(found["images"])
        assert made["sampler"] < len(found["samplers"])
    (material,) = found["materials"]
    assert sorted(material.get("extensions", {})) == found.get("extensionsUsed", [])
    for value in [material, material["pbrMetallicRoughness"], *material.get("extensions", {}).values()]:
        for key, reference in value.items():
            if key.endswith("Texture"):
                assert reference["index"] < len(found["textures"])


@pytest.mark.filterwarnings("ignore:pygltf.utils.validator is a provisional function:UserWarning")
@pytest.mark.parametrize("names", SETS, ids=" ".join)
def test_gltf_is_valid(tmp_path: Path, names: tuple[str, ...]) -> None:
    hand_over(tmp_path / "wall 1", *names, kinds=("gltf",))
    check_references(tmp_path / "wall 1")
    pygltflib = pytest.importorskip("pygltflib", reason="needs the extra test")
    from pygltflib.validator import validate

    opened = pygltflib.GLTF2().load(str(tmp_path / "wall 1" / "material.gltf"))
    validate(opened)
    assert opened.materials[0].name == "wall 1"
    assert len(opened.images) == len(document(tmp_path / "wall 1")["images"])


def test_gltf_uses_files_as_they_are(tmp_path: Path) -> None:
    assert hand_over(tmp_path, "a_basecolor.png", "a_normal.png", "a_orm.jpg", kinds=("gltf",)) == [
        "material.gltf"
    ]
    (material,) = document(tmp_path)["materials"]
    reflection = material["pbrMetallicRoughness"]
    assert texture(tmp_path, reflection["baseColorTexture"]).name == "a_basecolor.png"
    assert texture(tmp_path, reflection["metallicRoughnessTexture"]).name == "a_orm.jpg"
    assert texture(tmp_path, material["occlusionTexture"]).name == "a_orm.jpg"
    assert texture(tmp_path, material["normalTexture"]).name == "a_normal.png"
    assert "alphaMode" not in material


def test_gltf_packs_occlusion_roughness_and_metallic(tmp_path: Path) -> None:
    hand_over(
        tmp_path, "a_basecolor.png", "a_occlusion.png", "a_gloss.png", "a_metallic.png", kinds=("gltf",)
    )
    (material,) = document(tmp_path)["materials"]
    packed = texture(tmp_path, material["pbrMetallicRoughness"]["metallicRoughnessTexture"])
    assert texel(packed) == (GREY["occlusion"], 255 - GREY["gloss"], GREY["metallic"])
    assert material["occlusionTexture"] == material["pbrMetallicRoughness"]["metallicRoughnessTexture"]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 1


def test_a_map_overrides_its_channel_of_a_packed_one(tmp_path: Path) -> None:
    hand_over(tmp_path, "a_orm.png", "a_roughness.png", kinds=("gltf",))
    assert texel(tmp_path / "material_textures/occlusion_roughness_metallic.png") == (210, 40, 90)


def test_without_such_maps_factors_say_so(tmp_path: Path) -> None:
    hand_over(tmp_path, "a_basecolor.png", kinds=("gltf",))
    (material,) = document(tmp_path)["materials"]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert material["pbrMetallicRoughness"]["roughnessFactor"] == 0.5


def test_gltf_flips_directx_normals(tmp_path: Path) -> None:
    written = hand_over(tmp_path, "a_normal_dx.png", kinds=("gltf",))
    assert written == ["material_textures/normal.png", "material.gltf"]
    x, y, z = texel(tmp_path / written[0])
    raw = np.array([128, 200, 230]) / 127.5 - 1
    want = (raw / np.linalg.norm(raw) * [1, -1, 1] + 1) * 127.5
    assert np.abs(np.array([x, y, z]) - want).max() <= 1


def test_height_alone_gives_normals(tmp_path: Path) -> None:
    hand_over(tmp_path, "a_basecolor.png", "a_height.png", kinds=("gltf",))
    x, _, z = texel(tmp_path / "material_textures/normal.png")
    assert x < 125  # higher to the right: it faces left
    assert z > 200


def test_opacity_joins_the_base_colour(tmp_path: Path) -> None:
    hand_over(tmp_path, "a_basecolor.png", "a_opacity.png", kinds=("gltf",))
    (material,) = document(tmp_path)["materials"]
    assert material["alphaMode"] == "BLEND"
    file = texture(tmp_path, material["pbrMetallicRoughness"]["baseColorTexture"])
    assert texel(file) == (*PIXEL["basecolor"], GREY["opacity"])


def test_specular_is_a_share_of_8_percent(tmp_path: Path) -> None:
    """0.04 x factor x decoded texture = 0.08 x specular."""
    hand_over(tmp_path, "a_basecolor.png", "a_specular.png", kinds=("gltf",))
    extension = document(tmp_path)["materials"][0]["extensions"]["KHR_materials_specular"]
    encoded = texel(texture(tmp_path, extension["specularColorTexture"]))[0] / 255
    decoded = ((encoded + 0.055) / 1.055) ** 2.4
    assert 0.04 * extension["specularColorFactor"][0] * decoded == pytest.approx(0.08 * 99 / 255, rel=0.02)


# -------------------------------------------------------------------------------------------------- MaterialX


@pytest.fixture
def mx() -> ModuleType:
    return pytest.importorskip("MaterialX", reason="needs the extra materials")  # type: ignore[no-any-return]


def library(mx: ModuleType) -> Any:
    """The standard definitions of nodes."""
    found = mx.createDocument()
    mx.loadLibraries(mx.getDefaultDataLibraryFolders(), mx.getDefaultDataSearchPath(), found)
    return found


def opened(mx: ModuleType, folder: Path) -> Any:
    """The document as MaterialX reads it; fails if it is not valid or a node has no definition."""
    found = mx.createDocument()
    mx.readFromXmlFile(found, str(folder / "material.mtlx"))
    found.importLibrary(library(mx))
    valid, message = found.validate()
    assert valid, message
    graphs = [graph for graph in found.getNodeGraphs() if graph.getName().startswith("NG_wall")]
    assert len(graphs) == 1
    own = [node for node in found.getNodes() if not node.hasSourceUri()] + graphs[0].getNodes()
    assert own
    for node in own:
        definition = node.getNodeDef()
        assert definition is not None, node.getName()
        for given in node.getInputs():
            assert definition.getActiveInput(given.getName()).getType() == given.getType(), given.getName()
        if node.getCategory() == "image":
            assert (folder / node.getInputValue("file")).is_file()
    return found


@pytest.mark.parametrize("names", SETS, ids=" ".join)
def test_materialx_is_valid(tmp_path: Path, mx: ModuleType, names: tuple[str, ...]) -> None:
    """Its validator agrees, and a shader of GLSL is generated from it."""
    from MaterialX import PyMaterialXGenGlsl, PyMaterialXGenShader

    folder = tmp_path / "wall 1"
    hand_over(folder, *names, kinds=("mtlx",))
    found = opened(mx, folder)
    (material,) = [node for node in found.getMaterialNodes() if node.getName().startswith("wall")]
    generator = PyMaterialXGenGlsl.GlslShaderGenerator.create()
    context = PyMaterialXGenShader.GenContext(generator)
    context.registerSourceCodeSearchPath(mx.getDefaultDataSearchPath())
    shader = generator.generate(material.getName(), material, context)
    assert "main" in shader.getSourceCode("pixel")


def test_materialx_names_the_maps(tmp_path: Path, mx: ModuleType) -> None:
    folder = tmp_path / "wall"
    assert hand_over(
        folder, "a_basecolor.png", "a_normal.png", "a_roughness.png", "a_height.png", kinds=("mtlx",)
    ) == ["material.mtlx"]
    found = opened(mx, folder)
    shader = found.getNode("SR_wall")
    files = {}
    for given in shader.getInputs():
        output = given.getConnectedOutput()
        node = output.getConnectedNode() if output else None
        while node is not None and node.getCategory() != "image":
            node = node.getInputs()[0].getConnectedNode()
        if node is not None:
            files[given.getName()] = node.getInputValue("file")
            if given.getName() == "base_color":
                assert node.getInput("file").getColorSpace() == "srgb_texture"
    assert files == {
        "base_color": "a_basecolor.png",
        "specular_roughness": "a_roughness.png",
        "normal": "a_normal.png",
    }
    assert shader.getInputValue("metalness") == 0
    ior = shader.getInputValue("specular_IOR")
    assert shader.getInputValue("specular") * ((ior - 1) / (ior + 1)) ** 2 == pytest.approx(0.04, rel=1e-4)
    assert found.getNode("DS_wall").getCategory() == "displacement"


def test_materialx_flips_directx_normals_by_nodes(tmp_path: Path, mx: ModuleType) -> None:
    hand_over(tmp_path / "wall", "a_normal_dx.png", kinds=("mtlx",))
    found = opened(mx, tmp_path / "wall")  # which owns its nodes
    graph = found.getNodeGraph("NG_wall")
    scale = graph.getNode("normal_scaled").getInputValue("in2").asTuple()
    offset = graph.getNode("normal_encoded").getInputValue("in2").asTuple()
    encoded = np.array([128, 200, 230]) / 255
    np.testing.assert_allclose(encoded * scale + offset, encoded * [1, -1, 1] + [0, 1, 0])


def deep_material(folder: Path) -> Material:
    """Maps in OpenEXR: linear colours, normals from -1 to 1 of the DirectX convention."""
    pytest.importorskip("OpenImageIO", reason="needs the extra deep")
    from texot.files.deep import write_deep
    from texot.files.deep_image import DeepImage

    folder.mkdir()
    normal = np.array([0.6, -0.48, 0.64], np.float32)
    for name, pixel in (("basecolor", (0.5, 0.25, 1.0)), ("normal_dx", normal), ("roughness", (0.25,))):
        values = np.broadcast_to(np.float32(pixel), (4, 6, len(pixel))).copy()
        write_deep(DeepImage(values, "OpenEXR", ("R", "G", "B")[: len(pixel)]), folder / f"a_{name}.exr")
    return read_material(folder)


def test_floats_become_pngs_for_gltf(tmp_path: Path) -> None:
    folder = tmp_path / "wall"
    material = deep_material(folder)
    write_handover(material, folder, material.names(), ("gltf",))
    check_references(folder)
    (made,) = document(folder)["materials"]
    colour = texel(texture(folder, made["pbrMetallicRoughness"]["baseColorTexture"]))
    assert colour == (188, 137, 255)  # of linear 0.5, 0.25 and 1
    assert texel(texture(folder, made["normalTexture"])) == (204, 189, 209)
    assert texel(texture(folder, made["pbrMetallicRoughness"]["metallicRoughnessTexture"])) == (255, 64, 0)


def test_floats_are_linear_and_signed_in_materialx(tmp_path: Path, mx: ModuleType) -> None:
    folder = tmp_path / "wall"
    material = deep_material(folder)
    assert write_handover(material, folder, material.names(), ("mtlx",)) == [str(folder / "material.mtlx")]
    found = opened(mx, folder)
    graph = found.getNodeGraph("NG_wall")
    assert graph.getNode("image_basecolor").getInput("file").getColorSpace() == "lin_rec709"
    scale = graph.getNode("normal_scaled").getInputValue("in2").asTuple()
    offset = graph.getNode("normal_encoded").getInputValue("in2").asTuple()
    encoded = np.array([0.6, -0.48, 0.64]) * scale + offset
    np.testing.assert_allclose(2 * encoded - 1, [0.6, 0.48, 0.64], atol=1e-6)


@pytest.mark.parametrize(("mode", "pixel"), [("L", 90), ("LA", (90, 128)), ("RGBA", (90, 91, 92, 128))])
def test_grey_and_transparent_colours(tmp_path: Path, mx: ModuleType, mode: str, pixel: Any) -> None:
    folder = tmp_path / "wall"
    folder.mkdir()
    Image.new(mode, (6, 4), pixel).save(folder / "a_basecolor.png")
    material = read_material(folder)
    write_handover(material, folder, material.names())
    check_references(folder)
    alpha = mode.endswith("A")
    assert document(folder)["materials"][0].get("alphaMode") == ("BLEND" if alpha else None)
    found = opened(mx, folder)
    graph = found.getNodeGraph("NG_wall")
    colours = folder / graph.getNode("image_basecolor").getInputValue("file")
    assert texel(colours)[:3] == ((90, 91, 92) if mode == "RGBA" else (90, 90, 90))
    assert (graph.getOutput("out_opacity") is not None) == alpha


# ----------------------------------------------------------------------------------------------------- errors


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="mtlx or gltf, not 'obj'"):
        check_handover(("obj",))


def test_a_role_without_a_file_is_refused(tmp_path: Path) -> None:
    material = material_of(tmp_path, "a_basecolor.png", "a_normal.png")
    with pytest.raises(InputError, match="no file of the map 'normal'"):
        write_handover(material, tmp_path, {"basecolor": "a_basecolor.png"})
    assert not (tmp_path / "material.gltf").exists()


def test_a_missing_package_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "MaterialX", None)
    with pytest.raises(TexotError, match=r"pip install 'texot\[materials\]'"):
        materialx.check_materialx()
    with pytest.raises(TexotError, match=r"texot\[materials\]"):
        hand_over(tmp_path, "a_basecolor.png")
    assert not (tmp_path / "material.gltf").exists()
    hand_over(tmp_path, "a_basecolor.png", kinds=("gltf",))
