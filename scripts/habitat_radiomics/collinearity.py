"""Variance inflation: how much less certain a coefficient is because the other terms tell the same."""

import numpy as np
import pandas as pd


def generalised_vif(covariance, owners):
    """Generalised variance inflation factor of every term of a model, as R's ``car::vif`` of a GLM.

    Parameters
    ----------
    covariance : ndarray, shape (columns, columns)
        Of the coefficients, without the intercept.
    owners : list of str
        Term each column belongs to; the columns of a category are one term.

    Returns
    -------
    DataFrame, index term
        ``gvif``, ``df`` (columns of the term) and ``vif`` = gvif^(1 / df), at least 1, comparable between terms. For a
        single column it is the plain variance inflation factor: its square root is the factor by which the standard
        error grew (Fox and Monette 1992, J Am Stat Assoc 87:178). A term whose variance is unknown has NaN.
    """
    owners = np.array(owners, dtype=object)
    known = np.isfinite(np.diag(covariance))
    rows = {}
    for name in dict.fromkeys(owners):
        own, others = known & (owners == name), known & (owners != name)
        df = int((owners == name).sum())
        gvif = _inflation(covariance, own, others) if own.sum() == df else np.nan
        rows[name] = {"gvif": gvif, "df": df, "vif": gvif ** (1 / df)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["gvif", "df", "vif"])


def _inflation(covariance, own, others):
    """Ratio of determinants of correlation matrices: of the term, of the others, and of both."""
    error = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(error, error)
    term, rest, both = (np.linalg.det(correlation[np.ix_(mask, mask)]) for mask in (own, others, own | others))
    return term * rest / both


def column_vif(covariance, owners):
    """Return the inflation factor (`generalised_vif`) of every coefficient; NaN where its variance is unknown."""
    known = np.isfinite(np.diag(covariance))
    names = [owner for owner, kept in zip(owners, known, strict=True) if kept]
    found = np.full(len(known), np.nan)
    if names:
        found[known] = generalised_vif(covariance[np.ix_(known, known)], names)["vif"].reindex(names)
    return found


def ordinary_vif(data, names):
    """Variance inflation factor of numbers, 1 / (1 - R2) of each regressed on the others (complete cases).

    Raises
    ------
    ValueError
        If a variable is constant or follows from the others.
    """
    X = data[list(names)].dropna().to_numpy(dtype=float)
    constant = [name for name, spread in zip(names, np.ptp(X, axis=0), strict=True) if spread == 0]
    if constant:
        raise ValueError(f"{constant[0]} is constant: it has no variance inflation factor. Leave it out.")
    correlation = np.atleast_2d(np.corrcoef(X, rowvar=False))
    if np.linalg.matrix_rank(correlation) < len(names):
        raise ValueError(f"{', '.join(names)} are linearly dependent: variance inflation is infinite. Leave one out.")
    return pd.Series(np.diag(np.linalg.inv(correlation)), index=list(names), name="vif")
