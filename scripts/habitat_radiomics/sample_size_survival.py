"""Minimum sample size of a prediction model for a time to an event.

Criteria of Riley, Snell, Ensor et al. 2019 (Stat Med 38:1276), with the authors' correction that makes the second free
of the unit of time. The Cox-Snell R2 they need follows from an expected C-index by way of Royston's D: an approximation
(Jinks, Royston and Parmar 2015), good enough for the order of magnitude that such a calculation is made for.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from habitat_radiomics.sample_size import RISK_MARGIN, Z_95, patients_for_shrinkage

GUMBEL_VARIANCE = math.pi**2 / 6
POWER, ALPHA = 0.8, 0.05
D_PER_DEVIATION = 8 / math.pi  # D is sqrt(8 / pi) standard deviations of the prognostic index


@dataclass(frozen=True)
class SurvivalSampleSize:
    """Patients that each of the three criteria asks for; the largest of them is the minimum."""

    shrinkage: int  # criterion 1: predictor effects shrink by at most 10 %
    optimism: int  # criterion 2: apparent and adjusted Nagelkerke R2 differ by at most 0.05
    overall_risk: int  # criterion 3: the overall risk at the horizon is known to +- 0.05
    patients: int
    events: int


def minimum_sample_size(*, rate, follow_up, horizon, parameters, cox_snell, shrinkage=0.9, optimism=0.05):
    """Patients needed to develop a model by Riley's three criteria.

    Parameters
    ----------
    rate : float
        Events per patient and unit of time.
    follow_up : float
        Mean follow-up of a patient, in that unit.
    horizon : float
        Time by which the risk is predicted, in that unit.
    parameters : int, at least 1
        Candidate parameters.
    cox_snell : float
        Expected Cox-Snell R2, above 0 and below `largest_cox_snell`.

    Raises
    ------
    ValueError
        For a Cox-Snell R2 outside this range.
    """
    largest = largest_cox_snell(rate * follow_up)
    if not 0 < cox_snell < min(largest, shrinkage):
        raise ValueError(f"cox_snell is {cox_snell:g}: it must lie above 0 and below {min(largest, shrinkage):.3f}.")
    first = patients_for_shrinkage(parameters, cox_snell, shrinkage)
    second = patients_for_shrinkage(parameters, cox_snell, cox_snell / (cox_snell + optimism * largest))
    third = patients_for_overall_risk(rate, follow_up, horizon)
    patients = max(first, second, third)
    return SurvivalSampleSize(first, second, third, patients, math.ceil(patients * rate * follow_up))


def largest_cox_snell(share):
    """Cox-Snell R2 of a perfect model, for a number of events per patient (exponential null model, equation 23)."""
    return 1 - math.exp(2 * (share * math.log(share) - share))


def patients_for_overall_risk(rate, follow_up, horizon, margin=RISK_MARGIN):
    """Patients with whom the risk at the horizon, of an exponential model, is known to within a margin (95 %)."""
    distance = math.log(1 + margin * math.exp(rate * horizon)) / horizon  # of the rate, towards the wider side
    return math.ceil(rate * (Z_95 / distance) ** 2 / follow_up)


def cox_snell_from_concordance(concordance, share):
    """Cox-Snell R2 that an expected C-index stands for.

    D = 5.50 (C - 0.5) + 10.26 (C - 0.5)^3 (Jinks et al. 2015, BMC Med Res Methodol 15:82); its explained variation in
    terms of events (Royston 2006, Stata J 6:83) gives the likelihood ratio per patient (Riley et al. 2019, section 5).

    Parameters
    ----------
    concordance : float
        Above 0.5.
    share : float
        Events per patient.
    """
    if not 0.5 < concordance < 1:
        raise ValueError(f"concordance is {concordance:g}: an expected C-index lies between 0.5 and 1, both excluded.")
    excess = concordance - 0.5
    spread = (5.50 * excess + 10.26 * excess**3) ** 2 / D_PER_DEVIATION
    explained = spread / (GUMBEL_VARIANCE + spread)
    of_events = GUMBEL_VARIANCE * explained / (1 - (1 - GUMBEL_VARIANCE) * explained)
    return 1 - (1 - of_events) ** share


def detectable_ratio(events):
    """Hazard ratio between two groups of equal size that so many events show with a power of 80 % (Schoenfeld 1983)."""
    if not events:
        return np.nan
    return float(np.exp((ndtri(1 - ALPHA / 2) + ndtri(POWER)) / np.sqrt(events / 4)))
