"""How well readers reproduce the features: histograms of the intraclass correlation."""

import numpy as np

from habitat_radiomics.labels import count
from habitat_radiomics.style import BLUE, DOUBLE_COLUMN_MM, GREY, LIGHT_GREY, new_figure, styled, write_note

KINDS = {"inter": "Between readers", "intra": "Repeated by one reader"}
BIN_EDGES = np.linspace(0, 1, 21)


def agreement_histogram(icc, kind):
    """Return the counts of features per bin of the ICC; values below the first bin count in it.

    Parameters
    ----------
    icc : DataFrame
        With ``icc_inter`` or ``icc_intra``.

    Returns
    -------
    ndarray
        One count per bin of `BIN_EDGES`.
    """
    values = icc[f"icc_{kind}"].dropna().to_numpy()
    return np.histogram(np.clip(values, BIN_EDGES[0], BIN_EDGES[-1]), BIN_EDGES)[0]


@styled
def draw_agreement(icc, *, thresholds, forms):
    """Draw the histograms between and within readers with the thresholds a feature has to exceed.

    Parameters
    ----------
    icc : DataFrame
        icc_inter, n_inter, icc_intra, n_intra by feature.
    thresholds : list of float
        Distinct thresholds of the signatures.
    forms : dict
        ``inter`` and ``intra`` to the form of the correlation, for example ``ICC(2,1)``.
    """
    figure = new_figure(DOUBLE_COLUMN_MM, 62)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (kind, title) in zip(panels, KINDS.items(), strict=True):
        patients = int(icc[f"n_{kind}"].max()) if len(icc) else 0
        axes.set_title(f"{title}: {forms[kind]}, {patients} patients")
        if not patients:
            write_note(axes, "Not assessed: no patient\nwas read twice this way.")
            continue
        _draw_histogram(axes, icc, kind, thresholds)
    panels[0].set_ylabel("Features")
    panels[0].yaxis.set_major_formatter(lambda value, _: count(round(value)))
    return figure


def _draw_histogram(axes, icc, kind, thresholds):
    counts, known = agreement_histogram(icc, kind), icc[f"icc_{kind}"].dropna()
    lowest = min(thresholds, default=-np.inf)
    passes = BIN_EDGES[:-1] >= lowest - 1e-9
    axes.bar(
        BIN_EDGES[:-1],
        counts,
        np.diff(BIN_EDGES),
        align="edge",
        color=np.where(passes, BLUE, LIGHT_GREY),
        edgecolor="white",
        lw=0.4,
    )
    lines = [f"> {t:g}: {count((known > t).sum())} of {count(len(icc))} features" for t in thresholds]
    for threshold in thresholds:
        axes.axvline(threshold, color=GREY, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.text(0.02, 0.97, "\n".join(lines), transform=axes.transAxes, va="top")
    axes.set(xlim=(BIN_EDGES[0], 1), xlabel="Intraclass correlation (below 0 counted at 0)")
