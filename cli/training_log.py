"""The files of `texot train --log-dir`: metrics as JSON lines, a plot of the loss, previews."""

import json
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from texot.errors import one_line

if TYPE_CHECKING:
    from texot import State
    from texot.generator.trainer import Trainer

log = logging.getLogger("texot")

LOG_FILES = r"metrics\.jsonl|loss\.png|preview-\d{6,}\.png"
"""Pattern of the file names."""
_NAMES = ("total_step", "scale", "step", "loss", "marginal_error", "seconds")
_PREVIEW_SEED = 0


class TrainingLog:
    """Writes metrics and previews of a training to a folder, if one is given.

    Errors during the training only give a warning: a full disk must not end the training.

    Args:
        folder: the folder, created if missing, or None.
        preview_every: steps between previews, and between plots.
        done: steps already done by a resumed training; metrics of later steps are dropped.

    Raises:
        OutputError: the folder cannot be created or written.
    """

    def __init__(self, folder: Path | None, preview_every: int, done: int) -> None:
        self.folder, self.every = folder, preview_every
        self._losses: list[tuple[int, float]] = []
        self._metrics: TextIO | None = None
        if folder is not None:
            self._open(folder, done)

    def _open(self, folder: Path, done: int) -> None:
        from texot.errors import OutputError
        from texot.files.whole import write_whole

        path = folder / "metrics.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept = []
            for line in path.read_text(encoding="utf-8").splitlines() if done and path.exists() else []:
                row = _row(line)
                if row is not None and row["total_step"] <= done:
                    kept.append(line)
                    self._losses.append((int(row["scale"]), float(row["loss"] or math.nan)))
            write_whole(path, "".join(line + "\n" for line in kept).encode())
            self._metrics = path.open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"cannot write in {str(folder)!r}: {error.strerror}: name another --log-dir"
            ) from error

    def step(self, trainer: "Trainer", state: "State") -> None:
        """Record one step."""
        if self._metrics is None or self.folder is None:
            return
        row = {name: getattr(state, name) for name in _NAMES}
        plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        self._losses.append((state.scale, state.loss))
        try:
            self._metrics.write(json.dumps(plain) + "\n")
            self._metrics.flush()
            if state.total_step % self.every == 0 or state.total_step == state.total_steps:
                self._preview(trainer, state)
        except OSError as error:
            self._warn(error)

    def end(self) -> None:
        """Finish the files after the training."""
        if self._metrics is not None:
            try:
                self._plot()
                self._metrics.close()
            except OSError as error:
                self._warn(error)

    def _warn(self, error: OSError) -> None:
        log.warning("--log-dir is not complete: %s", error.strerror or one_line(error))

    def _preview(self, trainer: "Trainer", state: "State") -> None:
        """Write a sample of the averaged network at the current scale."""
        from texot.files.write import write_image
        from texot.generator.weight_map import WeightMap

        assert self.folder is not None
        side = 256 >> state.scale
        network, mixture, width = trainer.averaged(), None, side
        count = network.architecture.textures
        if count > 1:
            width = 2 * count * side
            area = 0, 0, 256, width << state.scale
            mixture = WeightMap("horizontal", count, area, network.architecture.n_scales)
        image = network.sample(_PREVIEW_SEED, (0, 0), (side, width), scale=state.scale, mixture=mixture)
        code, mode = trainer.source.code, trainer.source.mode
        if code is not None:
            image = code.picture(image)
            mode = "RGB" if len(image) == 3 else "L"
        write_image(image, self.folder / f"preview-{state.total_step:06}.png", mode=mode)
        self._plot()

    def _plot(self) -> None:
        from texot.cli.plot import draw_losses
        from texot.files.exemplar import read_exemplar
        from texot.files.write import write_image

        assert self.folder is not None
        if self._losses:
            n_scales = 1 + max(scale for scale, _ in self._losses)
            plot = read_exemplar(draw_losses(self._losses, n_scales)).pixels
            write_image(plot, self.folder / "loss.png")


def _row(line: str) -> dict[str, Any] | None:
    """A parsed line of metrics; None if a killed process left it incomplete."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and {"total_step", "scale", "loss"} <= set(row) else None
