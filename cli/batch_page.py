"""What `texot batch` writes at the end: `index.html`, a contact sheet in one file, and `summary.json`."""

import html
import json
import shlex
from pathlib import Path
from urllib.parse import quote

from texot import __version__
from texot._version import ALGORITHM
from texot.cli.batch_records import Record
from texot.files.whole import write_whole

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bad: #c33; --good: #2a7; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h2 { margin-top: 2rem; font-size: 1.1rem; }
.items { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; padding: .6rem; border: 1px solid var(--line); border-radius: .4rem; overflow: hidden; }
figure.failed, figure.interrupted { border-color: var(--bad); }
.pictures { display: flex; flex-wrap: wrap; gap: .4rem; align-items: flex-start; }
.pictures img { max-width: 100%; max-height: 10rem; display: block; }
.input img { max-height: 4rem; opacity: .85; }
figcaption { margin-top: .4rem; overflow-wrap: anywhere; }
.state { color: var(--good); } .failed .state, .interrupted .state { color: var(--bad); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; }
"""


def write_page(records: list[Record], out: Path, headline: str) -> None:
    """Write the contact sheet and the summary of all items.

    Raises:
        OutputError: a file cannot be written.
    """
    write_whole(out / "index.html", page(records, headline).encode())
    rows = [
        {
            "item": record.item,
            "state": record.state,
            "unchanged": record.unchanged,
            "seconds": round(record.seconds, 3),
            "outputs": sorted(record.outputs),
            "message": record.message,
            "command": ["texot", *record.words],
        }
        for record in records
    ]
    about = {"texot": __version__, "algorithm": ALGORITHM, "summary": headline, "items": rows}
    write_whole(out / "summary.json", json.dumps(about, indent=1).encode())


def page(records: list[Record], headline: str) -> str:
    """The contact sheet, by jobs. Every text from outside is escaped."""
    jobs: dict[str, list[str]] = {}
    for record in records:
        jobs.setdefault(record.item.partition("/")[0], []).append(_figure(record))
    parts = [
        f"<h2>{html.escape(name)}</h2><div class='items'>{''.join(own)}</div>" for name, own in jobs.items()
    ]
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>texot batch</title>"
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{_STYLE}</style><h1>texot batch</h1><p>{html.escape(headline)}</p>{''.join(parts)}"
        f"<p>texot {__version__}, algorithm {ALGORITHM}</p></html>"
    )


def _figure(record: Record) -> str:
    escaped = {name: html.escape(name) for name in [*record.pictures, *record.outputs]}
    shown = [
        f"<a class='{'input' if name == 'input' else 'output'}'{_link(name, record)}>"
        f"<img src='{html.escape(uri)}' alt='{escaped[name]}' title='{escaped[name]}' loading='lazy'></a>"
        for name, uri in sorted(record.pictures.items(), key=lambda pair: pair[0] != "input")
    ]
    links = "".join(
        f"<br><a href='{html.escape(quote(name))}'>{escaped[name]}</a>" for name in sorted(record.outputs)
    )
    state = "unchanged" if record.unchanged else f"{record.state}, {record.seconds:.1f} s"
    message = f"<p>{html.escape(record.message)}</p>" if record.message else ""
    command = html.escape(shlex.join(["texot", *record.words]))
    return (
        f"<figure class='{record.state}'><div class='pictures'>{''.join(shown)}</div>"
        f"<figcaption><b>{html.escape(record.item.partition('/')[2])}</b> "
        f"<span class='state'>{state}</span>{message}{links}"
        f"<details><summary>command</summary><pre>{command}</pre></details></figcaption></figure>"
    )


def _link(name: str, record: Record) -> str:
    """The link of a picture to its file."""
    files = [path for path in record.outputs if path.rpartition("/")[2] == name]
    return f" href='{html.escape(quote(files[0]))}'" if files else ""
