"""The cut-off of a model's score between low and high risk, learnt on training patients and applied to all."""

import numpy as np

from habitat_radiomics.outcome import is_survival
from habitat_radiomics.risk_cut import HIGH, LOW, apply_cut, fit_cut
from habitat_radiomics.roc import youden_threshold


def learn_cutoff(outcome, score):
    """Return the cut-off of a score and how it was found, as stored.

    Parameters
    ----------
    outcome : Series or DataFrame
        See `outcome`.
    score : Series
        Higher means a higher risk.

    Returns
    -------
    dict
        ``threshold`` (NaN where there is none) and ``rule``; of a survival outcome also what the search gave: its
        statistic, p naive (of a cut known before) and corrected for the search, sizes, and the reason where there is no
        cut. From a Youden threshold on patients are of high risk, above a log-rank cut.
    """
    if not is_survival(outcome):
        return {"threshold": youden_threshold(outcome, score).threshold, "rule": "Youden"}
    cut = fit_cut(outcome["time"], outcome["event"] == 1, score)
    found = {name: getattr(cut, name) for name in CUT_FIELDS}
    return {"threshold": cut.cut, "rule": "maximally selected log-rank", **found}


CUT_FIELDS = ("statistic", "p_naive", "p_corrected", "p_improved", "n_low", "n_high", "min_share", "high_is_worse")
CUT_FIELDS += ("reason",)


def risk_groups(outcome, score, threshold):
    """Return ``high`` or ``low`` for every patient, or None without a threshold.

    Parameters
    ----------
    outcome : DataFrame or list of str
        Stored table, or its columns; ``event`` among them tells a survival outcome.
    """
    if np.isnan(threshold):
        return None
    return apply_cut(threshold, score) if "event" in outcome else np.where(score >= threshold, HIGH, LOW)
