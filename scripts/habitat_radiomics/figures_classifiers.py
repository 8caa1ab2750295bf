"""Classifiers beside each other: their AUCs by model and cohort."""

from textwrap import fill

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from habitat_radiomics.estimator_words import SIMPLICITY, WORDS
from habitat_radiomics.labels import cohort_label, percent
from habitat_radiomics.style import BLACK, BLUE, DOUBLE_COLUMN_MM, GREY, new_figure, styled, write_title
from habitat_radiomics.validation import cohorts_of

SHOWN = ("train_cv", "internal", "external")  # the apparent AUC of a forest says nothing
WORST, BEST = 0.4, 1.0  # ends of the colours
COLOURS = LinearSegmentedColormap.from_list("auc", ["#FFFFFF", "#D6E6F2", BLUE])
ROW_MM, HEAD_MM = 9, 34
NAME_WIDTH = 20  # characters of a line of a classifier's name


@styled
def draw_classifiers(areas, *, models, level):
    """Draw the AUC of every classifier (rows) of every model (columns) with its interval, a panel for each cohort.

    Parameters
    ----------
    areas : DataFrame
        See `classifier_tables.classifier_areas`.
    models : list of dict
        ``name`` and ``label``, in the order of the study.
    level : float
        Of the intervals.
    """
    kinds = [kind for kind in SIMPLICITY if (areas["classifier"] == kind).any()]
    cohorts = [cohort for cohort in cohorts_of(areas) if cohort in SHOWN]
    figure = new_figure(DOUBLE_COLUMN_MM, HEAD_MM + ROW_MM * len(kinds))
    write_title(figure, f"AUC ({percent(level)} CI) of every classifier")
    panels = np.atleast_1d(figure.subplots(1, len(cohorts), sharey=True))
    for axes, cohort in zip(panels, cohorts, strict=True):
        picture = _draw_panel(axes, areas[areas["cohort"] == cohort], kinds, models, cohort)
    panels[0].set_yticks(range(len(kinds)), [fill(WORDS[kind].name, NAME_WIDTH) for kind in kinds])
    bar = figure.colorbar(picture, ax=list(panels), shrink=0.9, pad=0.01, aspect=30)
    bar.outline.set_linewidth(0.5)
    bar.set_label("AUC")
    figure.supxlabel("Framed: chosen on the training patients", x=0.01, ha="left", fontsize=7, color=GREY)
    return figure


def _draw_panel(axes, areas, kinds, models, cohort):
    table = areas.set_index(["classifier", "model"])
    names = [model["name"] for model in models]
    values = np.full((len(kinds), len(names)), np.nan)
    for i, kind in enumerate(kinds):
        for j, name in enumerate(names):
            if (kind, name) in table.index:
                values[i, j] = table.loc[(kind, name), "auc"]
                _write_cell(axes, i, j, table.loc[(kind, name)], len(names))
    picture = axes.imshow(values, cmap=COLOURS, vmin=WORST, vmax=BEST, aspect="auto")
    sizes = areas.iloc[0]
    axes.set_title(
        f"{cohort_label(cohort)}\n(n = {sizes['n']}, {sizes['events']} events)", fontsize=7, fontweight="normal"
    )
    axes.set_xticks(range(len(names)), [model["label"] for model in models], rotation=0 if len(names) < 4 else 30)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return picture


def _write_cell(axes, i, j, row, columns):
    colour = "white" if row["auc"] > 0.87 else BLACK
    axes.text(j, i - 0.14, f"{row['auc']:.2f}", ha="center", va="center", color=colour, fontsize=7.5)
    text = (
        f"{row['ci_low']:.2f} to {row['ci_high']:.2f}"
        if columns < 4
        else f"{row['ci_low']:.2f}\N{EN DASH}{row['ci_high']:.2f}"
    )
    axes.text(j, i + 0.24, text, ha="center", va="center", color=colour, fontsize=5)
    if row["chosen"]:
        axes.add_patch(Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, edgecolor=BLACK, linewidth=1.4))
