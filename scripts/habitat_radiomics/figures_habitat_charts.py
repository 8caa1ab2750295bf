"""Charts of habitats: how many there are, where their centres lie, their shares by outcome, their stability."""

import numpy as np
from matplotlib.colors import Normalize

from habitat_radiomics.figures_habitats import habitat_patches
from habitat_radiomics.habitat_feature_stability import feature_summary
from habitat_radiomics.habitat_stability import ALL, PERTURBATIONS
from habitat_radiomics.habitats import COLOURS
from habitat_radiomics.labels import MINUS, count, number
from habitat_radiomics.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN_MM,
    GREY,
    LIGHT_GREY,
    VERMILION,
    new_figure,
    styled,
    write_note,
    write_title,
)

CRITERIA = {
    "bic": "BIC, difference from its lowest",
    "aic": "AIC, difference from its lowest",
    "silhouette": "Mean silhouette",
    "calinski_harabasz": "Calinski-Harabasz index",
    "elbow": "Inertia, share of that at k = 1",
    "gap": "Gap statistic \N{PLUS-MINUS SIGN} 1 SE",
}
CURVES_IN_A_ROW = 3
MOST_SD = 2.0  # colour scale of the centroids, training standard deviations
EDGE = {"edgecolor": GREY, "linewidth": 0.4}


@styled
def draw_count_curve(curves, *, criterion):
    """Draw a criterion against the number of habitats, one panel per clustering, with the chosen number marked.

    Parameters
    ----------
    curves : dict
        Title (a sequence, or sequences) to ``habitat_count.count_curve``.
    criterion : str
        One that is in the curves.
    """
    columns = min(len(curves), CURVES_IN_A_ROW)
    rows = -(-len(curves) // columns)
    figure = new_figure(min(DOUBLE_COLUMN_MM, 28 + 62 * columns), 66 * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, (title, curve) in zip(panels.flat, curves.items(), strict=False):
        _draw_curve(axes, curve[curve["criterion"] == criterion], criterion, title)
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(CRITERIA[criterion])
    return figure


def _draw_curve(axes, curve, criterion, title):
    k, value = curve["k"].to_numpy(), _shown_values(curve, criterion)
    chosen = curve["chosen"].to_numpy(dtype=bool)
    axes.plot(k, value, color=BLUE, marker="o", markersize=3.5)
    if criterion == "gap":
        axes.errorbar(k, value, curve["se"], fmt="none", ecolor=BLUE, elinewidth=0.9)
    axes.plot(k[chosen], value[chosen], "o", color=VERMILION, markersize=7, zorder=3)
    axes.axvline(k[chosen][0], color=VERMILION, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    axes.set_title(f"{title}: k = {k[chosen][0]}")
    axes.set_xticks(k)
    axes.set_xlabel(_likelihood_words(curve))
    if criterion in ("bic", "aic"):
        _mark_differences(axes, k, value)
    if criterion == "elbow":
        axes.set_ylim(bottom=0)


def _shown_values(curve, criterion):
    value = curve["value"].to_numpy(dtype=float)
    if criterion in ("bic", "aic"):
        return value - np.nanmin(value)
    return value / value[0] if criterion == "elbow" else value


def _likelihood_words(curve):
    observations = curve["observations"].dropna()
    return "Number of habitats" + (f" ({count(round(observations.iloc[0]))} observations)" if len(observations) else "")


def _mark_differences(axes, k, value):
    """Write the small differences near the lowest point, which the large ones at the start flatten."""
    top = np.nanmax(value)
    for at, difference in zip(k, value, strict=True):
        if 0 < difference <= 0.4 * top:
            axes.annotate(
                f"{difference:.0f}", (at, difference), (0, 7), textcoords="offset points", ha="center", size=6.5
            )
    axes.set_ylim(-0.04 * top, 1.08 * top)


@styled
def draw_centroids(artifacts):
    """Draw where the centres of the habitats lie in each channel, in training standard deviations and in intensity.

    Parameters
    ----------
    artifacts : dict
        Title to ``habitats.fit_habitats`` of scope cohort; all panels share one colour scale.
    """
    widths = [len(artifact["channels"]) + 1.6 for artifact in artifacts.values()]
    tallest = max(artifact["k"] for artifact in artifacts.values())
    figure = new_figure(min(DOUBLE_COLUMN_MM, 24 + 26 * sum(widths)), 34 + 11 * tallest)
    panels = figure.subplots(1, len(artifacts), squeeze=False, width_ratios=widths)[0]
    for axes, (title, artifact) in zip(panels, artifacts.items(), strict=True):
        shown = _draw_centres(axes, artifact, title)
    bar = figure.colorbar(shown, ax=list(panels), orientation="horizontal", shrink=0.6, aspect=30, pad=0.04)
    bar.set_label("Centroid: training standard deviations from the mean\nof tumour voxels (mean intensity in brackets)")
    bar.outline.set_visible(False)
    return figure


def _draw_centres(axes, artifact, title):
    values, intensities = np.array(artifact["standardised"])[::-1], np.array(artifact["centroids"])[::-1]
    shown = axes.imshow(values, cmap="RdBu_r", norm=Normalize(-MOST_SD, MOST_SD), aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = f"{number(value)}\n({intensities[row, column]:.3g})".replace("-", MINUS)
        colour = "white" if abs(value) > 0.62 * MOST_SD else BLACK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    names = artifact["names"][::-1]
    numbers = range(artifact["k"], 0, -1)
    axes.set_yticks(
        range(len(names)), [f"{i}  {name}".replace(", ", ",\n") for i, name in zip(numbers, names, strict=True)]
    )
    axes.set_xticks(range(len(artifact["channels"])), artifact["channels"])
    axes.set_title(title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, at in enumerate(numbers):
        axes.plot(
            -0.5, row, marker="s", markersize=5, color=COLOURS[at - 1], markeredgecolor=GREY, clip_on=False, zorder=5
        )
    return shown


@styled
def draw_fractions(fractions, *, names, title, outcome_label):
    """Draw the habitats' shares of each tumour by outcome: every patient as a bar, and each habitat's shares.

    Parameters
    ----------
    fractions : DataFrame
        patient, group (text: a level of the outcome, in the order of appearance), and habitat1 .. habitat<k> (shares
        of the tumour, 0 to 1).
    names : list of str
        Of the habitats in their order.
    title, outcome_label : str
        The second empty in a study without an outcome.
    """
    groups = list(dict.fromkeys(fractions["group"]))
    figure = new_figure(DOUBLE_COLUMN_MM, 82)
    write_title(figure, title)
    bars, strips = figure.subplots(1, 2, width_ratios=(1.5, 1))
    if fractions.empty:
        write_note(bars, "No patient has habitats.")
        strips.set_axis_off()
        return figure
    _draw_bars(bars, fractions, groups, len(names), outcome_label)
    _draw_strips(strips, fractions, groups, names)
    figure.legend(handles=habitat_patches(names), loc="outside lower left", ncols=len(names), handlelength=1.2)
    return figure


def _draw_bars(axes, fractions, groups, k, outcome_label):
    """A stacked bar per patient, within each group by the share of the highest habitat."""
    columns, left, ticks = [f"habitat{i}" for i in range(1, k + 1)], 0, []
    for group in groups:
        rows = fractions[fractions["group"] == group].sort_values([columns[-1], "patient"])
        bottom, x = np.zeros(len(rows)), left + np.arange(len(rows))
        for column, colour in zip(columns, COLOURS, strict=False):
            axes.bar(x, rows[column], 0.94, bottom=bottom, color=colour, edgecolor=GREY, linewidth=0.15)
            bottom += rows[column].to_numpy(dtype=float)
        ticks.append((left + (len(rows) - 1) / 2, f"{group}\nn = {len(rows)}"))
        left += len(rows) + max(1, round(0.03 * len(fractions)))
    axes.set_xticks([at for at, _ in ticks], [word for _, word in ticks])
    axes.tick_params(axis="x", length=0)
    axes.set(
        ylim=(0, 1),
        xlim=(-1, left - 0.5),
        ylabel="Share of the tumour",
        xlabel="; ".join(filter(None, [outcome_label, "a bar is a patient"])),
    )


def _draw_strips(axes, fractions, groups, names):
    """Each habitat's shares by group, with median and quartiles."""
    step = 0.8 / len(groups)
    ticks = []
    for position in range(len(names)):
        column = f"habitat{position + 1}"
        for order, group in enumerate(groups):
            x = position + (order - (len(groups) - 1) / 2) * step
            values = np.sort(fractions.loc[fractions["group"] == group, column].dropna().to_numpy(dtype=float))
            axes.scatter(x + _spread(values, 0.28 * step), values, s=8, color=COLOURS[position], **_rim())
            if len(values):
                low, middle, high = np.percentile(values, (25, 50, 75))
                axes.plot([x - 0.36 * step, x + 0.36 * step], [middle, middle], color=BLACK, linewidth=1.6, zorder=4)
                axes.plot([x, x], [low, high], color=BLACK, linewidth=0.8, zorder=4)
            ticks.append((x, group))
    axes.set_xticks(
        [x for x, _ in ticks], [group for _, group in ticks], rotation=40, ha="right", rotation_mode="anchor"
    )
    axes.tick_params(axis="x", length=0, pad=2)
    axes.set(ylim=(0, None), ylabel="Share of the tumour (median, quartiles)", xlim=(-0.5, len(names) - 0.5))
    for position in range(1, len(names)):
        axes.axvline(position - 0.5, color=LIGHT_GREY, linewidth=0.6)


def _rim():
    return {"edgecolors": GREY, "linewidths": 0.3, "alpha": 0.9, "zorder": 3}


def _spread(values, width):
    """Sideways positions of sorted values: neighbours alternate left and right, so that no random jitter is needed."""
    steps = np.array([0.0, 0.8, -0.4, 0.4, -0.8])
    return width * steps[np.arange(len(values)) % len(steps)]


@styled
def draw_stability(summary, features, *, names, title, threshold=None):
    """Draw how well habitats, and their features, survive each perturbation.

    Parameters
    ----------
    summary : DataFrame
        ``habitat_stability.stability_summary``.
    features : DataFrame
        ``habitat_feature_stability.feature_stability``; features named ``sequence|region|feature``.
    names : list of str
        Of the habitats in their order.
    title : str
    threshold : float, optional
        ICC above which a feature is kept by a signature.
    """
    figure = new_figure(DOUBLE_COLUMN_MM, 90)
    write_title(figure, title)
    panels = figure.subplots(1, 3, width_ratios=(1.1, 0.7, 1.1))
    order = [name for name in PERTURBATIONS if name in set(summary["perturbation"])] + [ALL]
    _draw_dice(panels[0], summary, order, len(names))
    _draw_rand(panels[1], summary, order)
    _draw_feature_icc(panels[2], features, order, len(names), threshold)
    figure.legend(handles=habitat_patches(names), loc="outside lower left", ncols=len(names), handlelength=1.2)
    return figure


def _draw_dice(axes, summary, order, k):
    for habitat in range(1, k + 1):
        rows = summary[(summary["measure"] == "dice") & (summary["habitat"] == str(habitat))]
        rows = rows.set_index("perturbation").reindex(order)
        offset = 0.6 * ((habitat - 0.5) / k - 0.5)
        _draw_quartiles(axes, rows, offset, COLOURS[habitat - 1])
    _perturbation_axis(axes, order)
    axes.set(xlabel="Dice (median, quartiles over patients)")


def _draw_rand(axes, summary, order):
    rows = summary[(summary["measure"] == "ari") & (summary["habitat"] == ALL)].set_index("perturbation").reindex(order)
    _draw_quartiles(axes, rows, 0.0, BLACK)
    _perturbation_axis(axes, order)
    axes.set_yticklabels([])
    axes.set(xlabel="Adjusted Rand index")


def _draw_quartiles(axes, rows, offset, colour):
    y = np.arange(len(rows)) + offset
    axes.hlines(y, rows["q25"], rows["q75"], color=GREY, linewidth=1.1)
    axes.scatter(rows["median"], y, s=22, color=colour, edgecolors=GREY, linewidths=0.5, zorder=3)


def _perturbation_axis(axes, order):
    words = [name.replace(" - ", f" {MINUS} ").replace(ALL, "all of the same k") for name in order]
    axes.set_yticks(range(len(order)), words)
    axes.set(xlim=(0, 1.03), ylim=(len(order) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
    for position in range(1, len(order)):
        axes.axhline(position - 0.5, color=LIGHT_GREY, linewidth=0.5, zorder=0)


def _draw_feature_icc(axes, features, order, k, threshold):
    """Quartiles over features of each habitat's ICC; those below 0 stand at 0."""
    summary = feature_summary(features)
    for habitat in range(1, k + 1):
        rows = summary[summary["habitat"] == str(habitat)].set_index("perturbation").reindex(order)
        rows[["q25", "median", "q75"]] = rows[["q25", "median", "q75"]].clip(lower=0)
        _draw_quartiles(axes, rows, 0.6 * ((habitat - 0.5) / k - 0.5), COLOURS[habitat - 1])
    _perturbation_axis(axes, order)
    axes.set_yticklabels([])
    patients = int(features["n"].max()) if len(features) else 0
    axes.set(xlabel=f"ICC(2,1) of features, {count(patients)} patients\n(median, quartiles over features)")
    if threshold is not None:
        axes.axvline(threshold, color=GREY, linewidth=0.9, linestyle=(0, (3, 2)))
        everything = features.loc[features["perturbation"] == ALL, "icc"]
        kept = f"{count(int((everything > threshold).sum()))} of {count(len(everything))} features > {threshold:g}"
        axes.set_title(kept, fontweight="normal", fontsize=7.5)
