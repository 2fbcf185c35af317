"""What each figure is called and means: the names are those of `texot evaluate --json`, and stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure of a result.

    Attributes:
        name: key of the dict and of the JSON object.
        title: heading of its row.
        meaning: what it is and how to read it, in a sentence or two.
        goal: as good as it gets: values below are no better, since a copy has them too.
        unit: written behind the number: "", "dB" or "%"; values themselves are shares, .5 for 50%.
        rising: whether more is better.
    """

    name: str
    title: str
    meaning: str
    goal: float = 0.0
    unit: str = ""
    rising: bool = False

    def badness(self, value: float) -> float:
        """0 at the goal or beyond it, more the further from it: results are compared by this."""
        return max(0.0, self.goal - value if self.rising else value - self.goal)


FIGURES = {
    figure.name: figure
    for figure in (
        Figure(
            "distance",
            "patch distance 4x4",
            "Exact optimal transport between samples of 4x4 patches, mean over scales, relative to what real "
            "texture has: 1 is as close as the exemplar is to its unseen part (or its halves to each other). "
            "Less is no better: a shifted copy has the least.",
            1,
        ),
        Figure(
            "distance_8x8",
            "patch distance 8x8",
            "The same for 8x8 patches at full size. Mild blur lowers it: read it with the excess.",
            1,
        ),
        Figure(
            "excess_8x8",
            "excess 8x8",
            "The part of the 8x8 distance above what finite samples have by themselves, over the distance of "
            "the exemplar's halves: 0 for equal distributions. Blur raises it.",
        ),
        Figure(
            "semi_dual",
            "semi-dual, all patches",
            "Transport of all 4x4 patches at the scales of up to 96 pixels, by the converged semi-dual, "
            "relative to what real texture has.",
            1,
        ),
        Figure(
            "sliced",
            "sliced distance",
            "Sliced Wasserstein distance of all 8x8 patches, relative to what real texture has: no samples, "
            "so blur does not lower it.",
            1,
        ),
        Figure(
            "spectrum_db",
            "spectrum",
            "Root mean square difference of radial power spectra: blur and noise raise it. Up to 1 dB is "
            "hard to see.",
            unit="dB",
        ),
        Figure(
            "lattice_db",
            "lattice",
            "How much stronger a weave of 2, 4 or 8 pixels is than in the exemplar.",
            unit="dB",
        ),
        Figure(
            "autocorrelation",
            "autocorrelation",
            "Root mean square difference of the correlation coefficients at all lags up to a quarter of the "
            "side: lost periods and turned grain raise it.",
        ),
        Figure("mean_error", "mean colour", "Worst channel's relative error of the mean.", unit="%"),
        Figure("deviation_error", "contrast", "Worst channel's relative error of the deviation.", unit="%"),
        Figure(
            "histogram",
            "histogram",
            "Distance of the worst channel's histograms (W1), in deviations of the exemplar.",
        ),
        Figure(
            "gram",
            "deep Gram",
            "Distance of Gram matrices of deep features, relative to what real texture has. Of the figures "
            "it agrees best with the eye.",
            1,
        ),
        Figure(
            "sifid",
            "single-image Frechet",
            "Frechet distance between Gaussians of deep features, relative to what real texture has.",
            1,
        ),
        Figure(
            "oddness",
            "oddness",
            "How unlike anything in the exemplar the oddest twentieth of the places is, relative to the "
            "exemplar's own parts among themselves: mush and broken motifs. 1 is as odd as the exemplar.",
            1,
        ),
        Figure(
            "layout_share",
            "layout copied",
            "Largest part of the coarse layout that is one shift of the exemplar. Regular patterns are "
            "shifts of themselves.",
            unit="%",
        ),
        Figure(
            "copied",
            "copied patches",
            "Share of 12x12 patches that are copies coherent with two neighbours: small pieces are copies in "
            "most methods, a shifted copy has over 90%.",
            unit="%",
        ),
        Figure(
            "unused",
            "forgotten",
            "Share of the exemplar's pixels that no patch of the result was taken from.",
            unit="%",
        ),
        Figure(
            "repetition",
            "repetition",
            "Share of the result that comes twice in it. Compare with the exemplar's own.",
            unit="%",
        ),
        Figure(
            "shared_layout",
            "layout of another",
            "Largest part of the coarse layout that one of the other results has too.",
            unit="%",
        ),
        Figure(
            "diversity",
            "diversity",
            "1 less the mean share of layout that two of the results have in common.",
            1,
            rising=True,
        ),
        Figure(
            "seam",
            "seam",
            "How much rougher it is across the edges that wrap around than inside: about 1, at most 1.4, "
            "where nothing shows. Measured on both axes, whether the result is meant to tile or not.",
            1.4,
        ),
    )
}


def best(figure: Figure, values: Sequence[object]) -> set[int]:
    """Which of several results are best in a figure: those within a hundredth of it."""
    found = {k: figure.badness(v) for k, v in enumerate(values) if isinstance(v, float)}
    if not found:
        return set()
    least = min(found.values())
    return {k for k, badness in found.items() if badness <= least + 0.01 * max(least, figure.goal, 0.01)}


def text(figure: Figure, value: object) -> str:
    """A value as tables show it, with its unit; a dash where there is none."""
    if not isinstance(value, float):
        return "–"
    if figure.unit == "%":
        return f"{100 * value:.{1 if value < 0.1 else 0}f} %"
    return f"{value:.2f}{' ' + figure.unit if figure.unit else ''}"
