"""Work on a wide table block of columns by block, so that what is computed on the way fits into memory."""

import numpy as np

VALUES_AT_ONCE = 4_000_000  # in a block: 32 MB


def in_blocks(compute, values):
    """Apply a function of columns to one block of them after the other.

    Parameters
    ----------
    compute : callable
        Takes some columns, shape (rows, columns), and returns an array (..., columns); what it says of a column does
        not depend on the others.
    values : ndarray, shape (rows, columns)

    Returns
    -------
    ndarray, shape (..., columns)
    """
    step = max(1, VALUES_AT_ONCE // max(len(values), 1))
    starts = range(0, max(values.shape[1], 1), step)
    return np.concatenate([compute(values[:, start : start + step]) for start in starts], axis=-1)
