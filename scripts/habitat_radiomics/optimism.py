"""Optimism by the bootstrap: how much of its performance a model owes to being measured where it was fitted.

Harrell's method (Harrell, Lee and Mark 1996, Stat Med 15:361; validate and calibrate of R's rms): the model is fitted
anew, *with every step that looked at the outcome*, on each resample of the patients; the optimism is its performance
on the resample minus its performance on all patients, and the mean optimism is taken off the apparent performance.

Resamples are rows of an array of patient numbers, so that any division into chunks gives the same bytes:

    resamples = draw_resamples(len(y), count=1000, seed=1)
    chunks = [optimism_chunk(fit, X, y, resamples, numbers=range(k, k + 100), at=at) for k in range(0, 1000, 100)]
    statistics, curve = corrected_performance(apparent_performance(fit, X, y, at=at), merge_chunks(chunks))

A resample holds about a third of its patients more than once: folds of a cross-validation inside ``fit`` must keep the
copies of a patient together, or it sees its own test patients.
"""

import numpy as np
import pandas as pd

from habitat_radiomics.calibration import ONE_CLASS, brier, calibration_curve, recalibration
from habitat_radiomics.faults import DataFault
from habitat_radiomics.roc import auc

STATISTICS = ("auc", "brier", "intercept", "slope", "joint_intercept")
CURVE = "curve"


def draw_resamples(n, *, count, seed):
    """Return ``count`` resamples of n patients, with replacement: patient numbers from 0, shape (count, n).

    Resample b depends on the seed and b alone: the first 200 of 1000 are the 200 of 200.
    """
    return np.array([np.random.default_rng([seed, b]).integers(0, n, n) for b in range(count)])


def performance(y, p, *, at):
    """Measure predictions: `STATISTICS`, then the calibration curve at every probability of ``at``, as one array.

    What cannot be measured is NaN: a slope where predictions are equal, separate the classes, or are 0 or 1; the curve
    outside the range of the predictions.
    """
    fit = recalibration(y, p)
    single = [auc(y, p), brier(y, p), fit.intercept, fit.slope, fit.joint_intercept]
    return np.concatenate([single, calibration_curve(y, p, at)])


def apparent_performance(fit, X, y, *, at):
    """Return the performance of the model where it was fitted: a table of statistic, at, apparent.

    Parameters
    ----------
    fit : callable
        ``fit(X, y)`` returns a callable that takes rows like X and returns probabilities.
    X : ndarray or DataFrame, one row a patient
        Anything that selects rows by number: for a chain with several tables, give the row numbers as X.
    y : array of 0 and 1
    at : array of float
        Probabilities at which the calibration curve is followed.
    """
    y = np.asarray(y)
    return _places(at).assign(apparent=performance(y, fit(X, y)(X), at=at))


def optimism_chunk(fit, X, y, resamples, *, numbers, at):
    """Fit the model on some of the resamples and measure it there and on all patients.

    Parameters
    ----------
    fit, X, y, at
        See `apparent_performance`. ``fit`` raises a DataFault where a resample cannot be fitted.
    resamples : array of int, shape (count, n)
        All resamples; see `draw_resamples`.
    numbers : iterable of int
        Which of them.

    Returns
    -------
    DataFrame
        resample, statistic, at (NaN but for the curve), train (on the resample), test (on all patients), reason (why
        the resample was not fitted).
    """
    return pd.concat([_one_resample(fit, X, np.asarray(y), resamples[b], at).assign(resample=b) for b in numbers])[
        ["resample", "statistic", "at", "train", "test", "reason"]
    ]


def _one_resample(fit, X, y, rows, at):
    table = _places(at).assign(train=np.nan, test=np.nan, reason="")
    if np.ptp(y[rows]) == 0:
        return table.assign(reason=ONE_CLASS)
    of_resample = _rows(X, rows)
    try:
        predict = fit(of_resample, y[rows])
    except DataFault as fault:
        return table.assign(reason=fault.code)
    return table.assign(train=performance(y[rows], predict(of_resample), at=at), test=performance(y, predict(X), at=at))


def merge_chunks(chunks):
    """Return the chunks as one table in the order of the resamples; the division into chunks leaves no trace.

    Raises
    ------
    ValueError
        If a resample is missing or occurs twice.
    """
    table = pd.concat(chunks).sort_values("resample", kind="stable", ignore_index=True)
    numbers = table.loc[table["statistic"] == STATISTICS[0], "resample"].to_numpy()
    if not np.array_equal(numbers, np.arange(numbers.size)):
        expected = np.arange(numbers.max() + 1)
        count = np.bincount(numbers, minlength=expected.size)
        wrong = expected[count != 1]
        raise ValueError(
            f"chunks hold resample {wrong[0]} {count[wrong[0]]} times ({wrong.size} such resamples of "
            f"{expected.size}): every resample must be in exactly one chunk."
        )
    return table


def corrected_performance(apparent, resampled):
    """Take the mean optimism off the apparent performance.

    Parameters
    ----------
    apparent : DataFrame
        See `apparent_performance`.
    resampled : DataFrame
        See `merge_chunks`.

    Returns
    -------
    statistics : DataFrame
        statistic, apparent, train, test (means over the resamples), optimism = train - test, corrected = apparent -
        optimism, resamples (number with both values).
    curve : DataFrame
        The same with ``at`` in place of ``statistic``.
    """
    both = resampled.dropna(subset=["train", "test"])
    keys = ["statistic", "at"]
    means = both.groupby(keys, dropna=False)[["train", "test"]].mean()
    means["resamples"] = both.groupby(keys, dropna=False).size()
    table = apparent.merge(means.reset_index(), on=keys, how="left")
    table["resamples"] = table["resamples"].fillna(0).astype(int)
    table["optimism"] = table["train"] - table["test"]
    table["corrected"] = table["apparent"] - table["optimism"]
    columns = ["apparent", "train", "test", "optimism", "corrected", "resamples"]
    of_curve = table["statistic"] == CURVE
    statistics, curve = table.loc[~of_curve, ["statistic", *columns]], table.loc[of_curve, ["at", *columns]]
    return statistics.reset_index(drop=True), curve.reset_index(drop=True)


def bias_corrected_calibration(fit, X, y, resamples, *, at):
    """Return `corrected_performance` of a model in one go (parameters as `optimism_chunk`)."""
    chunk = optimism_chunk(fit, X, y, resamples, numbers=range(len(resamples)), at=at)
    return corrected_performance(apparent_performance(fit, X, y, at=at), merge_chunks([chunk]))


def corrected_error(curve, p):
    """Return mean and 90 % quantile of |p - corrected curve| over the patients' predictions, as rms prints them.

    Predictions outside the curve are left out, as rms does.
    """
    known = curve.dropna(subset="corrected")
    if known.empty:
        return np.nan, np.nan
    error = np.abs(p - np.interp(p, known["at"], known["corrected"], left=np.nan, right=np.nan))
    error = error[np.isfinite(error)]
    return (float(error.mean()), float(np.quantile(error, 0.9))) if error.size else (np.nan, np.nan)


def resample_faults(resampled):
    """Return the number of resamples that could not be fitted, by reason."""
    first = resampled.loc[(resampled["statistic"] == STATISTICS[0]) & (resampled["reason"] != "")]
    return first["reason"].value_counts().to_dict()


def _places(at):
    """Rows that `performance` fills."""
    at = np.asarray(at, dtype=float)
    statistic = [*STATISTICS, *[CURVE] * at.size]
    return pd.DataFrame({"statistic": statistic, "at": np.concatenate([np.full(len(STATISTICS), np.nan), at])})


def _rows(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
