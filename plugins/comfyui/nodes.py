"""Nodes that call texot. Images are (B, H, W, C) floats in [0, 1], masks (B, H, W); white is filled."""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import texot

try:
    from comfy.model_management import throw_exception_if_processing_interrupted
    from comfy.utils import ProgressBar
except ImportError:  # outside of ComfyUI

    def throw_exception_if_processing_interrupted():
        """Nothing can interrupt."""

    class ProgressBar:
        """Shows nothing."""

        def __init__(self, total):
            self.total = total

        def update_absolute(self, value, total=None, preview=None):
            """Do nothing."""


_STEPS = 1000  # of the progress of one image
_PREVIEW_INTERVAL = 1.0  # seconds
_QUALITY = (["normal", "draft", "high"],)
_SEED = ("INT", {"default": 0, "min": 0, "max": 2**63 - 1})
_SIDE = ("INT", {"default": 0, "min": 0, "max": 16384})
_TILE = (["both", "x", "y", "none"],)
_SHARE = ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.05})
_ROLES = ("normal", "roughness", "metallic", "occlusion", "height", "opacity", "emissive")


class _Progress:
    """Progress of several images, previews, and cancelling by the host."""

    def __init__(self, images):
        self.total, self.done, self.next = images * _STEPS, 0, time.monotonic() + _PREVIEW_INTERVAL
        self.bar = ProgressBar(self.total)

    def follow(self, states):
        """The result of the states of one image; raises the host's exception if it cancels."""
        for state in states:
            throw_exception_if_processing_interrupted()
            value = self.done + round(_STEPS * state.total_step / state.total_steps)
            preview = None
            if time.monotonic() >= self.next:
                self.next = time.monotonic() + _PREVIEW_INTERVAL
                pixels = (state.image[:3] * 255).round().byte().permute(1, 2, 0).numpy()
                picture = Image.fromarray(np.ascontiguousarray(pixels.squeeze())).convert("RGB")
                preview = ("JPEG", picture, 512)
            self.bar.update_absolute(value, self.total, preview)
        self.done += _STEPS
        return state.result()


def _planes(image):
    """An image (H, W, C) as texot takes it, (C, H, W)."""
    return image.detach().cpu().float().clamp(0, 1).permute(2, 0, 1).clone()


def _batch(results):
    """Images (C, H, W) as a batch (B, H, W, C) of three channels or more."""
    images = [image.permute(1, 2, 0).clone() for image in results]
    return torch.stack([image.expand(-1, -1, 3) if image.shape[2] == 1 else image for image in images])


def _size(width, height, like):
    """(width, height), 0 standing for the size of an image (H, W, C)."""
    return width or like.shape[1], height or like.shape[0]


class _Node:
    """What all nodes have in common."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "texot"


class Synthesize(_Node):
    """A new texture of any size with the patches of the image."""

    DESCRIPTION = "A new texture of any size from the image's patches. Width or height 0: the image's."

    @classmethod
    def INPUT_TYPES(cls):
        """Inputs, by ComfyUI's contract."""
        given = {"image": ("IMAGE",), "width": _SIDE, "height": _SIDE, "tile": _TILE}
        return {"required": {**given, "quality": _QUALITY, "seed": _SEED}, "optional": {"novelty": _SHARE}}

    def run(self, image, width, height, tile, quality, seed, novelty=0.5):
        """Synthesise from each image of the batch, with seeds that follow each other."""
        progress, made = _Progress(len(image)), []
        for number, one in enumerate(image):
            options = {"tile": tile, "quality": quality, "seed": (seed + number) % 2**63}
            size = _size(width, height, one)
            states = texot.iter_synthesis(_planes(one), size, novelty=novelty, alpha="ignore", **options)
            made.append(progress.follow(states).image)
        return (_batch(made),)


class MakeTile(_Node):
    """The image without seams: only bands at its edges are synthesised."""

    DESCRIPTION = "Make the image seamless. Pixels away from its edges stay. Band 0: a quarter of its side."

    @classmethod
    def INPUT_TYPES(cls):
        """Inputs, by ComfyUI's contract."""
        band = ("INT", {"default": 0, "min": 0, "max": 4096})
        flatten = ("BOOLEAN", {"default": False})
        given = {"image": ("IMAGE",), "band": band, "flatten": flatten, "tile": _TILE}
        return {"required": {**given, "quality": _QUALITY, "seed": _SEED}}

    def run(self, image, band, flatten, tile, quality, seed):
        """Make each image of the batch tile."""
        progress, made = _Progress(len(image)), []
        for number, one in enumerate(image):
            options = {"tile": tile, "quality": quality, "seed": (seed + number) % 2**63}
            wide = max(band, 2) if band else None
            states = texot.iter_tileable(_planes(one), band=wide, flatten=flatten, **options)
            made.append(progress.follow(states).image)
        return (_batch(made),)


class Inpaint(_Node):
    """The image with the white part of the mask filled with the texture around it."""

    DESCRIPTION = "Fill the white part of the mask with the texture around it. Other pixels stay."

    @classmethod
    def INPUT_TYPES(cls):
        """Inputs, by ComfyUI's contract."""
        return {"required": {"image": ("IMAGE",), "mask": ("MASK",), "quality": _QUALITY, "seed": _SEED}}

    def run(self, image, mask, quality, seed):
        """Fill each image of the batch; one mask may serve all."""
        progress, made = _Progress(len(image)), []
        mask = mask[None] if mask.ndim == 2 else mask
        if len(mask) not in (1, len(image)) or mask.shape[1:] != image.shape[1:3]:
            shapes = f"{tuple(mask.shape)} for {tuple(image.shape)}"
            raise ValueError(f"expected a mask of the image's size, got {shapes}: resize it")
        for number, one in enumerate(image):
            hole = mask[number % len(mask)].detach().cpu() >= 0.5
            if not hole.any():
                made.append(_planes(one))
                continue
            options = {"quality": quality, "seed": (seed + number) % 2**63, "alpha": "ignore"}
            made.append(progress.follow(texot.iter_inpaint(_planes(one), hole.clone(), **options)).image)
        return (_batch(made),)


class Interpolate(_Node):
    """Textures between two images."""

    DESCRIPTION = "Textures between two images. One frame: at the weight; more: from 0 to the weight."

    @classmethod
    def INPUT_TYPES(cls):
        """Inputs, by ComfyUI's contract."""
        frames = ("INT", {"default": 1, "min": 1, "max": 1000})
        given = {"image": ("IMAGE",), "other": ("IMAGE",), "weight": _SHARE, "frames": frames}
        return {"required": {**given, "width": _SIDE, "height": _SIDE, "quality": _QUALITY, "seed": _SEED}}

    def run(self, image, other, weight, frames, width, height, quality, seed):
        """A batch of frames from the first images of the batches, each started from the one before."""
        progress, made = _Progress(frames), []
        for number in range(frames):
            share = weight if frames == 1 else weight * number / (frames - 1)
            states = texot.iter_interpolation(
                [_planes(image[0]), _planes(other[0])],
                [1 - share, share],
                size=_size(width, height, image[0]),
                init=made[-1] if made else "noise",
                quality=quality,
                seed=seed,
                alpha="ignore",
            )
            made.append(progress.follow(states).image)
        return (_batch(made),)


class Sample(_Node):
    """A sample of a generator that `texot train` has made."""

    DESCRIPTION = "A texture of a generator, a .safetensors file that 'texot train' has written."

    @classmethod
    def INPUT_TYPES(cls):
        """Inputs, by ComfyUI's contract."""
        side = ("INT", {"default": 1024, "min": 16, "max": 16384})
        model = ("STRING", {"default": ""})
        return {"required": {"model": model, "width": side, "height": side, "tile": _TILE, "seed": _SEED}}

    def run(self, model, width, height, tile, seed):
        """A batch of one image."""
        generator = texot.Generator.load(model)
        throw_exception_if_processing_interrupted()
        return (_batch([generator.sample((width, height), tile=tile, seed=seed).image]),)


class Material(_Node):
    """A new material from maps of one surface, all synthesised together."""

    DESCRIPTION = "A new material: all maps are synthesised together and stay registered."
    RETURN_TYPES = ("IMAGE",) * (1 + len(_ROLES))
    RETURN_NAMES = ("basecolor", *_ROLES)

    @classmethod
    def INPUT_TYPES(cls):
        """Inputs, by ComfyUI's contract."""
        given = {"basecolor": ("IMAGE",), "width": _SIDE, "height": _SIDE, "quality": _QUALITY, "seed": _SEED}
        return {"required": given, "optional": dict.fromkeys(_ROLES, ("IMAGE",))}

    def run(self, basecolor, width, height, quality, seed, **maps):
        """The maps of one material; those that are not given are black."""
        given = {"basecolor": basecolor, **{role: one for role, one in maps.items() if one is not None}}
        with tempfile.TemporaryDirectory(prefix="texot-") as folder:
            files = {role: Path(folder) / f"{role}.png" for role in given}
            for role, one in given.items():
                values = (one[0].detach().cpu().float().clamp(0, 1).numpy() * 255).round().astype(np.uint8)
                grey = role not in ("basecolor", "normal", "emissive")
                picture = values[..., 0] if grey else values[..., :3]
                Image.fromarray(np.ascontiguousarray(picture)).save(files[role])
            material = texot.read_material(files)
        progress = _Progress(1)

        def follow(state):
            throw_exception_if_processing_interrupted()
            progress.bar.update_absolute(round(_STEPS * state.total_step / state.total_steps), _STEPS)

        size = _size(width, height, basecolor[0])
        made = texot.synthesize_material(material, size, quality=quality, seed=seed, callback=follow).material
        found = []
        for role in self.RETURN_NAMES:
            planes = torch.zeros(3, size[1], size[0])
            if role in made.layers:
                values = made.layers[role].values
                top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
                planes = torch.from_numpy(values.astype(np.float32) / top).clamp(0, 1).permute(2, 0, 1)
            found.append(_batch([planes]))
        return tuple(found)


_NODES = {
    "TexotSynthesize": (Synthesize, "texot Synthesise"),
    "TexotMakeTile": (MakeTile, "texot Make Tile"),
    "TexotInpaint": (Inpaint, "texot Inpaint"),
    "TexotInterpolate": (Interpolate, "texot Interpolate"),
    "TexotSample": (Sample, "texot Sample"),
    "TexotMaterial": (Material, "texot Material"),
}
NODE_CLASS_MAPPINGS = {name: node for name, (node, _) in _NODES.items()}
NODE_DISPLAY_NAME_MAPPINGS = {name: title for name, (_, title) in _NODES.items()}
