"""A sum over the columns of a table that is the same for a patient whoever else is in the table."""

import numpy as np


def weighted_sum(X, weights):
    """Return the sum of weight x column for every row, in the order of the columns.

    Matrix products add in another order for one row than for many, and with other numbers of threads: their last digit
    would depend on who is predicted together.

    Parameters
    ----------
    X : ndarray, shape (patients, columns)
    weights : ndarray, shape (columns,) or (columns, sums)

    Returns
    -------
    ndarray, shape (patients,) or (patients, sums)
    """
    X, weights = np.asarray(X, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    total = np.zeros((X.shape[0], *weights.shape[1:]))
    for column, weight in zip(X.T, weights, strict=True):
        total = total + (column * weight if weights.ndim == 1 else np.multiply.outer(column, weight))
    return total
