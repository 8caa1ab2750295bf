"""The permutation test of a model: AUCs (or C) of the whole chain under permuted outcomes, and that of the study."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from habitat_radiomics.labels import cohort_label, count, number, p_value
from habitat_radiomics.style import BLUE, GREY, SINGLE_COLUMN_MM, VERMILION, new_figure, styled, write_title

HEADROOM = 1.7  # of the panels, for the words above the bars
MEASURES = {"auc": "AUC", "c_index": "C-index"}
BINS = np.linspace(0, 1, 41)


@styled
def draw_permutation(areas, test, *, label):
    """Draw one histogram a cohort.

    Parameters
    ----------
    areas : DataFrame
        See `resampling.merge_permutations`.
    test : DataFrame
        See `resampling.permutation_test`.
    label : str
        The model.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(SINGLE_COLUMN_MM, 12 + 36 * len(test))
    write_title(figure, label)
    panels = figure.subplots(len(test), 1, sharex=True, squeeze=False)[:, 0]
    measure = next(name for name in MEASURES if name in areas)
    for axes, row in zip(panels, test.itertuples(), strict=True):
        permuted = areas.query("cohort == @row.cohort and permutation > 0")[measure].dropna()
        size = areas.query("cohort == @row.cohort and permutation == 0").iloc[0]
        highest = axes.hist(permuted, bins=BINS, color=GREY, alpha=0.6)[0].max()
        axes.set_ylim(0, HEADROOM * max(highest, 1))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.axvline(0.5, color=BLUE, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.axvline(row.observed, color=VERMILION)
        axes.set_title(f"{cohort_label(row.cohort)}, n = {count(size['n'])}, {count(size['events'])} events")
        axes.text(0.02, 0.95, panel_text(row), transform=axes.transAxes, va="top", fontsize=7)
        axes.set_ylabel("Permutations")
    panels[-1].set(xlabel=f"{MEASURES[measure]} (bars: permuted; solid: study; dashed: chance)", xlim=(0, 1))
    return figure


def panel_text(row):
    """Return the observed AUC (or C), the number of permutations and p value of one cohort."""
    p = p_value(row.p)
    p = f"p {p[0]} {p[1:]}" if p.startswith("<") else f"p = {p}"
    return f"Study {number(row.observed)}\n{count(row.permutations)} permutations\n{p}"
