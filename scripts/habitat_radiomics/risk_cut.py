"""The cut of a risk score into a low and a high risk group that separates survival best, and what its p is worth.

A cut chosen because it separates best always separates well: its log-rank p means nothing, and a corrected one takes
its place. A cut is fitted on training patients and applied to others; only there is the log-rank p an ordinary one.
Patients with score <= cut are the low group, those above the high group.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from habitat_radiomics.kaplan_meier import checked_survival
from habitat_radiomics.log_rank import RANK_TOLERANCE

LOW, HIGH, NO_GROUP = "low", "high", ""
METHODS = ("maxstat", "xtile", "median")
NO_EVENTS = "no events"
NO_CANDIDATE = "no score leaves the smallest allowed share of patients on either side"
NO_DIFFERENCE = "survival is the same on both sides of every candidate"


@dataclass(frozen=True)
class RiskCut:
    """A cut with the scan it was chosen from."""

    method: str
    cut: float
    statistic: float  # maxstat: largest standardised statistic |M|; xtile and median: log-rank chi-square
    p_naive: float  # as if the cut had been known; for the median it was
    p_corrected: float  # Lausen and Schumacher 1992, Miller and Siegmund 1982
    p_improved: float  # Lausen 1994, sharper in small samples; maxstat only
    n_low: int
    n_high: int
    min_share: float
    high_is_worse: bool  # more events than expected above the cut
    scan: pd.DataFrame  # cut, n_low, statistic: every candidate
    reason: str  # why the cut is NaN; empty where it is not


def fit_cut(time, event, score, *, method="maxstat", min_share=0.1):
    """Find the cut on training patients.

    Parameters
    ----------
    time, event, score : arrays, one a patient
    method : {"maxstat", "xtile", "median"}
        ``maxstat``: largest two-sample statistic of log-rank scores, each standardised by its permutation variance
        (Lausen and Schumacher 1992, Biometrics 48:73; R: maxstat, surv_cutpoint). ``xtile``: largest log-rank
        chi-square (Camp, Dolled-Filhart and Rimm 2004, Clin Cancer Res 10:7252). ``median``: not chosen by survival.
    min_share : float
        Smallest share of the patients on either side.

    Returns
    -------
    RiskCut
        Of equal maxima the lowest. NaN with a reason where there is no cut.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: use one of {', '.join(METHODS)}.")
    if not 0 < min_share <= 0.5:
        raise ValueError(f"min_share is {min_share:g}: give a share of the patients above 0 and at most 0.5.")
    time, event, score = checked_survival(time, event, score)
    scan = _scan(time, event, score, method, min_share)
    reason = NO_EVENTS if not event.any() else NO_CANDIDATE if scan.empty else ""
    if not reason and not scan["statistic"].max() > 0:
        reason = NO_DIFFERENCE
    if reason:
        return RiskCut(method, *[np.nan] * 5, 0, 0, min_share, False, scan, reason)
    best = scan.loc[scan["statistic"].idxmax()]
    p = _p_values(method, float(best["statistic"]), score.size, scan["n_low"].to_numpy(), min_share)
    high = score > best["cut"]
    worse = bool(log_rank_scores(time, event)[high].sum() > 0)
    sizes = int((~high).sum()), int(high.sum())
    return RiskCut(method, float(best["cut"]), float(best["statistic"]), *p, *sizes, min_share, worse, scan, "")


def apply_cut(cut, score):
    """Return the group (`LOW`, `HIGH`) of every patient; `NO_GROUP` where the cut or the score is NaN.

    Parameters
    ----------
    cut : float
    score : array of float
    """
    score = np.asarray(score, dtype=float)
    known = np.isfinite(score) & np.isfinite(cut)
    return np.where(known, np.where(score > cut, HIGH, LOW), NO_GROUP)


def log_rank_scores(time, event):
    """Return log-rank scores: event minus the hazard summed up to the patient's time; high for early events.

    Of tied times each takes the risk set that the last of them leaves (Hothorn and Lausen 2003), as R's maxstat.
    """
    ranks = stats.rankdata(time, method="max")
    order = np.argsort(time, kind="stable")
    hazard = np.cumsum(event[order] / (time.size - ranks[order] + 1))
    return event - hazard[ranks.astype(int) - 1]


def selected_p(statistic, *, min_share):
    """Return the p of the largest of many standardised statistics (Miller and Siegmund 1982, Biometrics 38:1011).

    Parameters
    ----------
    statistic : float
        Largest |z|; below 1 the formula has no meaning and p is 1.
    min_share : float
        Cuts were sought between the quantiles min_share and 1 - min_share.
    """
    if not statistic > 1:
        return 1.0 if statistic <= 1 else np.nan
    density = stats.norm.pdf(statistic)
    span = np.log((1 - min_share) ** 2 / min_share**2)
    p = density * (statistic - 1 / statistic) * span + 4 * density / statistic
    return float(np.clip(p, 0, 1))


def improved_p(statistic, n, sizes):
    """Return the improved Bonferroni p of a largest standardised statistic (Lausen, Sauerbrei and Schumacher 1994).

    Parameters
    ----------
    statistic : float
        Largest |z|.
    n : int
        Patients.
    sizes : array of int
        Patients at or below each candidate, ascending.
    """
    before, after = np.asarray(sizes[:-1], dtype=float), np.asarray(sizes[1:], dtype=float)
    step = np.sqrt(1 - before * (n - after) / ((n - before) * after))
    added = np.exp(-(statistic**2) / 2) / np.pi * (step - (statistic**2 / 4 - 1) * step**3 / 6)
    return float(np.clip(2 * stats.norm.sf(statistic) + added.sum(), 0, 1))


def permutation_p(time, event, score, *, method, min_share=0.1, permutations, seed):
    """Return the p of the largest statistic against that of permuted scores, (1 + as large) / (1 + permutations).

    Parameters as `fit_cut`; permutation b depends on the seed and b alone. NaN where there is no cut.
    """
    time, event, score = checked_survival(time, event, score)
    observed = fit_cut(time, event, score, method=method, min_share=min_share).statistic
    if np.isnan(observed):
        return np.nan
    as_large = 0
    for b in range(permutations):
        permuted = np.random.default_rng([seed, b]).permutation(score)
        as_large += _scan(time, event, permuted, method, min_share)["statistic"].max() >= observed - 1e-12
    return (1 + int(as_large)) / (1 + permutations)


def two_cuts(time, event, score, *, min_share=0.1):
    """Return X-tile's pair of cuts into three groups with the largest log-rank chi-square, NaN where there is none.

    Candidates are the observed scores at every 5 % from the 10 % to the 90 % quantile.

    Returns
    -------
    low cut, high cut, chi-square (2 degrees of freedom)
    """
    time, event, score = checked_survival(time, event, score)
    best = (np.nan, np.nan, np.nan)
    if not event.any():
        return best
    # R's quantile(score, seq(0.1, 0.9, 0.05), type = 1), its rounding included: 0.15 of 40 patients is the seventh.
    places = np.ceil((0.1 + 0.05 * np.arange(17)) * score.size).astype(int)
    grid = np.unique(np.sort(score)[np.clip(places, 1, score.size) - 1])
    at_or_below = np.searchsorted(np.sort(score), grid, side="right")
    observed, expected, variance = _moments(time, event, score, at_or_below)
    for i, j in zip(*np.triu_indices(grid.size, 1), strict=True):
        smallest = min(at_or_below[i], at_or_below[j] - at_or_below[i], score.size - at_or_below[j])
        if smallest < min_share * score.size - 1e-9:
            continue
        difference = observed[[i, j]] - expected[[i, j]]
        inverse = np.linalg.pinv(variance[np.ix_([i, j], [i, j])], rcond=RANK_TOLERANCE, hermitian=True)
        chi2 = float(difference @ inverse @ difference)
        if not chi2 <= best[2]:
            best = (float(grid[i]), float(grid[j]), chi2)
    return best


def _p_values(method, statistic, n, sizes, min_share):
    """Naive, corrected and improved p."""
    if method == "maxstat":
        naive, corrected = 2 * stats.norm.sf(statistic), selected_p(statistic, min_share=min_share)
        return float(naive), corrected, improved_p(statistic, n, sizes)
    naive = float(stats.chi2.sf(statistic, 1))
    corrected = naive if method == "median" else selected_p(np.sqrt(statistic), min_share=min_share)
    return naive, corrected, np.nan


def _scan(time, event, score, method, min_share):
    """Every candidate cut with its statistic."""
    n = score.size
    cuts, counts = np.unique(score, return_counts=True)
    sizes = np.cumsum(counts)
    if method == "median":
        cuts = np.array([np.median(score)] if n else [])
        sizes = np.array([np.count_nonzero(score <= cut) for cut in cuts], dtype=int)
        allowed = sizes < n
    else:
        smallest = np.floor(n * min_share + 1e-9) if method == "maxstat" else min_share * n - 1e-9
        largest = np.floor(n * (1 - min_share) + 1e-9)
        allowed = (sizes >= max(smallest, 1)) & (sizes <= min(largest, n - 1))
    cuts, sizes = cuts[allowed], sizes[allowed]
    statistic = _standardised if method == "maxstat" else _chi_squares
    values = statistic(time, event, score, sizes) if event.any() and cuts.size else np.full(cuts.size, np.nan)
    return pd.DataFrame({"cut": cuts, "n_low": sizes, "statistic": values})


def _standardised(time, event, score, sizes):
    """Absolute sum of the log-rank scores of the lower patients, standardised by its permutation moments."""
    scores, n = log_rank_scores(time, event), time.size
    sums = np.cumsum(scores[np.argsort(score, kind="stable")])[sizes - 1]
    mean = sizes * scores.mean()
    variance = sizes * (n - sizes) / (n * (n - 1)) * np.sum((scores - scores.mean()) ** 2)
    return np.abs(sums - mean) / np.sqrt(np.where(variance > 0, variance, np.nan))


def _chi_squares(time, event, score, sizes):
    """Log-rank chi-square of every split of the patients ordered by score."""
    deaths, at_risk, died, total = _cumulated(time, event, score, sizes)
    share = at_risk / total
    difference = deaths.sum(axis=1) - share @ died
    variance = (share * (1 - share)) @ (died * (total - died) / np.maximum(total - 1, 1))
    return np.divide(difference**2, variance, out=np.zeros(sizes.size), where=variance > 0)


def _moments(time, event, score, sizes):
    """Observed and expected events at or below each cut, and their covariances."""
    deaths, at_risk, died, total = _cumulated(time, event, score, sizes)
    share = at_risk / total
    spread = died * (total - died) / np.maximum(total - 1, 1)
    both = np.minimum(share[:, None, :], share[None, :, :])  # nested groups: the smaller lies in the larger
    covariance = (both - share[:, None, :] * share[None, :, :]) @ spread
    return deaths.sum(axis=1), share @ died, covariance


def _cumulated(time, event, score, sizes):
    """Events and patients at risk among the lowest ``sizes`` patients, cuts x event times, and those of everyone."""
    order = np.argsort(score, kind="stable")
    time, event = time[order], event[order]
    moments = np.unique(time[event])
    died = np.cumsum((time[:, None] == moments) & event[:, None], axis=0)
    at_risk = np.cumsum(time[:, None] >= moments, axis=0)
    return died[sizes - 1], at_risk[sizes - 1], died[-1].astype(float), at_risk[-1].astype(float)
