"""A final result has the layout of its draft."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import texot
from texot.desktop.control_settings import ControlSettings
from texot.desktop.finals import final_request
from texot.desktop.job_queue import OpenImage
from texot.desktop.results import Result
from texot.desktop.settings import InterpolationSettings, SynthesisSettings
from texot.desktop.worker_jobs import iterate, last_state
from texot.desktop.worker_materials import MaterialJob

GRAVEL = Path(__file__).parents[2] / "samples" / "gravel.jpg"


def blurred(image: Tensor) -> Tensor:
    """The grey image (H, W), blurred by 2 pixels, on a torus."""
    steps = torch.arange(-6, 7)
    kernel = torch.exp(-(steps**2) / 8.0)
    kernel = kernel / kernel.sum()
    grey = F.pad(image.mean(0)[None, None], (6, 6, 6, 6), mode="circular")
    return F.conv2d(F.conv2d(grey, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("side", [128, 256, 512])
def test_the_final_correlates_with_its_draft(side: int, tmp_path: Path) -> None:
    (request,) = SynthesisSettings(str(GRAVEL), f"{side}x{side}", quality="draft", seed=3).requests()
    draft = last_state(iterate(request), lambda state: True).result()
    file = str(tmp_path / "draft.png")
    draft.save(file)
    source = OpenImage(str(GRAVEL), None, (), (512, 512))
    final = final_request(Result(request, None, (side, side), source, file), "normal")
    image = last_state(iterate(final), lambda state: True).result().image
    both = torch.stack([blurred(draft.image).flatten(), blurred(image).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.9
    loss = [
        texot.synthesize(GRAVEL, side, quality=quality, seed=3).losses[-1].loss
        for quality in ("draft", "normal")
    ]
    assert last_state(iterate(final), lambda state: True).loss < loss[0], "it is better than the draft"


@pytest.mark.slow
def test_the_final_of_a_blend_correlates_with_its_draft(tmp_path: Path) -> None:
    other = GRAVEL.with_name("pebbles.jpg")
    settings = InterpolationSettings((str(GRAVEL), str(other)), size="256x256", quality="draft", seed=3)
    (request,) = settings.requests()
    draft = last_state(iterate(request), lambda state: True).result()
    file = str(tmp_path / "draft.png")
    draft.save(file)
    source = OpenImage(str(GRAVEL), None, (), (512, 512))
    final = final_request(Result(request, None, (256, 256), source, file), "normal")
    image = last_state(iterate(final), lambda state: True).result().image
    both = torch.stack([blurred(draft.image).flatten(), blurred(image).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("case", ["labels", "guide", "exemplars"])
def test_the_final_of_what_goes_where_correlates_with_its_draft(
    tmp_path: Path, case: str, reduced: bool
) -> None:
    half = Image.new("RGB", (256, 256), (0, 200, 0))
    half.paste((200, 0, 0), (128, 0, 256, 256))
    half.save(tmp_path / "own.png")
    half.rotate(90).save(tmp_path / "wanted.png")
    with Image.open(GRAVEL) as gravel, Image.open(GRAVEL.with_name("stonewall.jpg")) as stones:
        photo = gravel.convert("RGB").resize((256, 256))
        photo.paste(stones.crop((0, 0, 128, 256)), (128, 0))
        stones.crop((0, 0, 256, 256)).save(tmp_path / "stones.png")
    photo.save(tmp_path / "photo.png")
    own, wanted, other = (str(tmp_path / name) for name in ("own.png", "wanted.png", "photo.png"))
    controls = {
        "labels": ControlSettings(labels=own, target_labels=wanted, target_size=(256, 256)),
        "guide": ControlSettings(guide=wanted, guide_strength=1, target_size=(256, 256)),
        "exemplars": ControlSettings((str(tmp_path / "stones.png"),), (50, 50)),
    }[case]
    (request,) = SynthesisSettings(other, "256x256", quality="draft", seed=3, controls=controls).requests()
    arguments = request.arguments
    if reduced:
        arguments = {**arguments, "size": "128x128", "exemplar_size": 128}
    draft = last_state(iterate(replace(request, arguments=arguments)), lambda state: True).result()
    file = str(tmp_path / "draft.png")
    draft.save(file)
    source, side = OpenImage(other, None, (), (256, 256)), 128 if reduced else 256
    final = final_request(Result(request, None, (side, side), source, file), "normal")
    if case == "exemplars" and reduced:
        assert "init" not in final.arguments, "its areas are elsewhere"
        return
    image = last_state(iterate(final), lambda state: True).result().image
    shown = F.interpolate(draft.image[None], size=(256, 256), mode="bicubic")[0]
    both = torch.stack([blurred(shown).flatten(), blurred(image).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("reduced", [False, True])
def test_the_final_of_a_material_correlates_with_its_draft(tmp_path: Path, reduced: bool) -> None:
    folder = str(GRAVEL.parent / "materials" / "cliff")
    (request,) = SynthesisSettings(folder, "256x256", quality="draft", seed=3).requests()
    arguments = (
        {**request.arguments, "size": "128x128", "exemplar_size": 128} if reduced else request.arguments
    )
    run = replace(request, arguments=arguments)
    job = MaterialJob(run)
    result = last_state(job.states, lambda state: True).result()
    draft = job.write(result, str(tmp_path / "draft"))
    source = OpenImage(folder, None, ("basecolor", "normal"), (256, 256))
    side = 128 if reduced else 256
    made = Result(request, None, (side, side), source, str(tmp_path / "draft"), maps=("basecolor",), run=run)
    job = MaterialJob(final_request(made, "normal"))
    result = last_state(job.states, lambda state: True).result()
    final = job.write(result, str(tmp_path / "final"))
    colours = [planes_of(one) for one in (draft, final)]
    shown = F.interpolate(colours[0][None], size=(256, 256), mode="bicubic")[0]
    both = torch.stack([blurred(shown).flatten(), blurred(colours[1]).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.9


def planes_of(material: texot.Material) -> Tensor:
    """The base colour (3, H, W)."""
    return torch.from_numpy(material.layers["basecolor"].values.astype("float32")).permute(2, 0, 1)
