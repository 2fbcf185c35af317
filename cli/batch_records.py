"""What `texot batch` keeps of each item: a record, by which it is skipped next time, and small pictures.

Records are files of their own, `OUT/.texot-batch/JOB/NAME.json`, so that any number of processes and machines
can write them at the same time.
"""

import base64
import io
import json
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from texot.cli.batch_recipe import IMAGES, Item
from texot.files.material_names import role_of
from texot.files.whole import write_whole

FOLDER = ".texot-batch"
_THUMBNAIL = 256  # pixels of the longer side


@dataclass
class Record:
    """How an item ended.

    Attributes:
        item: its name.
        state: "done", "failed" or "interrupted".
        key: hash of what it depends on, see `Item.key`; empty if its inputs cannot be read.
        words: its command line after `texot`.
        message: of an error.
        seconds: of the process.
        outputs: written files and folders, relative to OUT, with their bytes, of a folder those of its files.
        pictures: thumbnails of the input and of outputs, as data URIs.
        unchanged: whether it was skipped this time; not stored.
    """

    item: str
    state: str
    key: str = ""
    words: list[str] = field(default_factory=list)
    message: str = ""
    seconds: float = 0.0
    outputs: dict[str, int] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    unchanged: bool = False

    def is_current(self, key: str, out: Path) -> bool:
        """Whether the item need not be made again: the same key, and its files are there in their sizes."""
        return (
            self.state == "done"
            and self.key == key
            and bool(key)
            and self.outputs == sizes(self.outputs, out)
        )

    def write(self, out: Path) -> None:
        """Store it.

        Raises:
            OutputError: the file cannot be written.
        """
        path = _path(out, self.item)
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {key: value for key, value in asdict(self).items() if key != "unchanged"}
        write_whole(path, json.dumps(stored, indent=1).encode())


def read_record(out: Path, item: str) -> Record | None:
    """The record of an item; None if there is none that can be read."""
    try:
        return Record(**json.loads(_path(out, item).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _path(out: Path, item: str) -> Path:
    return out / FOLDER / f"{item}.json"


def sizes(outputs: Iterable[str], out: Path) -> dict[str, int]:
    """Bytes of files, by name; of a folder those of all files in it, -1 for what is missing."""
    found = {}
    for name in outputs:
        path = out / name
        files = [part for part in path.iterdir() if part.is_file()] if path.is_dir() else [path]
        found[name] = sum(part.stat().st_size for part in files) if path.exists() else -1
    return found


def thumbnails(item: Item, outputs: list[Path]) -> dict[str, str]:
    """Small pictures of an item's first input and of its outputs; without those that Pillow cannot read."""
    found = {"input": item.inputs[0], **{path.name: path for path in outputs[:12]}}
    made = {name: _thumbnail(path) for name, path in found.items()}
    return {name: uri for name, uri in made.items() if uri}


def _thumbnail(path: Path) -> str:
    from PIL import Image

    if path.is_dir():
        maps = {
            (role_of(p.name) or ("",))[0]: p for p in sorted(path.iterdir()) if p.suffix.lower() in IMAGES
        }
        path = maps.get("basecolor") or next(iter(maps.values()), path)
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            image.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
            if image.mode.startswith("I;16"):
                image = image.point(lambda value: value / 257).convert("L")
            small = image.convert("RGB")
            small.thumbnail((_THUMBNAIL, _THUMBNAIL))
            stream = io.BytesIO()
            small.save(stream, "JPEG", quality=85)
    except Exception:  # of a picture for people only: an EXR, a broken file, one of a billion pixels
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
