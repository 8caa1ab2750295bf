"""Which features readers reproduce: intraclass correlations between and within readers, on training patients."""

import numpy as np
import pandas as pd

from habitat_radiomics.reliability import icc

REPEAT = "-repeat"


def feature_agreement(readings, *, training, primary_reader, inter, intra):
    """Return inter- and intra-reader ICC of every feature.

    Parameters
    ----------
    readings : DataFrame
        ``patient``, ``reading`` and one column per feature.
    training : list of str
        Training patients; all others are refused.
    primary_reader : str
        Reader whose repeats give the intra-reader agreement.
    inter, intra : str
        Form of each correlation, for example ``ICC(2,1)``.

    Returns
    -------
    DataFrame
        feature, icc (the smaller of both; of one when only one was assessed), and for each kind icc_*, ci_low_*,
        ci_high_*, n_* (patients).
    """
    strangers = set(readings["patient"]) - set(training)
    if strangers:
        raise ValueError(f"{len(strangers)} patients with repeated readings are not training patients.")
    columns = list(readings.columns[2:])
    names = sorted(set(readings["reading"]))
    first = [name for name in names if REPEAT not in name]
    repeats = [name for name in names if name.split(REPEAT)[0] == f"reader{primary_reader}"]
    kinds = {
        "inter": _agreement(readings, columns, first, inter),
        "intra": _agreement(readings, columns, repeats, intra),
    }
    table = pd.DataFrame({"feature": columns})
    for kind, result in kinds.items():
        for name, values in result.items():
            table[f"{name}_{kind}"] = values
    assessed = [kinds[kind]["icc"] for kind in kinds if np.max(kinds[kind]["n"]) > 0]
    smaller = np.min(assessed, axis=0) if assessed else np.full(len(columns), np.nan)
    table.insert(1, "icc", smaller)
    return table


def _agreement(readings, columns, raters, form):
    """ICC of the patients read by all ``raters``; NaN with n = 0 when there are fewer than two raters or patients."""
    by_rater = [readings[readings["reading"] == rater].set_index("patient")[columns] for rater in raters]
    common = [p for p in dict.fromkeys(readings["patient"]) if all(p in table.index for table in by_rater)]
    if len(raters) < 2 or len(common) < 2:
        missing = np.full(len(columns), np.nan)
        return {"icc": missing, "ci_low": missing, "ci_high": missing, "n": np.zeros(len(columns), dtype=int)}
    ratings = np.stack([table.loc[common].to_numpy(dtype=float) for table in by_rater], axis=1)
    result = icc(ratings, form=form)
    return {"icc": result.estimate, "ci_low": result.ci_low, "ci_high": result.ci_high, "n": result.n}
