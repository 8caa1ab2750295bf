"""What the size of the tumour alone predicts, and which selected features are the size in other words.

Many radiomic features grow with the volume; a signature of them may be a ruler (Welch et al. 2019, Radiother Oncol
130:2). The volume is not fitted to anything: larger counts as a higher risk.
"""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from habitat_radiomics.outcome import discrimination_interval, events, measure_name, why_not

ALIKE = 0.7  # absolute rank correlation from which a feature is called a proxy of the volume
ALONE_COLUMNS = ["cohort", "measure", "estimate", "ci_low", "ci_high", "n", "events"]
PROXY_COLUMNS = ["signature", "feature", "coefficient", "rho", "n"]


def tumour_volumes(quality, sequences):
    """Return the volume of the tumour by patient in mm3: of the first sequence, in their order, where it was measured.

    Parameters
    ----------
    quality : DataFrame
        patient, sequence, volume_mm3 of every scan.
    sequences : list of str
    """
    wide = quality.pivot(index="patient", columns="sequence", values="volume_mm3").reindex(columns=sequences)
    return wide.bfill(axis=1).iloc[:, 0].rename("volume_mm3")


def volume_alone(volumes, outcome, cohorts, *, level):
    """Measure how the volume orders the patients of every cohort: AUC, or C-index of times to an event.

    Parameters
    ----------
    volumes : Series by patient
    outcome : Series or DataFrame by patient, see `outcome`
    cohorts : Series by patient

    Returns
    -------
    DataFrame
        `ALONE_COLUMNS`; NaN where a cohort does not allow it.
    """
    known = volumes.dropna().index.intersection(outcome.index, sort=False)
    rows = []
    for cohort in cohorts.unique():
        patients = known[cohorts.loc[known] == cohort]
        truth = outcome.loc[patients]
        row = {"cohort": cohort, "measure": measure_name(outcome), "n": len(patients)}
        if len(patients) and not why_not(truth):
            found = discrimination_interval(truth, volumes.loc[patients].to_numpy(), level=level)
            row |= {
                "estimate": found.estimate,
                "ci_low": found.ci_low,
                "ci_high": found.ci_high,
                "events": events(truth),
            }
        rows.append(row)
    return pd.DataFrame(rows, columns=ALONE_COLUMNS)


def volume_proxies(volumes, features, coefficients):
    """Correlate every selected feature with the volume in the training patients (Spearman's rho).

    Parameters
    ----------
    volumes : Series by patient
    features : DataFrame, training patients x features
    coefficients : dict
        Signature to its features and coefficients, the intercept first.

    Returns
    -------
    DataFrame
        `PROXY_COLUMNS`.
    """
    rows = []
    for signature, table in coefficients.items():
        for row in table.iloc[1:].itertuples():
            pair = pd.concat([features[row.feature], volumes], axis=1, join="inner").dropna().to_numpy()
            varies = len(pair) > 2 and (np.ptp(pair, axis=0) > 0).all()
            rho = float(spearmanr(*pair.T).statistic) if varies else np.nan
            rows.append([signature, row.feature, row.coefficient, rho, len(pair)])
    return pd.DataFrame(rows, columns=PROXY_COLUMNS)
