"""What the predictions of a model rest on: the fall of its AUC without each input, by cohort."""

from textwrap import fill

import numpy as np

from habitat_radiomics.labels import cohort_label, feature_label
from habitat_radiomics.style import BLACK, BLUE, DOUBLE_COLUMN_MM, GREY, LIGHT_GREY, new_figure, styled, write_title
from habitat_radiomics.validation import cohorts_of

MOST = 15  # inputs drawn
ROW_MM, HEAD_MM = 6.2, 32
LEFT_FREE = (0.03, 0, 0.97, 1)  # the layout gives names of two lines a little less than they take
NAME_WIDTH = 44  # characters of a line of a name


@styled
def draw_importance(table, *, label, labels, permutations):
    """Draw the fall of the AUC when an input is dealt out anew: bars are means, lines the middle 95 %.

    Parameters
    ----------
    table : DataFrame
        See `importance.COLUMNS`.
    label : str
        Of the model.
    labels : dict
        Signature or clinical variable to its printed name.
    permutations : int
        How often every input was dealt out.
    """
    names = _drawn(table)
    cohorts = cohorts_of(table)
    figure = new_figure(DOUBLE_COLUMN_MM, HEAD_MM + ROW_MM * len(names))
    figure.get_layout_engine().set(rect=LEFT_FREE)
    write_title(figure, f"{label}: what its predictions rest on")
    panels = np.atleast_1d(figure.subplots(1, len(cohorts), sharey=True, sharex=True))
    for axes, cohort in zip(panels, cohorts, strict=True):
        _draw_panel(axes, table[table["cohort"] == cohort].set_index("predictor"), names, cohort)
    panels[0].set_yticks(range(len(names)), [fill(_name(name, labels), NAME_WIDTH) for name in names], fontsize=6)
    panels[0].invert_yaxis()
    total = table["predictor"].nunique()
    shown = "" if total <= MOST else f"; the {MOST} largest of {total} inputs"
    what = f"mean and middle 95 % of {permutations} permutations{shown}"
    figure.supxlabel(f"Fall of the AUC when the input is dealt out anew ({what})", fontsize=7)
    return figure


def _drawn(table):
    """Inputs by the mean of their falls over the cohorts, 0 where they were not used."""
    falls = table.pivot(index="predictor", columns="cohort", values="fall").fillna(0).mean(axis=1)
    return list(falls.sort_values(ascending=False, kind="stable").index[:MOST])


def _name(predictor, labels):
    signature, _, feature = predictor.partition("/")
    return feature_label(feature) if feature else labels.get(signature, signature)


def _draw_panel(axes, table, names, cohort):
    found = table.reindex(names)
    places = np.arange(len(names))
    axes.barh(places, found["fall"].fillna(0), height=0.62, color=BLUE)
    axes.hlines(places, found["lowest"], found["highest"], color=BLACK, linewidth=0.8)
    for place in places[found["fall"].isna()]:
        axes.text(0, place, " not selected", va="center", fontsize=5.5, color=GREY)
    axes.axvline(0, color=LIGHT_GREY, linewidth=0.7, zorder=0)
    sizes = table.iloc[0]
    title = f"{cohort_label(cohort)}\n(n = {sizes['n']:.0f}, AUC {sizes['auc']:.2f})"
    axes.set_title(title, fontsize=7, fontweight="normal")
    axes.tick_params(axis="y", length=0)
