"""The search for a cut of the risk score: the statistic at every candidate, and the scores it was sought among."""

import numpy as np

from habitat_radiomics.labels import number, significant
from habitat_radiomics.style import BLACK, BLUE, GREY, SINGLE_COLUMN_MM, VERMILION, new_figure, styled, write_note

NAMES = {"maxstat": "Standardised statistic", "xtile": "Log-rank chi-square", "median": "Log-rank chi-square"}
BINS = 30
STRIP_SHARE = 0.4  # height of the histogram against a scan's


@styled
def draw_risk_cut(cuts, patients):
    """Draw the scan of every method over the training patients' scores, and the scores below.

    Parameters
    ----------
    cuts : list of RiskCut
        See `risk_cut.fit_cut`; the first is the one that is used.
    patients : DataFrame
        score, event of the training patients.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(SINGLE_COLUMN_MM, 48 + 38 * len(cuts))
    heights = [1.0] * len(cuts) + [STRIP_SHARE]
    panels = figure.subplots(len(cuts) + 1, sharex=True, height_ratios=heights)
    events = int(patients["event"].sum())
    panels[0].set_title(
        f"Cut of the risk score, training\nn = {len(patients)}, {events} event{'' if events == 1 else 's'}"
    )
    for axes, cut in zip(panels, cuts, strict=False):
        _draw_scan(axes, cut, used=cut is cuts[0])
    _draw_scores(panels[-1], patients, cuts[0].cut)
    return figure


def cut_text(cut):
    """Return the cut and its p values: chosen cuts are never given the naive one alone."""
    if np.isnan(cut.cut):
        return f"No cut: {cut.reason}"
    lines = [f"cut {significant(cut.cut)}: {cut.n_low} low, {cut.n_high} high risk"]
    if cut.method == "median":
        return f"{lines[0]}\nlog-rank {_p(cut.p_naive)}"
    lines.append(f"corrected {_p(cut.p_corrected)} (naive {_p(cut.p_naive)})")
    return "\n".join(lines)


def _p(p):
    return "p < 0.001" if p < 0.001 else f"p = {number(p, 3)}"


def _draw_scan(axes, cut, *, used):
    if cut.scan.empty or np.isnan(cut.cut):
        write_note(axes, cut_text(cut))
        return
    scan = cut.scan
    axes.plot(scan["cut"], scan["statistic"], color=BLUE, drawstyle="steps-post", linewidth=1.1)
    colour = VERMILION if used else GREY
    axes.vlines(cut.cut, 0, cut.statistic, color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.plot(cut.cut, cut.statistic, "o", color=colour, markersize=4, zorder=3)
    highest = scan["statistic"].max()
    axes.set(ylim=(0, 1.42 * highest), ylabel=NAMES[cut.method])
    text = cut_text(cut) + ("" if used else "\n(shown for comparison)")
    axes.text(0.02, 0.98, text, transform=axes.transAxes, ha="left", va="top", fontsize=7)


def _draw_scores(axes, patients, cut):
    score = patients["score"].to_numpy()
    edges = np.linspace(score.min(), score.max() + 1e-12, BINS + 1)
    had_event = patients["event"].to_numpy() == 1
    parts = [score[had_event], score[~had_event]]
    counts = axes.hist(parts, edges, stacked=True, color=[VERMILION, BLUE], label=["event", "censored"], rwidth=0.9)[0]
    if np.isfinite(cut):
        axes.axvline(cut, color=BLACK, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.set(xlabel="Risk score", ylabel="Patients", ylim=(0, 1.5 * counts.max()))
    axes.legend(loc="upper right", ncols=2, handlelength=1.0, borderaxespad=0.1, columnspacing=1.0)
