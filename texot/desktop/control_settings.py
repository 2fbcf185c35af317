"""What goes where in a new texture: the settings, and the files and arguments that they give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from texot.desktop.requests import FOLLOWED, PICTURES, JobRequest
from texot.desktop.sizes import Size
from texot.errors import InputError

OF_ONE = ("source", "weights_map", "labels", "target_labels", "guide_exemplar", "rotation_map", "scale_map")
"""Pictures that belong to the only exemplar; with several exemplars they are not used."""
_FOR_ANY = ("guide", "guide_strength", "target_size", "symmetry")  # settings that hold for any exemplar
_HALF = 0.5


@dataclass(frozen=True)
class ControlSettings:
    """The settings of `texot.synthesize` that say what goes where.

    Attributes:
        others: paths of exemplars besides the open image.
        shares: percent of the result that the open image and the others have, of sum 100; empty: by area.
        blend_scale: size of the areas of several exemplars, in [0, 1].
        source, weights_map, labels, target_labels, guide, guide_exemplar, rotation_map, scale_map: paths of
            pictures, or None.
        guide_strength: in [0, 1].
        symmetry: "none", "flips", "rotations" or "both".
        target_size: size in pixels of the picture that the result follows, or None.
    """

    others: tuple[str, ...] = ()
    shares: tuple[int, ...] = ()
    blend_scale: float = _HALF
    source: str | None = None
    weights_map: str | None = None
    labels: str | None = None
    target_labels: str | None = None
    guide: str | None = None
    guide_exemplar: str | None = None
    rotation_map: str | None = None
    scale_map: str | None = None
    guide_strength: float = _HALF
    symmetry: str = "none"
    target_size: Size | None = None

    @property
    def pictures(self) -> dict[str, str]:
        """The paths of the pictures that are used, by name."""
        found = {name: getattr(self, name) for name in PICTURES}
        unused = OF_ONE if self.others else ()
        if not self.guide:
            unused = (*unused, "guide_exemplar")
        return {name: path for name, path in found.items() if path and name not in unused}

    @property
    def size(self) -> str | None:
        """The size of a result that follows a picture; None without one."""
        follows = self.pictures.keys() & set(FOLLOWED)
        return "{}x{}".format(*self.target_size) if follows and self.target_size else None

    def files(self, image: str) -> dict[str, Any]:
        """The input files of a job, by role."""
        return {"images": [image, *self.others]} if self.others else {"image": image}

    def arguments(self) -> dict[str, Any]:
        """The arguments of the public function; those that have their default are left out.

        Raises:
            InputError: labels of the exemplar without labels of the result, or the reverse.
        """
        pictures = self.pictures
        if ("labels" in pictures) != ("target_labels" in pictures):
            lacking = "result" if "labels" in pictures else "original"
            raise InputError(
                f"labels of the {lacking} are missing: paint them, or open a picture of them, or clear the "
                "others"
            )
        found: dict[str, Any] = dict(pictures)
        if self.others:
            found["proportions"] = [share / 100 for share in self.shares] or None
            found["blend_scale"] = self.blend_scale
        if "guide" in pictures:
            found["guide_strength"] = self.guide_strength
        if self.symmetry != "none":
            found["symmetry"] = self.symmetry
        return {name: value for name, value in found.items() if value is not None}

    @property
    def summary(self) -> str:
        """What is used, in words; empty: nothing."""
        found = [f"{1 + len(self.others)} exemplars"] if self.others else []
        found += [name.replace("_", " ") for name in self.pictures if name != "target_labels"]
        found += [f"symmetry {self.symmetry}"] if self.symmetry != "none" else []
        return ", ".join(found)

    def for_any_image(self) -> ControlSettings:
        """These settings without what belongs to the open image."""
        return replace(PLAIN, **{name: getattr(self, name) for name in _FOR_ANY})

    @classmethod
    def from_request(cls, request: JobRequest) -> ControlSettings:
        """The settings that a request has."""
        others, arguments = request.files.get("images", [""])[1:], request.arguments
        proportions = arguments.get("proportions") or ()
        given = {name: arguments[name] for name in (*PICTURES, "symmetry") if arguments.get(name)}
        numbers = {
            name: arguments[name]
            for name in ("blend_scale", "guide_strength")
            if arguments.get(name) is not None
        }
        shares = tuple(round(100 * share) for share in proportions)
        return cls(tuple(others), shares, **given, **numbers)


PLAIN = ControlSettings()
"""Those of a plain synthesis."""
