"""What buttons and menus do, as callables: the views that offer them need nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Actions:
    """The actions of the window, each without arguments.

    Attributes:
        open, open_material, paste: open an image of a file, a material of a folder, what the clipboard holds.
        batch: queue the images of a folder.
        straighten: crop and turn the open photograph.
        generate, draft: run the settings in front, at their quality or as a draft.
        new_seed: the same with another seed.
        render_final: repeat the selected result at the quality of its form.
        stop: end the running job.
        save, copy_image, copy_command: the selected result.
        save_all: write all results to a folder.
        quit: close the window.
    """

    open: Callable[[], object]
    open_material: Callable[[], object]
    paste: Callable[[], object]
    batch: Callable[[], object]
    straighten: Callable[[], object]
    generate: Callable[[], object]
    draft: Callable[[], object]
    new_seed: Callable[[], object]
    render_final: Callable[[], object]
    stop: Callable[[], object]
    save: Callable[[], object]
    save_all: Callable[[], object]
    copy_image: Callable[[], object]
    copy_command: Callable[[], object]
    quit: Callable[[], object]
