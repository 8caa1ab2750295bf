"""How the risk that a model predicts moves with its inputs, one panel for each input."""

from textwrap import fill

import numpy as np

from habitat_radiomics.labels import cohort_label, feature_label
from habitat_radiomics.style import BLUE, DOUBLE_COLUMN_MM, VERMILION, new_figure, styled, write_title
from habitat_radiomics.validation import cohorts_of

MOST = 12  # inputs drawn
COLUMNS_OF_PANELS = 3
PANEL_MM, HEAD_MM = 46, 22
NAME_WIDTH = 34  # characters of a line of a name
LOOKS = ((BLUE, "-", "o"), (VERMILION, (0, (5, 1.5)), "s"))


@styled
def draw_partial_dependence(table, *, label, labels, outcome_label):
    """Draw the mean predicted risk by the value of an input, with the middle half of the patients' own curves.

    Marks at the bottom are the tenths of the patients: between them a curve stands on data.

    Parameters
    ----------
    table : DataFrame
        See `partial_dependence.COLUMNS`, the input that moves the risk most first.
    label, outcome_label : str
        Of the model and of what it predicts.
    labels : dict
        Signature or clinical variable to its printed name.
    """
    names, cohorts = list(table["predictor"].unique()), cohorts_of(table)
    shown = names[:MOST]
    rows = -(-len(shown) // COLUMNS_OF_PANELS)
    figure = new_figure(DOUBLE_COLUMN_MM, HEAD_MM + PANEL_MM * rows)
    write_title(figure, f"{label}: risk by the value of an input")
    panels = np.atleast_1d(figure.subplots(rows, min(COLUMNS_OF_PANELS, len(shown)), sharey=True)).ravel()
    for axes, name in zip(panels, shown, strict=False):
        _draw_panel(axes, table[table["predictor"] == name], cohorts)
        axes.set_xlabel(fill(_name(name, labels), NAME_WIDTH), fontsize=6.5)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=2)
    rest = f" ({MOST} of {len(names)} inputs)" if len(names) > MOST else ""
    figure.supylabel(f"Mean predicted probability of {outcome_label}{rest}", fontsize=7.5)
    return figure


def _name(predictor, labels):
    signature, _, feature = predictor.partition("/")
    return feature_label(feature) if feature else labels.get(signature, signature)


def _draw_panel(axes, rows, cohorts):
    for position, (cohort, (colour, line, mark)) in enumerate(zip(cohorts, LOOKS, strict=False)):
        own = rows[rows["cohort"] == cohort]
        words = f"{cohort_label(cohort)}, n = {own['n'].iloc[0]:.0f} (mean; middle half of the patients)"
        if own["kind"].iloc[0] == "category":
            places = np.arange(len(own)) + 0.16 * (position - (len(cohorts) - 1) / 2)
            axes.vlines(places, own["low"], own["high"], color=colour, alpha=0.4, linewidth=4)
            axes.plot(places, own["risk"], color=colour, linestyle="none", marker=mark, markersize=4, label=words)
            axes.set_xticks(range(len(own)), own["level"])
            axes.set_xlim(-0.5, len(own) - 0.5)
        else:
            axes.fill_between(own["value"], own["low"], own["high"], color=colour, alpha=0.15, linewidth=0)
            axes.plot(own["value"], own["risk"], color=colour, linestyle=line, label=words)
            _mark_tenths(axes, own, colour, position)
    axes.set_ylim(0, 1)


def _mark_tenths(axes, own, colour, position):
    """Short lines at the bottom where tenths of the patients lie, as far as the curve goes."""
    tenths = np.arange(0.1, 0.95, 0.1)
    inside = tenths[(tenths >= own["share"].min()) & (tenths <= own["share"].max())]
    places = np.interp(inside, own["share"], own["value"])
    axes.vlines(places, 0.005 + 0.035 * position, 0.033 + 0.035 * position, color=colour, linewidth=0.8)
