"""Does a new survival model move risks at a horizon the right way? Integrated discrimination and net reclassification.

Patients with the event by the horizon should get a higher risk than before, those event-free after it a lower one;
means over both are weighted for censoring by 1 / G(T-) and 1 / G(horizon) (Uno, Tian, Cai, Kohane and Wei 2013, Stat
Med 32:2430; R: survIDINRI). Both favour a new model that is merely miscalibrated: report them beside the difference in
C and calibration, never instead.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.kaplan_meier import censoring_distribution, event_weights
from habitat_radiomics.survival_calibration import checked_risk

METRICS = ("idi", "nri", "nri_event", "nri_nonevent")
UNDEFINED = "nobody with the event by the horizon, or nobody followed beyond it"
FEWEST_RESAMPLES = 0.9  # share of the resamples in which a measure is defined, for an interval to be given


def survival_reclassification(time, event, risk_old, risk_new, *, horizon, resamples, seed, level=0.95):
    """Return what a new model gains over an old one, with percentile intervals over resamples of the patients.

    Parameters
    ----------
    time, event : arrays, one a patient
    risk_old, risk_new : arrays
        Predicted probability of the event by the horizon, taken as they are.
    horizon : float
    resamples, seed, level
        Of the intervals; resample b depends on the seed and b alone.

    Returns
    -------
    pandas.DataFrame
        metric, estimate, ci_low, ci_high, reason. ``idi``: gain in mean risk of those with the event less that of those
        without. ``nri``: share of those with the event whose risk rises less that of those without (half the sum of
        ``nri_event`` and ``nri_nonevent``, each from -1 to 1: share moved rightly less share moved wrongly).
    """
    time, event, risk_old = checked_risk(time, event, risk_old)
    difference = checked_risk(time, event, risk_new)[2] - risk_old
    estimate = _gains(time, event, difference, horizon)
    drawn = (np.random.default_rng([seed, b]).integers(0, time.size, time.size) for b in range(resamples))
    values = np.array([_gains(time[rows], event[rows], difference[rows], horizon) for rows in drawn])
    limits = np.full((2, len(METRICS)), np.nan)
    if len(values) and np.isfinite(values[:, 0]).mean() >= FEWEST_RESAMPLES:
        limits = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    table = pd.DataFrame({"metric": METRICS, "estimate": estimate, "ci_low": limits[0], "ci_high": limits[1]})
    return table.assign(reason=np.where(np.isnan(estimate), UNDEFINED, ""))


def _gains(time, event, difference, horizon):
    """Values of `METRICS`."""
    weights = event_weights(time, event, horizon, censoring_distribution(time, event))
    if any(not weight.sum() > 0 for weight in weights):
        return np.full(len(METRICS), np.nan)
    (gain, rising, falling), (loss, wrong, right) = (
        [np.average(values, weights=weight) for values in (difference, difference > 0, difference < 0)]
        for weight in weights
    )
    return np.array([gain - loss, (rising - falling + right - wrong) / 2, rising - falling, right - wrong])
