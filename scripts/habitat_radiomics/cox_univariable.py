"""Univariable Cox regression of many features at once, for selection and tables of candidates."""

import numpy as np
import pandas as pd
from scipy.special import chdtrc
from scipy.stats import norm

from habitat_radiomics.cox import TIES
from habitat_radiomics.survival_outcome import as_outcome, require_events

CONSTANT = "constant in the patients used"
NO_EVENT = "no patient with a value had the event"
SEPARATED = "orders the events completely: the coefficient is infinite"


def univariable_cox(features, y, *, ties="efron"):
    """Fit a Cox model of every feature alone, on the patients who have it.

    Parameters
    ----------
    features : DataFrame or ndarray, patients x features
    y : structured array or DataFrame
        Outcome, see `survival_outcome`.
    ties : {"efron", "breslow"}

    Returns
    -------
    DataFrame
        feature, patients, events, coefficient, standard_error, p_wald, lr_chi2, p_lr, score_chi2, p_score, note. The
        likelihood-ratio and score tests exist also where the coefficient is infinite (NaN, see note).

    Raises
    ------
    ValueError
        For an unusable outcome and no events.
    """
    from habitat_radiomics.cox_kernel import univariable_fits

    if ties not in TIES:
        raise ValueError(f"ties is {ties!r}: use one of {', '.join(TIES)}.")
    outcome = as_outcome(y)
    require_events(outcome, purpose="a Cox model")
    values = np.asarray(features, dtype=float)
    order = np.lexsort((np.arange(outcome.size), -outcome["time"]))
    begins = np.flatnonzero(np.r_[True, np.diff(outcome["time"][order]) != 0])
    columns = np.ascontiguousarray(np.where(np.isfinite(values), values, np.nan)[order].T)
    event = np.ascontiguousarray(outcome["event"][order])
    fits = univariable_fits(columns, np.append(begins, outcome.size), event, ties == "efron")
    return _table(fits, getattr(features, "columns", np.arange(values.shape[1])))


def _table(fits, names):
    beta, error, likelihood_ratio, score, converged, patients, events = fits.T
    judged = np.isfinite(likelihood_ratio)
    separated = judged & (converged == 0)
    beta, error = np.where(separated, np.nan, beta), np.where(separated, np.nan, error)
    note = np.select([separated, judged, events == 0], [SEPARATED, "", NO_EVENT], CONSTANT)
    likelihood_ratio = np.maximum(likelihood_ratio, 0)
    return pd.DataFrame(
        {
            "feature": names,
            "patients": patients.astype(int),
            "events": events.astype(int),
            "coefficient": beta,
            "standard_error": error,
            "p_wald": 2 * norm.sf(np.abs(beta / error)),
            "lr_chi2": likelihood_ratio,
            "p_lr": chdtrc(1, likelihood_ratio),
            "score_chi2": score,
            "p_score": chdtrc(1, score),
            "note": note,
        }
    )
