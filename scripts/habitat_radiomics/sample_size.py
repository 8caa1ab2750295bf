"""Minimum sample size of a prediction model for a binary outcome, and events per candidate parameter.

Criteria of Riley, Snell, Ensor et al. 2019 (Stat Med 38:1276; explained in Riley et al. 2020, BMJ 368:m441). All
need the Cox-Snell R2 that the model is expected to have in new patients: from an earlier study, or from an expected
AUC by `cox_snell_from_auc`. Candidate parameters are all coefficients that could have entered (levels of a category
minus one, every feature offered to a selection), not those that did.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit, ndtri

FEWEST_EVENTS = 10  # per candidate parameter, Peduzzi et al. 1996 (J Clin Epidemiol 49:1373): a rule of thumb
RISK_MARGIN = 0.05  # half width of the 95 % interval of the overall risk
Z_95 = 1.96  # as printed by Riley et al., not 1.959964


@dataclass(frozen=True)
class SampleSize:
    """Patients that each of the three criteria asks for; the largest of them is the minimum."""

    shrinkage: int  # criterion 1: predictor effects shrink by at most 10 %
    optimism: int  # criterion 2: apparent and adjusted Nagelkerke R2 differ by at most 0.05
    overall_risk: int  # criterion 3: the overall risk is known to +- 0.05
    patients: int
    events: int
    events_per_parameter: float


def minimum_sample_size(*, prevalence, parameters, cox_snell, shrinkage=0.9, optimism=0.05, risk_margin=RISK_MARGIN):
    """Patients needed to develop a model by Riley's three criteria.

    Parameters
    ----------
    prevalence : float in (0, 1)
        Expected share of patients with the event.
    parameters : int, at least 1
        Candidate parameters.
    cox_snell : float
        Expected Cox-Snell R2, above 0 and below `largest_cox_snell`.
    shrinkage, optimism, risk_margin : float
        Targets of the criteria; the defaults are the recommended ones.

    Raises
    ------
    ValueError
        For values outside these ranges.
    """
    largest = largest_cox_snell(prevalence)
    _require(parameters >= 1, f"parameters is {parameters}: a model has at least one candidate parameter.")
    _require(
        0 < cox_snell < min(largest, shrinkage),
        f"cox_snell is {cox_snell:g}: with prevalence {prevalence:g} and shrinkage {shrinkage:g} it must lie above 0 "
        f"and below {min(largest, shrinkage):.3f}. If it is a Nagelkerke R2, multiply it by {largest:.3f}.",
    )
    first = patients_for_shrinkage(parameters, cox_snell, shrinkage)
    second = patients_for_shrinkage(parameters, cox_snell, cox_snell / (cox_snell + optimism * largest))
    third = math.ceil((Z_95 / risk_margin) ** 2 * prevalence * (1 - prevalence))
    patients = max(first, second, third)
    return SampleSize(
        shrinkage=first,
        optimism=second,
        overall_risk=third,
        patients=patients,
        events=math.ceil(patients * prevalence),
        events_per_parameter=patients * prevalence / parameters,
    )


def patients_for_shrinkage(parameters, cox_snell, shrinkage):
    """Patients at which the expected uniform shrinkage factor reaches its target (Riley et al. 2019, criterion 1)."""
    return math.ceil(parameters / ((shrinkage - 1) * math.log(1 - cox_snell / shrinkage)))


def largest_cox_snell(prevalence):
    """Cox-Snell R2 of a model that predicts perfectly (Riley et al. 2019, equation 23); far below 1 for rare events."""
    _require(0 < prevalence < 1, f"prevalence is {prevalence:g}: it must lie between 0 and 1, both excluded.")
    return 1 - math.exp(2 * _null_log_likelihood(prevalence))


def cox_snell_from_auc(auc, prevalence):
    """Cox-Snell R2 that an expected AUC stands for.

    The linear predictor is taken as normal with equal variances in both classes (Riley, Van Calster and Collins 2021,
    Stat Med 40:859, who simulate what is integrated here); the likelihood ratio per patient then follows.
    """
    _require(0.5 < auc < 1, f"auc is {auc:g}: an expected AUC lies between 0.5 and 1, both excluded.")
    largest_cox_snell(prevalence)  # refuses an impossible prevalence
    distance = math.sqrt(2) * ndtri(auc)
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    log_odds = math.log(prevalence / (1 - prevalence)) + distance * nodes - distance**2 / 2
    with_event = np.dot(weights, log_expit(log_odds + distance**2))
    without = np.dot(weights, log_expit(-log_odds))
    likelihood = prevalence * with_event + (1 - prevalence) * without
    return 1 - math.exp(-2 * (likelihood - _null_log_likelihood(prevalence)))


def expected_shrinkage(*, patients, parameters, cox_snell):
    """Shrinkage factor to expect from a study of a given size; 1 is none, below 0.9 the model is overfitted.

    Parameters
    ----------
    cox_snell : float
        Expected Cox-Snell R2 in new patients.
    """
    low, high = cox_snell * (1 + 1e-12), 1 - 1e-12
    for _ in range(200):
        middle = (low + high) / 2
        enough = parameters / ((middle - 1) * math.log(1 - cox_snell / middle)) <= patients
        low, high = (middle, high) if enough else (low, middle)
    return low


def events_per_parameter(events, patients, parameters):
    """Patients of the smaller class for each candidate parameter, and a warning (empty when there is none).

    Returns
    -------
    ratio : float
        NaN without parameters.
    warning : str
    """
    smaller = min(events, patients - events)
    if parameters == 0:
        return math.nan, ""
    ratio = smaller / parameters
    if ratio >= FEWEST_EVENTS:
        return ratio, ""
    return ratio, (
        f"Only {ratio:.1f} patients of the smaller class for each of {parameters} candidate parameters ({events} of "
        f"{patients} patients have the event). Below {FEWEST_EVENTS} (Peduzzi et al. 1996) coefficients are biased "
        "away from zero and intervals are unreliable; use fewer candidates, penalise, or state the minimum sample size."
    )


def _null_log_likelihood(prevalence):
    """Log-likelihood per patient of the model without predictors."""
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)


def _require(condition, message):
    if not condition:
        raise ValueError(message)
