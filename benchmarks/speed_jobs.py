"""What `benchmarks.speed` runs: jobs of one size, a training and its samples; each is checked first."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from PIL import Image
from torch import Tensor

from benchmarks.common import Measured, mode_of, read_sample, run_texot
from texot.evaluation import seam_score
from texot.evaluation.distance import patch_distance
from texot.files.exemplar import read_exemplar
from texot.files.write import write_image

JOBS = ("synthesize", "inpaint", "tile", "interpolate")
CHECKED = 96  # pixels a side of what is checked
_INPUTS = {
    "synthesize": ("photo",),
    "inpaint": ("photo", "mask"),
    "tile": ("photo",),
    "interpolate": ("photo", "other"),
}


def run_job(
    job: str, side: int, folder: Path, flags: tuple[str, ...], threads: int | None, name: str = "out.png"
) -> Measured:
    """A job on crops of samples, `side` pixels a side; its result is `name` in the folder.

    Raises:
        click.ClickException: it fails, or the result has another size.
    """
    inputs = [_input(kind, side, folder) for kind in _INPUTS[job]]
    done = run_texot(job, *inputs, "-o", folder / name, "-q", *flags, threads=threads)
    if read_exemplar(folder / name).size != (side, side):
        raise click.ClickException(f"{job}: the result of {side} px has another size: no speed is told")
    return done


def check_job(job: str, folder: Path, flags: tuple[str, ...], threads: int | None) -> None:
    """Refuse to time a job that does not do what it is there for.

    Raises:
        click.ClickException: it fails, or twice the same command made two files, or the result is wrong.
    """
    for name in ("one.png", "two.png"):
        run_job(job, CHECKED, folder, flags, threads, name)
    if (folder / "one.png").read_bytes() != (folder / "two.png").read_bytes():
        raise click.ClickException(f"{job}: the same command made two different files: no speed is told")
    result = read_exemplar(folder / "one.png").pixels
    photo = read_exemplar(_input("photo", CHECKED, folder)).pixels
    if wrong := _nearness(job, result, photo) or _promise(job, result, photo):
        raise click.ClickException(f"{job}: {wrong}: no speed is told")


def _nearness(job: str, result: Tensor, photo: Tensor) -> str:
    """What is wrong with the result's patches: they are no nearer to the images' than pixels at random."""
    images = [photo, read_sample("gravel", CHECKED)] if job == "interpolate" else [photo]
    order = torch.randperm(result[0].numel(), generator=torch.Generator().manual_seed(0))
    shuffled = result.flatten(1)[:, order].view_as(result)
    ours, chance = (
        statistics.mean(patch_distance(image, one, n_samples=500) for one in images)
        for image in (result, shuffled)
    )
    return "" if ours < chance / 2 else f"patch distance {ours:.2g}, of its pixels at random {chance:.2g}"


def _promise(job: str, result: Tensor, photo: Tensor) -> str:
    """What else is wrong, of what a job promises."""
    if job == "inpaint":
        known = ~_hole(CHECKED)
        return "" if torch.equal(result[:, known], photo[:, known]) else "known pixels have changed"
    if job == "tile":
        inside = slice(CHECKED // 4, -(CHECKED // 4))
        if not torch.equal(result[:, inside, inside], photo[:, inside, inside]):
            return "the middle has changed"
        before, after = seam_score(photo), seam_score(result)
        return "" if after < before else f"the seam was {before:.2f} and is {after:.2f}"
    return ""


def _input(kind: str, side: int, folder: Path) -> Path:
    """A photograph, another, or a mask, made when it is first asked for."""
    path = folder / f"{kind}-{side}.png"
    if not path.exists():
        if kind == "mask":
            image = _hole(side)[None].float()
        else:
            image = read_sample("pebbles" if kind == "photo" else "gravel", side)
        write_image(image, path, mode=mode_of(image))
    return path


def size_of(path: Path) -> tuple[int, int]:
    """Width and height, without the pixels: they may be more than Pillow takes for harmless."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(path) as image:
            return image.size
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _hole(side: int) -> Tensor:
    """A square in the middle, a quarter as wide and high as the image, (side, side), true inside."""
    hole = torch.zeros(side, side, dtype=torch.bool)
    near, far = side * 3 // 8, side * 5 // 8
    hole[near:far, near:far] = True
    return hole


@dataclass(frozen=True)
class TrainedModel:
    """A model that was trained for a short while, checked."""

    path: Path
    training: Measured
    device: str
    threads: int | None

    @classmethod
    def train(cls, steps: int, folder: Path, flags: tuple[str, ...], threads: int | None) -> TrainedModel:
        """Train on 128 px, and check the samples: the same bytes twice, nearer than pixels at random.

        Raises:
            click.ClickException: it fails, or the samples are wrong.
        """
        photo, path = _input("photo", 128, folder), folder / "model.safetensors"
        words = ("train", photo, "-o", path, "--steps", steps, "--progress", "json", *flags)
        model = cls(path, run_texot(*words, threads=threads), flags[flags.index("--device") + 1], threads)
        made = []
        for name in ("one.png", "two.png"):
            model.sample(128, name)
            made.append((folder / name).read_bytes())
        if made[0] != made[1]:
            raise click.ClickException("sample: the same command made two files: no speed is told")
        one, exemplar = (read_exemplar(file).pixels for file in (folder / "one.png", photo))
        if wrong := _nearness("sample", one, exemplar):
            raise click.ClickException(f"train: a sample's {wrong}: no speed is told")
        return model

    def sample(self, side: int, name: str = "sample.png") -> Measured:
        """Make `name` beside the model, `side` pixels a side."""
        out = self.path.with_name(name)
        words = ("sample", self.path, "-o", out, "--size", f"{side}x{side}", "-q", "--device", self.device)
        done = run_texot(*words, threads=self.threads)
        if size_of(out) != (side, side):
            raise click.ClickException(f"sample: {side} px have another size: no speed is told")
        return done
