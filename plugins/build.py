"""Copy the shared client into the plug-ins, and pack them: `python plugins/build.py [--zip FOLDER]`."""

import argparse
import shutil
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent
CLIENT = ROOT / "shared" / "texot_client.py"
COPIES = tuple(
    ROOT / folder / CLIENT.name
    for folder in ("blender/texot_blender", "krita/texot_krita", "gimp/texot_gimp")
)
"""Copies of the client. ComfyUI's nodes call the library."""
ARCHIVES = {
    "texot-blender.zip": ("blender", "texot_blender"),
    "texot-krita.zip": ("krita", "."),
    "texot-gimp.zip": ("gimp", "."),
    "texot-comfyui.zip": ("comfyui", "."),
}
"""Archives: folder of the plug-in, and what of it."""


def copy() -> None:
    """Copy the client."""
    for path in COPIES:
        shutil.copyfile(CLIENT, path)


def pack(folder: Path) -> list[Path]:
    """Write an archive of each plug-in, with the same bytes for the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, (host, part) in ARCHIVES.items():
        base = ROOT / host
        files = sorted(p for p in (base / part).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                about = zipfile.ZipInfo(path.relative_to(base).as_posix(), (2020, 1, 1, 0, 0, 0))
                about.external_attr = (0o755 if path.suffix == ".py" and host == "gimp" else 0o644) << 16
                archive.writestr(about, path.read_bytes(), zipfile.ZIP_DEFLATED)
        made.append(folder / name)
    return made


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--zip", type=Path, metavar="FOLDER", help="also write an archive of each plug-in there"
    )
    given = parser.parse_args()
    copy()
    for path in pack(given.zip) if given.zip else []:
        print(path)


if __name__ == "__main__":
    main()
