"""How a signature came about: the penalty of the LASSO, the paths of its coefficients, and what was selected."""

import numpy as np

from habitat_radiomics.labels import feature_label, number
from habitat_radiomics.style import (
    BLACK,
    DOUBLE_COLUMN_MM,
    GREY,
    LIGHT_GREY,
    SIGN_COLOURS,
    VERMILION,
    new_figure,
    styled,
    write_note,
    write_title,
)

PATH_COLUMNS = ["penalty", "deviance", "deviance_se", "features", "chosen"]
MOST_BARS = 40
EMPTY = "No feature was selected: the score is\nthe same for every patient."


def path_table(path):
    """Return the coefficient paths in long form.

    Parameters
    ----------
    path : DataFrame
        One row per penalty: `PATH_COLUMNS` and one column per feature that ever enters.

    Returns
    -------
    DataFrame
        feature, log_penalty (natural logarithm), coefficient, selected (not 0 at the chosen penalty).
    """
    wide = path.assign(log_penalty=np.log(path["penalty"])).drop(columns=PATH_COLUMNS)
    chosen = path["chosen"].to_numpy(dtype=bool)
    long = wide.melt(id_vars="log_penalty", var_name="feature", value_name="coefficient")
    selected = {name: bool((path.loc[chosen, name] != 0).any()) for name in wide.columns.drop("log_penalty")}
    return long.assign(selected=long["feature"].map(selected).astype(bool))


@styled
def draw_lasso(path, *, label, patients, unit="SD"):
    """Draw the cross-validated deviance and the coefficient paths of one signature against the penalty.

    Parameters
    ----------
    path : DataFrame
        See `path_table`.
    label : str
        Name of the signature.
    patients : int
        Training patients.
    unit : str
        What a coefficient refers to: ``SD`` of the feature, or its own ``unit``.
    """
    figure = new_figure(DOUBLE_COLUMN_MM, 80)
    write_title(figure, f"{label}: LASSO on {patients} training patients")
    left, right = figure.subplots(1, 2)
    _draw_deviance(left, path)
    curves = path_table(path)
    if curves.empty:
        write_note(right, "No feature enters at any penalty.")
    else:
        _draw_paths(right, curves, float(np.log(path.loc[path["chosen"], "penalty"].iloc[0])), unit)
        _add_feature_axis(right, path)
    return figure


def _draw_deviance(axes, path):
    """Mean deviance of the held-out folds with one standard error to either side."""
    x = np.log(path["penalty"])
    axes.errorbar(
        x,
        path["deviance"],
        path["deviance_se"],
        fmt="o",
        color=VERMILION,
        ecolor=LIGHT_GREY,
        markersize=2.2,
        elinewidth=0.8,
    )
    chosen = path[path["chosen"]].iloc[0]
    size = int(chosen["features"])
    text = f"chosen: log penalty {number(np.log(chosen['penalty']))}, {size} feature{'' if size == 1 else 's'}"
    axes.axvline(np.log(chosen["penalty"]), color=BLACK, linewidth=0.8, linestyle=(0, (3, 2)), label=text)
    axes.set(xlabel="Log penalty", ylabel="Cross-validated deviance \N{PLUS-MINUS SIGN} 1 SE")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), handlelength=2)
    _add_feature_axis(axes, path)


def _draw_paths(axes, curves, chosen, unit):
    """Features selected at the chosen penalty by the sign of their coefficient there, the others in grey."""
    axes.axhline(0, color=GREY, linewidth=0.6)
    at_chosen = curves[np.isclose(curves["log_penalty"], chosen)].set_index("feature")["coefficient"]
    for feature, curve in sorted(curves.groupby("feature", sort=False), key=lambda item: item[1]["selected"].any()):
        colour = LIGHT_GREY if not curve["selected"].any() else _sign_colour(at_chosen[feature])
        axes.plot(curve["log_penalty"], curve["coefficient"], color=colour, linewidth=0.9)
    axes.axvline(chosen, color=BLACK, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.set(xlabel="Log penalty", ylabel=f"Coefficient (per {unit})")
    for name, colour in (*SIGN_COLOURS.items(), ("not selected", LIGHT_GREY)):
        axes.plot([], [], color=colour, label=name if name == "not selected" else f"{name} risk")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, handlelength=1.4, columnspacing=1.2)


def _add_feature_axis(axes, path):
    """Number of features at some penalties, above the axes."""
    top = axes.secondary_xaxis("top")
    rows = path.iloc[np.unique(np.linspace(0, len(path) - 1, 8).round().astype(int))]
    top.set_xticks(np.log(rows["penalty"]), [str(int(n)) for n in rows["features"]])
    top.tick_params(length=2, pad=1)
    top.set_xlabel("Number of features", fontsize=6.5, labelpad=2)


def _sign_colour(coefficient):
    return SIGN_COLOURS["higher" if coefficient > 0 else "lower"]


def selected_coefficients(coefficients):
    """Return the selected features, strongest first, with readable names; the intercept is left out.

    Parameters
    ----------
    coefficients : DataFrame
        feature, coefficient; ``(intercept)`` in the first row.
    """
    table = coefficients[coefficients["feature"] != "(intercept)"]
    table = table.sort_values("coefficient", key=np.abs, ascending=False, kind="stable", ignore_index=True)
    return table.assign(label=[feature_label(name) for name in table["feature"]])


@styled
def draw_coefficients(coefficients, *, label, unit="SD"):
    """Draw the coefficients of one signature as bars, strongest on top; colour is the sign (words as `draw_lasso`)."""
    table = selected_coefficients(coefficients)
    shown = table.head(MOST_BARS)[::-1]
    figure = new_figure(DOUBLE_COLUMN_MM, 30 + 5.2 * max(len(shown), 3))
    axes = figure.add_subplot()
    more = f", the strongest {MOST_BARS} shown" if len(table) > MOST_BARS else ""
    plural = "" if len(table) == 1 else "s"
    write_title(figure, f"{label}: {len(table)} selected feature{plural}{more}")
    if table.empty:
        write_note(axes, EMPTY)
        return figure
    axes.barh(shown["label"], shown["coefficient"], color=[_sign_colour(c) for c in shown["coefficient"]], height=0.68)
    axes.axvline(0, color=GREY, linewidth=0.7)
    axes.tick_params(axis="y", length=0)
    axes.margins(y=0.02)
    axes.set_xlabel(f"Coefficient (change of the score per {unit} of the feature)")
    for name, colour in SIGN_COLOURS.items():
        axes.bar(0, 0, color=colour, label=f"{name} risk")
    figure.legend(loc="outside lower center", ncols=2, handlelength=1)
    axes.spines["left"].set_visible(False)
    return figure
