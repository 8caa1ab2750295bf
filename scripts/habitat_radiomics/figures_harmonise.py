"""Patients and features by site before and after harmonisation."""

import numpy as np

from habitat_radiomics.style import (
    BLACK,
    DOUBLE_COLUMN_MM,
    GREY,
    LIGHT_GREY,
    MODEL_COLOURS,
    new_figure,
    styled,
    write_title,
)

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WHEN_COLOURS = {"before": LIGHT_GREY, "after": MODEL_COLOURS[0]}


@styled
def draw_harmonisation(components, tests, batch, *, label, batch_label, alpha=0.05):
    """Draw the patients in two principal components by batch, before and after, and how much the batches explain.

    Parameters
    ----------
    components : dict
        ``before`` and ``after`` to what `batch_tests.principal_components` gives.
    tests : dict
        ``before`` and ``after`` to what `batch_tests.batch_tests` gives.
    batch : Series
        Name of the batch by patient.
    label : str
        What was harmonised.
    batch_label : str
        What a batch is, singular: ``site``.
    alpha : float
        Level of the adjusted p values that are counted.
    """
    figure = new_figure(DOUBLE_COLUMN_MM, 78)
    write_title(figure, label)
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.05))
    for axis, when in zip(axes, ("before", "after"), strict=False):
        _draw_patients(axis, components[when], batch, when)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=min(len(labels), 4), handletextpad=0.2)
    _draw_explained(axes[2], tests, batch_label, alpha)
    return figure


def _draw_patients(axes, components, batch, when):
    coordinates, explained = components
    for number, name in enumerate(sorted(batch.unique())):
        rows = coordinates[(batch.loc[coordinates.index] == name).to_numpy()]
        colour = MODEL_COLOURS[number % len(MODEL_COLOURS)]
        style = {"color": colour, "marker": MARKERS[number % len(MARKERS)]}
        axes.scatter(
            rows["PC1"], rows["PC2"], s=11, alpha=0.75, linewidths=0, label=f"{name} (n = {len(rows)})", **style
        )
        axes.scatter(*rows.mean(), s=60, edgecolors=BLACK, linewidths=0.8, zorder=3, **style)
    axes.axhline(0, color=LIGHT_GREY, linewidth=0.5, zorder=0)
    axes.axvline(0, color=LIGHT_GREY, linewidth=0.5, zorder=0)
    axes.set_title(f"{when.capitalize()} harmonisation", fontweight="normal", fontsize=7.5)
    axes.set_xlabel(f"Component 1 ({explained[0]:.0%} of variance)")
    axes.set_ylabel(f"Component 2 ({explained[1]:.0%} of variance)")


def _draw_explained(axes, tests, batch_label, alpha):
    """Cumulative share of the features by the variance that lies between batches."""
    for when, table in tests.items():
        shares = np.sort(table["explained"].dropna())
        significant = int((table["q"] < alpha).sum())
        text = f"{when}: {significant} of {len(shares)} with q < {alpha:g}"
        heights = np.arange(1, len(shares) + 1) / max(len(shares), 1)
        axes.step(np.r_[0, shares], np.r_[0, heights], where="post", color=WHEN_COLOURS[when], label=text)
    axes.set(xlim=(0, None), ylim=(0, 1.02), ylabel="Share of the features")
    axes.set_xlabel(f"Variance explained by {batch_label}")
    axes.set_title(f"Effect of {batch_label} on features", fontweight="normal", fontsize=7.5)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), labelcolor=GREY)
