"""The log-rank test of any number of groups, weighted and stratified, as R's survdiff."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from habitat_radiomics.kaplan_meier import checked_survival, kaplan_meier, step_values

ONE_GROUP = "fewer than two groups hold patients"
NO_EVENTS = "no events"
NO_OVERLAP = "no event while two groups were at risk"
RANK_TOLERANCE = 1e-10  # relative to the largest eigenvalue


@dataclass(frozen=True)
class LogRank:
    """Test that survival is the same in all groups."""

    chi2: float
    df: int
    p: float
    table: pd.DataFrame  # group, n, observed, expected (weighted where rho is not 0)
    reason: str  # why chi2 and p are NaN; empty where they are not


def log_rank(time, event, group, *, rho=0, strata=None):
    """Test survival between groups (Mantel 1966; Peto and Peto 1972; Harrington and Fleming 1982).

    Parameters
    ----------
    time, event : arrays, one a patient
    group : array
        Groups as they are named; an empty one is left out.
    rho : float
        Weight of an event is S(t-) ** rho of the whole sample: 0 is the log-rank test, 1 weighs early events more.
    strata : array, optional
        Observed and expected events are summed over the strata.
    """
    time, event = checked_survival(time, event)
    names, place = np.unique(np.asarray(group), return_inverse=True)
    strata = np.zeros(time.size, dtype=int) if strata is None else np.unique(strata, return_inverse=True)[1]
    sums = [np.zeros(names.size), np.zeros(names.size), np.zeros((names.size, names.size))]
    for stratum in np.unique(strata):
        rows = strata == stratum
        for total, part in zip(sums, _counts(time[rows], event[rows], place[rows], names.size, rho), strict=True):
            total += part
    observed, expected, variance = sums
    n = np.bincount(place, minlength=names.size)
    table = pd.DataFrame({"group": names, "n": n, "observed": observed, "expected": expected})
    return _tested(table, observed - expected, variance, bool(event.any()))


def _tested(table, difference, variance, any_event):
    df = len(table) - 1
    reason = ONE_GROUP if df < 1 else "" if any_event else NO_EVENTS
    if not reason and np.linalg.matrix_rank(variance) < df:
        # A group that left before the first event adds nothing that could be tested.
        reason = NO_OVERLAP if not variance.any() else ""
        df = int(np.linalg.matrix_rank(variance)) if not reason else df
    if reason:
        return LogRank(np.nan, max(df, 0), np.nan, table, reason)
    # The groups' differences sum to 0: one eigenvalue is 0 but for rounding, and must not be inverted.
    inverse = np.linalg.pinv(variance, rcond=RANK_TOLERANCE, hermitian=True)
    chi2 = float(difference @ inverse @ difference)
    return LogRank(chi2, df, float(stats.chi2.sf(chi2, df)), table, "")


def _counts(time, event, place, groups, rho):
    """Observed and expected events of each group and their covariance."""
    moments = np.unique(time[event])
    member = place[:, None] == np.arange(groups)
    at_risk = (time[None, :] >= moments[:, None]).astype(float) @ member
    deaths = ((time[None, :] == moments[:, None]) & event[None, :]).astype(float) @ member
    total, died = at_risk.sum(axis=1), deaths.sum(axis=1)
    weight = _weights(time, event, moments, rho)
    share = at_risk / total[:, None]
    expected = weight @ (died[:, None] * share)
    spread = weight**2 * died * (total - died) / np.maximum(total - 1, 1)
    variance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    return weight @ deaths, expected, variance


def _weights(time, event, moments, rho):
    if rho == 0:
        return np.ones(moments.size)
    curve = kaplan_meier(time, event)
    return step_values(curve.time, curve.survival, moments, first=1.0, left=True) ** rho
