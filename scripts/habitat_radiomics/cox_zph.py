"""Do the effects of a Cox model change with time? The score test of R's cox.zph (survival 3.0 and later)."""

import numpy as np
import pandas as pd
from scipy.special import chdtrc
from scipy.stats import rankdata

from habitat_radiomics.cox import derivatives

TRANSFORMS = ("km", "rank", "identity", "log")


def proportional_hazards_test(design, sets, beta, *, columns, transform="km"):
    """Test for every term, and for all together, that its coefficients do not depend on time.

    The score test of adding (predictor x transformed time) to the model, all other coefficients adjusted for; exact
    where lifelines and older software use an approximation (Grambsch and Therneau 1994, Biometrika 81:515; Therneau,
    survival 3.0).

    Parameters
    ----------
    design : ndarray, shape (patients, p)
    sets : cox.RiskSets
    beta : ndarray, shape (p,)
        At the maximum of the partial likelihood.
    columns : dict
        Name of a term to the positions of its columns.
    transform : {"km", "rank", "identity", "log"}
        Scale of time: 1 - Kaplan-Meier before the event (R's default), rank among all times, time, log time.

    Returns
    -------
    DataFrame
        term, chi2, df, p; the last row, ``GLOBAL``, tests all terms.

    Raises
    ------
    ValueError
        For an unknown transform, and the logarithm of an event at time 0.
    """
    scale = np.maximum(design.std(axis=0), 1e-300)
    at = derivatives(((design - design.mean(axis=0)) / scale)[sets.order], sets, beta * scale)
    g = transformed_times(sets, transform)
    g = g - g.mean()
    score = g @ at.residuals
    information = at.variances.sum(axis=0)
    mixed = np.einsum("k,kij->ij", g, at.variances)
    adjusted = np.einsum("k,kij->ij", g**2, at.variances) - mixed @ np.linalg.solve(information, mixed)
    rows = []
    for term, chosen in {**columns, "GLOBAL": np.arange(beta.size)}.items():
        block = adjusted[np.ix_(chosen, chosen)]
        chi2 = float(score[chosen] @ np.linalg.pinv(block, hermitian=True) @ score[chosen])
        df = int(np.linalg.matrix_rank(block, hermitian=True))
        rows.append({"term": term, "chi2": chi2, "df": df, "p": float(chdtrc(df, chi2)) if df else np.nan})
    return pd.DataFrame(rows)


def transformed_times(sets, transform):
    """Time of every sub-event on the scale of the test, shape (K,)."""
    if transform not in TRANSFORMS:
        raise ValueError(f"transform is {transform!r}: use one of {', '.join(TRANSFORMS)}.")
    if transform == "log" and (sets.times <= 0).any():
        raise ValueError("an event happened at time 0, which has no logarithm: use another transform of time.")
    if transform == "km":
        return 1 - _survival_before(sets)
    if transform == "rank":
        return rankdata(sets.all_times)[np.searchsorted(sets.all_times, sets.times)]
    return np.log(sets.times) if transform == "log" else sets.times


def _survival_before(sets):
    """Kaplan-Meier estimate of all patients just before every sub-event."""
    times, position, deaths = np.unique(sets.times, return_inverse=True, return_counts=True)
    observed = sets.all_times.size - np.searchsorted(sets.all_times, times)
    return np.concatenate([[1.0], np.cumprod(1 - deaths / observed)])[position]
