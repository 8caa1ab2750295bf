"""The radiomics score by outcome, cohort by cohort."""

import numpy as np
import pandas as pd

from habitat_radiomics.labels import cohort_label
from habitat_radiomics.style import CLASS_COLOURS, DOUBLE_COLUMN_MM, GREY, new_figure, styled, write_note, write_title

COHORT_ORDER = ("train", "train_cv", "internal", "external")
FEWEST_FOR_BOX = 5
TITLES = {"train": "Training,\napparent", "train_cv": "Training,\ncross-fitted"}


def score_table(scores, cross_fitted, outcome):
    """Return patient, cohort, outcome and score; cross-fitted scores of training patients are cohort ``train_cv``.

    Parameters
    ----------
    scores, cross_fitted : DataFrame
        With ``patient`` and ``score``.
    outcome : DataFrame
        patient, cohort, outcome (0 or 1).
    """
    known = outcome[["patient", "cohort", "outcome"]]
    everyone = scores[["patient", "score"]].merge(known, on="patient")
    held_out = cross_fitted[["patient", "score"]].merge(known, on="patient").assign(cohort="train_cv")
    return pd.concat([everyone, held_out], ignore_index=True)[["patient", "cohort", "outcome", "score"]]


@styled
def draw_scores(table, *, label, outcome_label):
    """Draw the scores of one signature by outcome, one panel per cohort on a common scale.

    Parameters
    ----------
    table : DataFrame
        See `score_table`.
    label, outcome_label : str
        Names of the signature and of the outcome.
    """
    cohorts = [cohort for cohort in COHORT_ORDER if (table["cohort"] == cohort).any()]
    figure = new_figure(DOUBLE_COLUMN_MM, 74)
    write_title(figure, f"{label}: score by outcome ({outcome_label})")
    panels = figure.subplots(1, max(len(cohorts), 1), sharey=True, squeeze=False)[0]
    if not cohorts:
        write_note(panels[0], "No patient has a score.")
    for axes, cohort in zip(panels, cohorts, strict=False):
        _draw_cohort(axes, table[table["cohort"] == cohort])
        axes.set_title(TITLES.get(cohort) or cohort_label(cohort), fontweight="normal")
        axes.tick_params(axis="y", left=axes is panels[0])
    panels[0].set_ylabel("Radiomics score")
    return figure


def _draw_cohort(axes, rows):
    """One strip per class, with a box (median, quartiles, 1.5 times their distance) where there are enough patients."""
    ticks = []
    for position, (word, colour) in enumerate(zip(("no", "yes"), CLASS_COLOURS, strict=True)):
        values = np.sort(rows.loc[rows["outcome"] == position, "score"].dropna().to_numpy(dtype=float))
        ticks.append(f"{word}\nn = {len(values)}")
        if len(values) >= FEWEST_FOR_BOX:
            axes.boxplot(values, positions=[position], widths=0.5, showfliers=False, **_box_lines())
        axes.scatter(position + _spread(values), values, s=7, color=colour, alpha=0.75, linewidths=0, zorder=3)
    axes.set_xticks([0, 1], ticks)
    axes.set_xlim(-0.5, 1.5)


def _box_lines():
    line = {"color": GREY, "linewidth": 0.8}
    return dict.fromkeys(("boxprops", "whiskerprops", "capprops"), line) | {"medianprops": {**line, "linewidth": 1.6}}


def _spread(values, width=0.16):
    """Sideways positions of sorted values: neighbours alternate left and right, so that no random jitter is needed."""
    steps = np.array([0.0, 0.8, -0.4, 0.4, -0.8])
    return width * steps[np.arange(len(values)) % len(steps)]
