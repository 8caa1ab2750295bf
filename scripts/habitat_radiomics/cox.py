"""Cox regression: exact maximum of the partial likelihood, Firth's penalty under separation, predicted survival.

Ties by Efron (1977, J Am Stat Assoc 72:557) or Breslow (1974). Every event is one *sub-event*: with Efron's rule the
l-th of d events at a time sees a risk set in which the tied events count 1 - l/d, with Breslow's all count in full. All
sums over risk sets are then cumulative sums from the latest time to the earliest.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from habitat_radiomics.survival_outcome import as_outcome, require_events
from habitat_radiomics.weighted_sum import weighted_sum

TIES = ("efron", "breslow")
LARGEST_STEP = 5.0  # of a linear predictor, in one Newton step
MOST_ITERATIONS = 60
MOST_HALVINGS = 30
TOLERANCE = 1e-10  # of the linear predictors
FLAT_GAIN = 1e-9  # of the log-likelihood: below it, with steps above FLAT_STEP, the likelihood is monotone
FLAT_STEP = 1e-3
DIFFERENCE = 1e-4  # of coefficients per standard deviation
SEPARATED = (
    "a combination of the predictors orders the events completely, so the partial likelihood has no maximum: Firth's "
    "penalised likelihood (Heinze and Schemper 2001) was used"
)


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk at every sub-event; rows are sorted by stratum, then from the latest time to the earliest."""

    order: np.ndarray  # (n,) positions of the patients in sorted order
    event_rows: np.ndarray  # (K,) sorted row of every event
    first: np.ndarray  # (K,) first sorted row of its stratum
    end: np.ndarray  # (K,) one past the last sorted row at risk
    tie: np.ndarray  # (K,) number of its distinct event time
    share: np.ndarray  # (K,) part of the tied events that has left the risk set
    times: np.ndarray  # (K,) event time
    all_times: np.ndarray  # (n,) of all patients, ascending

    def sums(self, values):
        """Sum of values (n, ...), in sorted order, over every risk set: (K, ...)."""
        before = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
        total = before[self.end] - before[self.first] if self.first.any() else before[self.end]
        if not self.share.any():
            return total
        tied = np.zeros((self.tie.max() + 1, *values.shape[1:]))
        np.add.at(tied, self.tie, values[self.event_rows])
        return total - self.share.reshape(-1, *[1] * (values.ndim - 1)) * tied[self.tie]


def risk_sets(outcome, *, ties="efron", strata=None):
    """Return the risk sets of an outcome.

    Parameters
    ----------
    outcome : ndarray of `survival_outcome.OUTCOME`
    ties : {"efron", "breslow"}
    strata : array, shape (patients,), optional
        Groups with a baseline hazard of their own.
    """
    if ties not in TIES:
        raise ValueError(f"ties is {ties!r}: use one of {', '.join(TIES)}.")
    n = outcome.size
    stratum = np.zeros(n, dtype=int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    order = np.lexsort((np.arange(n), -outcome["time"], stratum))
    time, event, stratum = outcome["time"][order], outcome["event"][order], stratum[order]
    rows = np.flatnonzero(event)
    begins = np.r_[True, (np.diff(time) != 0) | (np.diff(stratum) != 0)]
    tie_of_row = np.cumsum(begins) - 1
    ends = np.r_[np.flatnonzero(begins)[1:], n]
    tie = np.unique(tie_of_row[rows], return_inverse=True)[1]
    deaths = np.bincount(tie, minlength=1)
    within = np.arange(rows.size) - np.r_[0, np.cumsum(deaths)[:-1]][tie]
    share = within / deaths[tie] if ties == "efron" else np.zeros(rows.size)
    first = np.searchsorted(stratum, stratum[rows])
    return RiskSets(order, rows, first, ends[tie_of_row[rows]], tie, share, time[rows], np.sort(outcome["time"]))


@dataclass(frozen=True)
class CoxMaximum:
    """Where an iteration of `maximise` ended."""

    beta: np.ndarray  # (p,)
    covariance: np.ndarray  # (p, p) inverse information
    log_likelihood: float  # with firth the penalised one
    converged: bool


@dataclass(frozen=True)
class Derivatives:
    """The partial likelihood at one coefficient vector, sub-event by sub-event."""

    log_likelihood: float
    hazard: np.ndarray  # (K,) 1 / sum of exp(linear predictor) over the risk set
    residuals: np.ndarray  # (K, p) Schoenfeld: predictors of the event minus their mean over the risk set
    variances: np.ndarray  # (K, p, p) of the predictors over the risk set
    jeffreys_score: np.ndarray  # (p,) derivative of half the log determinant of the information; 0 without firth


def derivatives(Z, sets, beta, *, firth=False):
    """Evaluate the partial likelihood; Z is the design (patients, p) in the order of the risk sets."""
    eta = Z @ beta
    shift = eta.max(initial=0.0)
    risk = np.exp(eta - shift)
    s0 = sets.sums(risk)
    mean = sets.sums(risk[:, None] * Z) / s0[:, None]
    second = sets.sums(risk[:, None, None] * Z[:, :, None] * Z[:, None, :]) / s0[:, None, None]
    variances = second - mean[:, :, None] * mean[:, None, :]
    log_likelihood = float(np.sum(eta[sets.event_rows] - shift - np.log(s0)))
    jeffreys = np.zeros(beta.size)
    if firth:
        information = variances.sum(axis=0)
        sign, determinant = np.linalg.slogdet(information)
        if sign > 0:
            log_likelihood += 0.5 * determinant
            jeffreys = 0.5 * _third_moments(Z, sets, risk, s0, mean, second, np.linalg.inv(information))
        else:  # far out a few patients leave no information: a step to there is halved, as its penalty says
            log_likelihood = -np.inf
    residuals = Z[sets.event_rows] - mean
    return Derivatives(log_likelihood, np.exp(-shift) / s0, residuals, variances, jeffreys)


def _third_moments(Z, sets, risk, s0, mean, second, covariance):
    """Trace of the inverse information times its derivative: third central moments contracted with the covariance."""
    size = np.einsum("ij,jk,ik->i", Z, covariance, Z)
    mean_size = sets.sums(risk * size) / s0
    mean_product = sets.sums((risk * size)[:, None] * Z) / s0[:, None]
    turned = mean @ covariance
    square = np.einsum("kj,kj->k", turned, mean)
    third = mean_product - mean * mean_size[:, None] - 2 * np.einsum("kjr,kj->kr", second, turned)
    return (third + 2 * mean * square[:, None]).sum(axis=0)


def maximise(design, sets, *, firth=False, free=None):
    """Maximise the (penalised) partial likelihood over some or all coefficients by Newton's method; the others are 0.

    Parameters
    ----------
    design : ndarray, shape (patients, p)
    sets : RiskSets
    firth : bool
        Add half the log determinant of the information (Firth 1993; Heinze and Schemper 2001, Biometrics 57:114), which
        always has a maximum. It is that of the whole design also where coefficients are held.
    free : ndarray of bool, shape (p,), optional
        Coefficients to move; all by default.

    Returns
    -------
    CoxMaximum
        ``converged`` is False where the likelihood is monotone (some coefficient is infinite).

    Raises
    ------
    ValueError
        If predictors are linearly dependent.
    """
    centre, scale = design.mean(axis=0), np.maximum(design.std(axis=0), 1e-300)
    Z = ((design - centre) / scale)[sets.order]
    if np.linalg.matrix_rank(Z) < Z.shape[1]:
        raise ValueError("predictors of the Cox model are linearly dependent. Remove one of them from the model.")
    free = np.ones(Z.shape[1], dtype=bool) if free is None else free
    beta, now, converged = np.zeros(Z.shape[1]), derivatives(Z, sets, np.zeros(Z.shape[1]), firth=firth), not free.any()
    for _ in range(0 if converged else MOST_ITERATIONS):
        step = _newton_step(now, free, _penalty_curvature(Z, sets, beta, free) if firth else 0.0)
        if step is None:
            break
        longest = np.abs(Z @ step).max()
        step = step * min(1.0, LARGEST_STEP / max(longest, 1e-300))
        old = now.log_likelihood
        beta, now = _improve(Z, sets, beta, step, old, firth)
        converged = bool(longest < TOLERANCE)
        monotone = not firth and now.log_likelihood - old < FLAT_GAIN and longest > FLAT_STEP
        if converged or monotone:
            break
    covariance = _inverse(now.variances.sum(axis=0)) / np.outer(scale, scale)
    return CoxMaximum(beta / scale, covariance, now.log_likelihood, converged)


def _newton_step(now, free, curvature):
    """Newton step of the free coefficients; None where the information has no inverse any more."""
    information = now.variances.sum(axis=0)[np.ix_(free, free)]
    score = (now.residuals.sum(axis=0) + now.jeffreys_score)[free]
    if np.linalg.cond(information) > 1e14:
        return None
    if np.linalg.eigvalsh(information + curvature).min() > 0:
        information = information + curvature
    step = np.zeros(free.size)
    step[free] = np.linalg.solve(information, score)
    return step


def _penalty_curvature(Z, sets, beta, free):
    """Minus the second derivative of the penalty, from differences of its first; without it steps overshoot."""
    moves = DIFFERENCE * np.eye(beta.size)[free]
    ahead = np.array([derivatives(Z, sets, beta + move, firth=True).jeffreys_score[free] for move in moves])
    behind = np.array([derivatives(Z, sets, beta - move, firth=True).jeffreys_score[free] for move in moves])
    slope = (ahead - behind) / (2 * DIFFERENCE)
    return -(slope + slope.T) / 2


def _improve(Z, sets, beta, step, old, firth):
    """Take the step, halved until the likelihood does not fall."""
    for _ in range(MOST_HALVINGS):
        now = derivatives(Z, sets, beta + step, firth=firth)
        if now.log_likelihood >= old - 1e-9 * max(1.0, abs(old)):
            break
        step = step / 2
    return beta + step, now


def _inverse(information):
    if information.size == 0 or np.linalg.cond(information) > 1e14:
        return np.full(information.shape, np.nan)
    return np.linalg.inv(information)


def maximise_or_penalise(design, sets):
    """Return the maximum of the partial likelihood, or Firth's where it is monotone, and whether Firth's was used."""
    maximum = maximise(design, sets)
    if maximum.converged:
        return maximum, False
    return maximise(design, sets, firth=True), True


def score_test(design, sets):
    """Score test that all coefficients are zero (for one binary predictor without ties: the log-rank test).

    Returns
    -------
    chi2, df, p
    """
    scale = np.maximum(design.std(axis=0), 1e-300)
    null = derivatives(((design - design.mean(axis=0)) / scale)[sets.order], sets, np.zeros(design.shape[1]))
    score = null.residuals.sum(axis=0)
    chi2 = float(score @ np.linalg.solve(null.variances.sum(axis=0), score))
    return chi2, design.shape[1], float(chdtrc(design.shape[1], chi2))


class CoxModel(BaseEstimator):
    """Cox regression with predicted survival; Firth's penalised likelihood where the plain one has no maximum.

    The linear predictor is centred at the mean training patient, whose survival is the baseline; higher means a higher
    hazard. Constant predictors get the coefficient 0.

    Parameters
    ----------
    ties : {"efron", "breslow"}
        Of the likelihood and of the baseline hazard.

    Attributes
    ----------
    coef_ : ndarray, shape (predictors,)
        Log hazard ratios per unit.
    covariance_ : ndarray, shape (predictors, predictors)
        NaN for constant predictors.
    mean_ : ndarray, shape (predictors,)
    log_likelihood_, null_log_likelihood_ : float
        Penalised with Firth's method.
    method_ : {"maximum partial likelihood", "Firth"}
    note_ : str
        Why Firth's method was used; empty otherwise.
    event_times_, cumulative_hazard_ : ndarray, shape (distinct event times,)
        Of the mean patient, just after each time.
    """

    def __init__(self, *, ties="efron"):
        self.ties = ties

    def fit(self, X, y):
        """Fit predictors (patients x predictors) to an outcome, see `survival_outcome`.

        Raises
        ------
        ValueError
            For an unusable outcome, no events, missing values, and linearly dependent predictors.
        """
        X = validate_data(self, X, dtype=float)
        outcome = as_outcome(y)
        require_events(outcome, purpose="a Cox model")
        sets = risk_sets(outcome, ties=self.ties)
        varies = np.ptp(X, axis=0) > 0
        maximum, firth = maximise_or_penalise(X[:, varies], sets)
        self.coef_, self.covariance_ = np.zeros(X.shape[1]), np.full((X.shape[1],) * 2, np.nan)
        self.coef_[varies], self.covariance_[np.ix_(varies, varies)] = maximum.beta, maximum.covariance
        self.mean_ = X.mean(axis=0)
        null = maximise(X[:, varies], sets, firth=firth, free=np.zeros(varies.sum(), dtype=bool))
        self.log_likelihood_, self.null_log_likelihood_ = maximum.log_likelihood, null.log_likelihood
        self.method_ = "Firth" if firth else "maximum partial likelihood"
        self.note_ = SEPARATED if firth else ""
        self.event_times_, self.cumulative_hazard_ = baseline_hazard((X - self.mean_) @ self.coef_, sets)
        return self

    def decision_function(self, X):
        """Linear predictor of each patient: log hazard ratio against the mean training patient, shape (patients,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=float)
        return weighted_sum(X - self.mean_, self.coef_)

    def predict_survival(self, X, times):
        """Probability of no event up to and including each time, shape (patients, times); 1 before the first event."""
        return np.exp(-np.exp(self.decision_function(X))[:, None] * self.hazard_at(times))

    def hazard_at(self, times):
        """Cumulative hazard of the mean patient at times (a step function, right-continuous), shape (times,)."""
        check_is_fitted(self)
        position = np.searchsorted(self.event_times_, np.asarray(times, dtype=float), side="right")
        return np.concatenate([[0.0], self.cumulative_hazard_])[position]


def baseline_hazard(linear_predictor, sets):
    """Distinct event times and the cumulative hazard where the linear predictor is 0 (one stratum).

    Efron's estimate with Efron's ties, Breslow's with Breslow's (Kalbfleisch and Prentice 2002, section 4.3).
    """
    s0 = sets.sums(np.exp(linear_predictor[sets.order]))
    times, position = np.unique(sets.times, return_inverse=True)
    return times, np.cumsum(np.bincount(position, 1 / s0))
