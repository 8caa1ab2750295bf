"""Net reclassification (NRI) and integrated discrimination improvement (IDI) of a new model over an old one.

Offered because reviewers ask for them; not advised. Both can rise when useless predictors are added, above all when the
new model is badly calibrated, and their usual tests (used here as in the literature and in R) do not keep their level
when the models were fitted on the same patients:

- Pepe, Janes and Li 2014, J Natl Cancer Inst 106:dju041: the test of NRI > 0 has grossly inflated false positives;
- Kerr, Wang, Janes et al. 2014, Epidemiology 25:114: the NRI is no proportion and no measure of benefit;
- Hilden and Gerds 2014, Stat Med 33:3405: NRI and IDI are not proper scores and can be gamed by miscalibration.

Report the difference of AUC (`roc.delong_test`), calibration and net benefit (`decision_curve`) instead or beside them.

Outcomes are 0 or 1, p_old and p_new the probabilities of 1 by the two models, for the same patients; both classes are
needed. A positive value favours the new model.
"""

import numpy as np
import pandas as pd
from scipy import special, stats

from habitat_radiomics.calibration import checked_probabilities

WARNING = (
    "NRI and IDI can improve when useless predictors are added, and their tests are too optimistic for models fitted "
    "on the same patients (Pepe 2014, Kerr 2014, Hilden and Gerds 2014): judge by AUC, calibration and net benefit."
)
NO_VARIANCE = "the estimated variance is zero"
TOO_FEW = "a class has a single patient"


def continuous_nri(y, p_old, p_new, *, level=0.95):
    """Category-free NRI: any rise of p counts as up (Pencina et al. 2011, Stat Med 30:11); range -2 to 2.

    Returns
    -------
    pandas.DataFrame
        Rows nri_continuous, nri_continuous_event and nri_continuous_nonevent (nri is their sum); columns metric,
        estimate, standard_error, ci_low, ci_high, z, p (two-sided), note.
    """
    y, p_old, p_new = _checked_pair(y, p_old, p_new)
    return _nri("nri_continuous", y, np.sign(p_new - p_old), level)


def categorical_nri(y, p_old, p_new, *, cutoffs, level=0.95):
    """NRI over risk categories [a, b): a rise of the category counts as up (Pencina et al. 2008, Stat Med 27:157).

    Parameters
    ----------
    cutoffs : list of float
        Limits between the categories, fixed before the data were seen, for example [0.2, 0.5].

    Returns
    -------
    pandas.DataFrame
        As `continuous_nri`, with rows nri_categorical, nri_categorical_event and nri_categorical_nonevent.
    """
    y, p_old, p_new = _checked_pair(y, p_old, p_new)
    cutoffs = _checked_cutoffs(cutoffs)
    return _nri("nri_categorical", y, np.sign(_category(p_new, cutoffs) - _category(p_old, cutoffs)), level)


def idi(y, p_old, p_new, *, level=0.95):
    """IDI: rise of the mean p in patients with the event minus that in patients without (Pencina et al. 2008).

    Returns
    -------
    pandas.DataFrame
        Rows idi, idi_event, idi_nonevent (idi is their sum); columns as `continuous_nri`.
    """
    y, p_old, p_new = _checked_pair(y, p_old, p_new)
    change = p_new - p_old
    parts = [_mean(change[y]), _mean(-change[~y])]
    return _table("idi", parts, level)


def reclassification_table(y, p_old, p_new, *, cutoffs):
    """Return the patients counted by outcome, category of the old and of the new model (tidy, zeros included)."""
    y, p_old, p_new = _checked_pair(y, p_old, p_new)
    cutoffs = _checked_cutoffs(cutoffs)
    names = category_names(cutoffs)
    table = np.zeros((2, len(names), len(names)), dtype=int)
    np.add.at(table, (y.astype(int), _category(p_old, cutoffs), _category(p_new, cutoffs)), 1)
    index = pd.MultiIndex.from_product([[0, 1], names, names], names=["outcome", "old", "new"])
    return pd.Series(table.ravel(), index, name="patients").reset_index()


def category_names(cutoffs):
    """Return the categories as text: ``[0, 0.2)``, ``[0.2, 1]``."""
    edges = [0, *cutoffs, 1]
    names = [f"[{low:g}, {high:g})" for low, high in zip(edges, edges[1:], strict=False)]
    return [*names[:-1], names[-1][:-1] + "]"]


def _nri(name, y, direction, level):
    """Direction is 1 (up), 0 or -1 (down)."""
    return _table(name, [_mean(direction[y], ddof=0), _mean(-direction[~y], ddof=0)], level)


def _mean(values, ddof=1):
    """Mean and its variance; the NRI's is multinomial (ddof 0), the IDI's that of a sample."""
    return values.mean(), (values.var(ddof=ddof) / values.size if values.size > 1 else np.nan)


def _table(name, parts, level):
    (of_event, variance_event), (of_nonevent, variance_nonevent) = parts
    rows = [
        _row(name, of_event + of_nonevent, variance_event + variance_nonevent, level),
        _row(f"{name}_event", of_event, variance_event, level),
        _row(f"{name}_nonevent", of_nonevent, variance_nonevent, level),
    ]
    return pd.DataFrame(rows)


def _row(metric, estimate, variance, level):
    error = np.sqrt(variance)
    half = special.ndtri((1 + level) / 2) * error
    z = estimate / error if error > 0 else np.nan
    note = "" if error > 0 else NO_VARIANCE if error == 0 else TOO_FEW
    values = (estimate, error, estimate - half, estimate + half, z, 2 * stats.norm.sf(abs(z)))
    names = ("estimate", "standard_error", "ci_low", "ci_high", "z", "p")
    return {"metric": metric, **dict(zip(names, map(float, values), strict=True)), "note": note}


def _category(p, cutoffs):
    return np.searchsorted(cutoffs, p, side="right")


def _checked_pair(y, p_old, p_new):
    outcome, p_old = checked_probabilities(y, p_old)
    _, p_new = checked_probabilities(y, p_new)
    if outcome.all() or not outcome.any():
        raise ValueError(
            f"y holds one class only ({outcome.sum()} of {outcome.size} patients with the event): "
            "reclassification needs both."
        )
    return outcome, p_old, p_new


def _checked_cutoffs(cutoffs):
    cutoffs = np.asarray(cutoffs, dtype=float)
    inside = cutoffs.ndim == 1 and cutoffs.size and np.all(np.diff([0, *cutoffs, 1]) > 0)
    if not inside:
        raise ValueError(f"cutoffs are {cutoffs.tolist()}: give ascending probabilities between 0 and 1.")
    return cutoffs
