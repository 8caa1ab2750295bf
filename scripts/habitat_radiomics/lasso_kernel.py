"""Compiled solver for many penalised logistic or Cox paths over the same columns.

A *fit* is a row of observation weights: the whole data, a cross-validation fold (weight 0 for the held-out rows)
or a resample (multiplicities). All fits walk down their penalties side by side, so that one pass over the
columns serves the optimality check of every fit. Fit f minimises, over intercept and coefficients b,

    -sum_i w_fi [y_i eta_i - log(1 + exp(eta_i))] + penalty * sum_j [l1 s_fj |b_j| + (1 - l1)/2 (s_fj b_j)^2]

(Cox: minus Breslow's partial log-likelihood in place of the first sum, which the intercept does not change) with
sum_i w_fi = 1 and s_fj the population standard deviation of column j under the weights of f. Penalising
s_fj b_j instead of standardising the columns anew in every fold is the same problem (the intercept is free) and
leaves one matrix for all. Source of the method: Friedman, Hastie and Tibshirani 2010, J Stat Softw 33(1), section 3
(Newton steps solved by coordinate descent); Tibshirani et al. 2012, J R Stat Soc B 74:245 (strong rules).

The quadratic model of a Newton step is that of weighted least squares with an intercept. For Cox its curvature is the
expected number of events of each row: the weighted variance of a column over all rows is at least the sum of its
variances within the risk sets, so this model lies above the objective and every step goes down.

This module imports numba and is itself imported only when something is fitted.
"""

from collections import namedtuple

import numpy as np
from numba import njit

# Sums may be reordered (vectorised); NaN and infinity keep their meaning, unlike with fastmath=True.
compiled = njit(cache=True, fastmath={"reassoc", "nsz", "contract", "arcp"}, error_model="numpy")

MAX_NEWTON_STEPS = 50
MAX_ROUNDS = 200  # of sweeps and a direct solution, within a Newton step
SWEEPS_BEFORE_DIRECT = 5  # coordinate sweeps over the support before it is solved directly
SMALLEST_PIVOT = 1e-9  # relative; below it the support's columns count as linearly dependent
DENSE_PRECISION = 1e-4  # of the tolerance, in the quadratic model of a Cox support
MAX_HALVINGS = 30
VIOLATION = 1e-6  # a gradient may exceed its penalty by this fraction
SMALLEST_CURVATURE = 1e-9  # p(1-p) is not let below this: damps the steps, does not move the optimum
FEWEST_PENALTIES = 5  # glmnet.control(mnlam): a path is not stopped before
ENOUGH_EXPLAINED = 0.999  # glmnet.control(devmax)
SMALLEST_GAIN = 1e-5  # glmnet.control(fdev)
SMALLEST_COX_GAIN = 1e-3  # of what is explained, over FEWEST_PENALTIES - 1 steps: where glmnet 4.1 ends its Cox paths

# The outcome; rows of a Cox model are sorted from the latest time to the earliest.
Response = namedtuple(
    "Response",
    [
        "outcome",  # (n,) 0.0 or 1.0: the class, or whether the event happened
        "starts",  # (times + 1,) Cox: first row of every distinct time, and n; empty: logistic
    ],
)

# State of all fits; every array has the fit as its first axis.
Fits = namedtuple(
    "Fits",
    [
        "weights",  # (fits, n) observation weights, sum 1
        "scales",  # (fits, p) standard deviation of the column under these weights; 0: constant, never enters
        "intercept",  # (fits,)
        "coefficients",  # (fits, p)
        "earlier",  # (fits, p) coefficients at the penalty before
        "linear",  # (fits, n) linear predictor of every row, weight 0 included
        "residual",  # (fits, n) w (y - probability)
        "curvature",  # (fits, n) w probability (1 - probability)
        "gradient",  # (fits, p) column . residual; of columns outside the working set
        "working",  # (fits, p) column numbers of the working set, the first n_working are valid
        "n_working",  # (fits,)
        "is_working",  # (fits, p)
    ],
)

# Result: axis 0 is the fit, axis 1 the penalty; entries after a path's length are NaN.
Paths = namedtuple(
    "Paths",
    [
        "coefficients",  # (fits, L, p), or (0, L, p) when not kept
        "intercepts",  # (fits, L)
        "linear",  # (fits, L, n) linear predictor of every row, weight 0 included
        "explained",  # (fits, L) fraction of the null deviance explained
        "lengths",  # (fits,) number of penalties solved
    ],
)


def new_fits(y, weights, scales):
    """State of the null models (intercept only) of all fits; y is the `Response`."""
    n_fits, n, p = weights.shape[0], weights.shape[1], scales.shape[1]
    intercept = np.zeros(n_fits)
    if y.starts.size == 0:
        intercept = np.array([np.log((w @ y.outcome) / (w @ (1 - y.outcome))) for w in weights])
    return Fits(
        weights=weights,
        scales=scales,
        intercept=intercept,
        coefficients=np.zeros((n_fits, p)),
        earlier=np.zeros((n_fits, p)),
        linear=np.repeat(intercept[:, None], n, axis=1),
        residual=np.zeros((n_fits, n)),
        curvature=np.zeros((n_fits, n)),
        gradient=np.zeros((n_fits, p)),
        working=np.zeros((n_fits, p), dtype=np.int64),
        n_working=np.zeros(n_fits, dtype=np.int64),
        is_working=np.zeros((n_fits, p), dtype=np.bool_),
    )


@compiled
def column_scales(columns, weights):
    """Weighted population standard deviation of each column in each fit, exactly 0 where it is constant."""
    n_fits, p = weights.shape[0], columns.shape[0]
    scales = np.zeros((n_fits, p))
    for j in range(p):
        column = columns[j]
        for f in range(n_fits):
            if _varies(column, weights[f]):
                scales[f, j] = _standard_deviation(column, weights[f])
    return scales


@compiled
def _varies(column, weights):
    first = np.nan
    for i in range(column.size):
        if weights[i] > 0:
            if first != first:
                first = column[i]
            elif column[i] != first:
                return True
    return False


@compiled
def _standard_deviation(column, weights):
    mean = _dot(column, weights)
    square = 0.0
    for i in range(column.size):
        square += weights[i] * (column[i] - mean) ** 2
    return np.sqrt(square)


@compiled
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@compiled
def _add(target, factor, a):
    for i in range(target.size):
        target[i] += factor * a[i]


@compiled
def set_gradients(columns, fits, wanted):
    """Gradient of every column outside the working set, for the fits that want it: one pass over the columns."""
    for j in range(columns.shape[0]):
        column = columns[j]
        for f in range(wanted.size):
            if wanted[f] and not fits.is_working[f, j]:
                fits.gradient[f, j] = _dot(column, fits.residual[f])


@compiled
def set_null_gradients(columns, y, fits):
    """Gradient of every column in the intercept-only models; its largest scaled size is the largest useful penalty."""
    for f in range(fits.weights.shape[0]):
        _set_residual(y, fits, f)
    set_gradients(columns, fits, np.ones(fits.weights.shape[0], dtype=np.bool_))


@compiled
def _set_residual(y, fits, f):
    """Weighted residual and curvature at the present linear predictor."""
    if y.starts.size > 0:
        _set_cox_residual(y, fits.weights[f], fits.linear[f], fits.residual[f], fits.curvature[f])
        return
    for i in range(y.outcome.size):
        probability = 1 / (1 + np.exp(-fits.linear[f, i]))
        w = fits.weights[f, i]
        fits.residual[f, i] = w * (y.outcome[i] - probability)
        fits.curvature[f, i] = w * max(probability * (1 - probability), SMALLEST_CURVATURE)


@compiled
def _set_cox_residual(y, weights, linear, residual, curvature):
    """Martingale residual (events minus expected events) and expected events of every row, times its weight."""
    groups = y.starts.size - 1
    hazard = np.zeros(groups)
    highest = _highest(weights, linear)
    at_risk = 0.0
    for g in range(groups):
        deaths = 0.0
        for i in range(y.starts[g], y.starts[g + 1]):
            if weights[i] > 0:
                at_risk += weights[i] * np.exp(linear[i] - highest)
                deaths += weights[i] * y.outcome[i]
        if deaths > 0:
            hazard[g] = deaths / at_risk
    cumulative = 0.0
    for g in range(groups - 1, -1, -1):
        cumulative += hazard[g]
        for i in range(y.starts[g], y.starts[g + 1]):
            w = weights[i]
            expected = cumulative * np.exp(linear[i] - highest) if w > 0 else 0.0
            residual[i] = w * (y.outcome[i] - expected)
            curvature[i] = w * max(expected, SMALLEST_CURVATURE)


@compiled
def _highest(weights, linear):
    """Largest linear predictor of the rows that count."""
    highest = -np.inf
    for i in range(linear.size):
        if weights[i] > 0:
            highest = max(highest, linear[i])
    return highest


@compiled
def deviance(y, weights, linear):
    """-2 log-likelihood per unit of weight, without overflow; Cox: from that of the saturated model."""
    if y.starts.size > 0:
        return _cox_deviance(y, weights, linear)
    total = 0.0
    for i in range(y.outcome.size):
        if weights[i] > 0:
            margin = linear[i] if y.outcome[i] > 0.5 else -linear[i]
            total += weights[i] * (np.log1p(np.exp(-abs(margin))) + max(-margin, 0.0))
    return 2 * total


@compiled
def _cox_deviance(y, weights, linear):
    """2 (saturated - Breslow's partial log-likelihood); the saturated one is -sum d log d over the event times."""
    total, at_risk, highest = 0.0, 0.0, _highest(weights, linear)
    for g in range(y.starts.size - 1):
        deaths = 0.0
        for i in range(y.starts[g], y.starts[g + 1]):
            if weights[i] > 0:
                at_risk += weights[i] * np.exp(linear[i] - highest)
                deaths += weights[i] * y.outcome[i]
                total -= weights[i] * y.outcome[i] * (linear[i] - highest)
        if deaths > 0:
            total += deaths * (np.log(at_risk) - np.log(deaths))
    return 2 * total


@compiled
def _objective(y, fits, f, penalty, l1_ratio):
    total = deviance(y, fits.weights[f], fits.linear[f]) / 2
    for q in range(fits.n_working[f]):
        j = fits.working[f, q]
        scaled = fits.scales[f, j] * abs(fits.coefficients[f, j])
        total += penalty * (l1_ratio * scaled + (1 - l1_ratio) / 2 * scaled * scaled)
    return total


@compiled
def _screen(columns, fits, f, penalty, previous, l1_ratio):
    """Working set of a new penalty: the non-zero columns and those the strong rule keeps."""
    kept = 0
    for q in range(fits.n_working[f]):
        j = fits.working[f, q]
        if fits.coefficients[f, j] != 0:
            fits.working[f, kept] = j
            kept += 1
        else:
            fits.is_working[f, j] = False
            fits.gradient[f, j] = _dot(columns[j], fits.residual[f])
    fits.n_working[f] = kept
    _enlarge(fits, f, l1_ratio * (2 * penalty - previous))


@compiled
def _extrapolate(columns, fits, f, ratio):
    """Start a penalty where the path heads: between changes of the support it is nearly linear in the penalty."""
    for q in range(fits.n_working[f]):
        j = fits.working[f, q]
        value, before = fits.coefficients[f, j], fits.earlier[f, j]
        fits.earlier[f, j] = value
        ahead = value + ratio * (value - before)
        if value * before > 0 and value * ahead > 0:
            fits.coefficients[f, j] = ahead
    _set_linear(columns, fits, f)


@compiled
def _enlarge(fits, f, threshold):
    """Add to the working set every column whose gradient exceeds the threshold; returns whether any did."""
    before = fits.n_working[f]
    threshold *= 1 + VIOLATION
    for j in range(fits.scales.shape[1]):
        scale = fits.scales[f, j]
        if not fits.is_working[f, j] and scale > 0 and abs(fits.gradient[f, j]) > threshold * scale:
            fits.is_working[f, j] = True
            fits.working[f, fits.n_working[f]] = j
            fits.n_working[f] += 1
    return fits.n_working[f] > before


@compiled
def _sweep(columns, fits, f, penalty, l1_ratio, second, only_nonzero):
    """One round of coordinate descent on the quadratic model; returns the largest squared step (curvature metric)."""
    residual, curvature = fits.residual[f], fits.curvature[f]
    total = curvature.sum()
    step = residual.sum() / total
    fits.intercept[f] += step
    _add(residual, -step, curvature)
    largest = total * step * step
    for q in range(fits.n_working[f]):
        j = fits.working[f, q]
        old = fits.coefficients[f, j]
        if only_nonzero and old == 0:
            continue
        scale = fits.scales[f, j]
        pull = _dot(columns[j], residual) + second[q] * old
        excess = abs(pull) - penalty * l1_ratio * scale
        new = 0.0
        if excess > 0:
            new = np.copysign(excess, pull) / (second[q] + penalty * (1 - l1_ratio) * scale * scale)
        step = new - old
        if step != 0:
            fits.coefficients[f, j] = new
            for i in range(residual.size):
                residual[i] -= step * curvature[i] * columns[j, i]
            largest = max(largest, second[q] * step * step)
    return largest


@compiled
def _minimise_quadratic(columns, fits, f, penalty, l1_ratio, tolerance):
    """Minimise the quadratic model over the working set: sweeps find the support, a direct solution finishes it."""
    second = np.empty(fits.n_working[f])
    for q in range(second.size):
        column = columns[fits.working[f, q]]
        second[q] = _weighted_product(fits.curvature[f], column, column)
    _sweep(columns, fits, f, penalty, l1_ratio, second, False)
    for _ in range(MAX_ROUNDS):
        for _ in range(SWEEPS_BEFORE_DIRECT):
            if _sweep(columns, fits, f, penalty, l1_ratio, second, True) < tolerance:
                break
        cut_short = _solve_support(columns, fits, f, penalty, l1_ratio)
        if _sweep(columns, fits, f, penalty, l1_ratio, second, False) < tolerance and not cut_short:
            break


@compiled
def _weighted_product(weights, a, b):
    total = 0.0
    for i in range(a.size):
        total += weights[i] * a[i] * b[i]
    return total


@compiled
def _solve_support(columns, fits, f, penalty, l1_ratio):
    """Step to the minimum over the non-zero columns with their signs kept, or as far as the first sign change.

    Coordinate descent crawls where columns are strongly correlated; there this step ends it. Columns that depend
    linearly on others of the support stay where they are. Returns whether a sign change cut the step short.
    """
    residual, curvature = fits.residual[f], fits.curvature[f]
    support = _support(fits, f)
    size = support.size
    system = np.empty((size + 1, size + 1))
    step = np.empty(size + 1)
    system[size, size] = curvature.sum()
    step[size] = residual.sum()
    for a in range(size):
        column, scale = columns[support[a]], fits.scales[f, support[a]]
        value = fits.coefficients[f, support[a]]
        ridge = penalty * (1 - l1_ratio) * scale * scale
        step[a] = _dot(column, residual) - np.copysign(penalty * l1_ratio * scale, value) - ridge * value
        weighted = curvature * column
        for b in range(a):
            system[a, b] = _dot(weighted, columns[support[b]])
        system[a, a] = _dot(weighted, column) + ridge
        system[size, a] = weighted.sum()
    _solve_in_place(system, step)
    return _move(columns, fits, f, support, step)


@compiled
def _support(fits, f):
    support = np.empty(fits.n_working[f], dtype=np.int64)
    size = 0
    for q in range(fits.n_working[f]):
        if fits.coefficients[f, fits.working[f, q]] != 0:
            support[size] = fits.working[f, q]
            size += 1
    return support[:size]


@compiled
def _solve_in_place(system, right):
    """Solve by Cholesky (lower triangle, in place); unknowns that depend on earlier ones are left at zero."""
    for a in range(right.size):
        diagonal = system[a, a]
        for b in range(a):
            if system[b, b] > 0:
                system[a, b] = (system[a, b] - _dot(system[a, :b], system[b, :b])) / system[b, b]
            else:
                system[a, b] = 0.0
        pivot = diagonal - _dot(system[a, :a], system[a, :a])
        if pivot > SMALLEST_PIVOT * diagonal:
            system[a, a] = np.sqrt(pivot)
            right[a] = (right[a] - _dot(system[a, :a], right[:a])) / system[a, a]
        else:
            system[a, : a + 1] = 0.0
            right[a] = 0.0
    for a in range(right.size - 1, -1, -1):
        if system[a, a] > 0:
            right[a] /= system[a, a]
            for b in range(a):
                right[b] -= system[a, b] * right[a]


@compiled
def _move(columns, fits, f, support, step):
    """Take the step, shortened so that the first coefficient to change sign becomes exactly zero."""
    length, stopped = _length_within_signs(fits.coefficients[f][support], step[: support.size])
    fits.intercept[f] += length * step[support.size]
    for i in range(fits.residual.shape[1]):
        change = step[support.size]
        for a in range(support.size):
            change += step[a] * columns[support[a], i]
        fits.residual[f, i] -= length * change * fits.curvature[f, i]
    for a in range(support.size):
        fits.coefficients[f, support[a]] += length * step[a]
    if stopped >= 0:
        fits.coefficients[f, support[stopped]] = 0.0
    return stopped >= 0


@compiled
def _set_linear(columns, fits, f):
    linear = fits.linear[f]
    linear[:] = fits.intercept[f]
    for q in range(fits.n_working[f]):
        j = fits.working[f, q]
        if fits.coefficients[f, j] != 0:
            _add(linear, fits.coefficients[f, j], columns[j])


@compiled
def _solve(columns, y, fits, f, penalty, l1_ratio, tolerance):
    """Newton steps over the working set; a step that does not go down is halved (the problem is convex)."""
    is_cox = y.starts.size > 0
    _set_residual(y, fits, f)
    value = _objective(y, fits, f, penalty, l1_ratio)
    for _ in range(MAX_NEWTON_STEPS):
        old_intercept, old = fits.intercept[f], fits.coefficients[f].copy()
        if is_cox:
            _find_cox_support(columns, fits, f, penalty, l1_ratio, tolerance)
        else:
            _minimise_quadratic(columns, fits, f, penalty, l1_ratio, tolerance)
        _set_linear(columns, fits, f)
        old_value, value = value, _objective(y, fits, f, penalty, l1_ratio)
        halvings = 0
        while value > old_value + tolerance and halvings < MAX_HALVINGS:
            halvings += 1
            fits.intercept[f] = (fits.intercept[f] + old_intercept) / 2
            fits.coefficients[f] = (fits.coefficients[f] + old) / 2
            _set_linear(columns, fits, f)
            value = _objective(y, fits, f, penalty, l1_ratio)
        _set_residual(y, fits, f)
        if is_cox:
            value = _solve_cox_support(columns, y, fits, f, penalty, l1_ratio, value, tolerance)
        if abs(old_value - value) < tolerance:
            return True
    return False


@compiled
def _find_cox_support(columns, fits, f, penalty, l1_ratio, tolerance):
    """Find the support of a Cox model: a sweep over the working set and some over its non-zero columns."""
    second = np.empty(fits.n_working[f])
    for q in range(second.size):
        column = columns[fits.working[f, q]]
        second[q] = _weighted_product(fits.curvature[f], column, column)
    _sweep(columns, fits, f, penalty, l1_ratio, second, False)
    for _ in range(SWEEPS_BEFORE_DIRECT):
        if _sweep(columns, fits, f, penalty, l1_ratio, second, True) < tolerance:
            break


@compiled
def _solve_cox_support(columns, y, fits, f, penalty, l1_ratio, value, tolerance):
    """Newton step with the exact information over the non-zero columns; returns the objective.

    The sweeps' curvature takes rows for independent, which risk sets are not: without this step the end is far.
    """
    support = _support(fits, f)
    if support.size == 0:
        return value
    system = _cox_information(columns, y, fits, f, support)
    gradient, limit, ridge = np.empty(support.size), np.empty(support.size), np.empty(support.size)
    for a in range(support.size):
        scale = fits.scales[f, support[a]]
        gradient[a] = _dot(columns[support[a]], fits.residual[f])
        limit[a], ridge[a] = penalty * l1_ratio * scale, penalty * (1 - l1_ratio) * scale * scale
    old = fits.coefficients[f][support]
    step = _minimise_dense(system, gradient, old, limit, ridge, DENSE_PRECISION * tolerance) - old
    length = 1.0
    for _ in range(MAX_HALVINGS):
        for a in range(support.size):
            fits.coefficients[f, support[a]] = old[a] + length * step[a]
        _set_linear(columns, fits, f)
        new = _objective(y, fits, f, penalty, l1_ratio)
        if new <= value:
            _set_residual(y, fits, f)
            return new
        length /= 2
    for a in range(support.size):
        fits.coefficients[f, support[a]] = old[a]
    _set_linear(columns, fits, f)
    return value


@compiled
def _minimise_dense(system, gradient, start, limit, ridge, tolerance):
    """Minimise a quadratic model with L1 and ridge penalties by sweeps and direct solutions over its support.

    The model is -gradient (b - start) + (b - start) system (b - start) / 2, with the lower triangle of the system.
    """
    size = start.size
    b, slope = start.copy(), gradient.copy()
    for j in range(size):
        for k in range(j):
            system[k, j] = system[j, k]
    for _ in range(MAX_ROUNDS):
        for _ in range(SWEEPS_BEFORE_DIRECT):
            if _sweep_dense(system, slope, b, limit, ridge) < tolerance:
                return b
        inside = np.flatnonzero(b)
        if inside.size > 0:
            _move_dense(system, slope, b, limit, ridge, inside)
    return b


@compiled
def _sweep_dense(system, slope, b, limit, ridge):
    largest = 0.0
    for j in range(b.size):
        if not system[j, j] > 0:
            continue
        pull = slope[j] + system[j, j] * b[j]
        excess = abs(pull) - limit[j]
        new = np.copysign(excess, pull) / (system[j, j] + ridge[j]) if excess > 0 else 0.0
        step = new - b[j]
        if step != 0:
            b[j] = new
            _add(slope, -step, system[j])
            largest = max(largest, system[j, j] * step * step)
    return largest


@compiled
def _move_dense(system, slope, b, limit, ridge, inside):
    """Step to the minimum over some coefficients with their signs kept, or as far as the first change of sign."""
    part, step = np.empty((inside.size, inside.size)), np.empty(inside.size)
    for j in range(inside.size):
        a = inside[j]
        step[j] = slope[a] - np.copysign(limit[a], b[a]) - ridge[a] * b[a]
        for k in range(j + 1):
            part[j, k] = system[a, inside[k]]
        part[j, j] += ridge[a]
    _solve_in_place(part, step)
    length, stopped = _length_within_signs(b[inside], step)
    for j in range(inside.size):
        b[inside[j]] += length * step[j]
        _add(slope, -length * step[j], system[inside[j]])
    if stopped >= 0:
        _add(slope, b[inside[stopped]], system[inside[stopped]])
        b[inside[stopped]] = 0.0


@compiled
def _cox_information(columns, y, fits, f, support):
    """Information of the partial likelihood over some columns, lower triangle."""
    size, n = support.size, y.outcome.size
    rows = np.empty((n, size))
    for a in range(size):
        rows[:, a] = columns[support[a]]
    system, total = np.zeros((size, size)), np.zeros(size)
    highest, at_risk = _highest(fits.weights[f], fits.linear[f]), 0.0
    for g in range(y.starts.size - 1):
        deaths = 0.0
        for i in range(y.starts[g], y.starts[g + 1]):
            w = fits.weights[f, i]
            if w > 0:
                risk = w * np.exp(fits.linear[f, i] - highest)
                at_risk += risk
                deaths += w * y.outcome[i]
                _add(total, risk, rows[i])
                _add_square(system, fits.curvature[f, i], rows[i])
        if deaths > 0:
            _add_square(system, -deaths / (at_risk * at_risk), total)
    return system


@compiled
def _add_square(system, factor, a):
    """Add the factor times the outer product of a with itself to the lower triangle."""
    for j in range(a.size):
        scaled = factor * a[j]
        for k in range(j + 1):
            system[j, k] += scaled * a[k]


@compiled
def _length_within_signs(values, step):
    """Part of the step up to the first value that would change sign, and its position (-1: none)."""
    length, stopped = 1.0, -1
    for a in range(step.size):
        if values[a] * (values[a] + length * step[a]) < 0:
            length, stopped = -values[a] / step[a], a
    return length, stopped


@compiled
def _solve_all(columns, y, fits, penalties, l1_ratio, tolerance, unfinished):
    """Solve the unfinished fits at their penalties, adding columns until none outside violates the optimum."""
    converged = True
    while unfinished.any():
        for f in range(unfinished.size):
            if unfinished[f]:
                converged &= _solve(columns, y, fits, f, penalties[f], l1_ratio, tolerance)
        set_gradients(columns, fits, unfinished)
        for f in range(unfinished.size):
            if unfinished[f]:
                unfinished[f] = _enlarge(fits, f, l1_ratio * penalties[f])
    return converged


@compiled
def _record(paths, fits, f, k):
    paths.intercepts[f, k] = fits.intercept[f]
    paths.linear[f, k] = fits.linear[f]
    if paths.coefficients.size > 0:
        paths.coefficients[f, k] = fits.coefficients[f]


@compiled
def walk_paths(columns, y, fits, penalties, l1_ratio, tolerance, may_stop, keep_coefficients):
    """Walk every fit down its own row of penalties (fits, L), starting from the null models.

    Returns `Paths` and whether every problem was solved. With ``may_stop`` a path ends early as in glmnet, when the
    deviance is nearly explained or no longer falls; its further entries are NaN.
    """
    n_fits, n_penalties = penalties.shape
    kept = n_fits if keep_coefficients else 0
    paths = Paths(
        coefficients=np.full((kept, n_penalties, columns.shape[0]), np.nan),
        intercepts=np.full((n_fits, n_penalties), np.nan),
        linear=np.full((n_fits, n_penalties, y.outcome.size), np.nan),
        explained=np.full((n_fits, n_penalties), np.nan),
        lengths=np.full(n_fits, n_penalties),
    )
    running = np.ones(n_fits, dtype=np.bool_)
    null = np.empty(n_fits)  # filled in a loop: numba gave NaN for an array built from a comprehension here
    for f in range(n_fits):
        null[f] = deviance(y, fits.weights[f], fits.linear[f])
    set_null_gradients(columns, y, fits)
    converged = True
    for k in range(n_penalties):
        for f in range(n_fits):
            if running[f]:
                _screen(columns, fits, f, penalties[f, k], penalties[f, max(k - 1, 0)], l1_ratio)
                if k > 1:
                    ratio = (penalties[f, k - 1] - penalties[f, k]) / (penalties[f, k - 2] - penalties[f, k - 1])
                    _extrapolate(columns, fits, f, ratio)
        converged &= _solve_all(columns, y, fits, penalties[:, k], l1_ratio, tolerance, running.copy())
        for f in range(n_fits):
            if running[f]:
                _record(paths, fits, f, k)
                paths.explained[f, k] = 1 - deviance(y, fits.weights[f], fits.linear[f]) / null[f]
                if may_stop and _is_finished(paths.explained[f], k, y.starts.size > 0):
                    running[f] = False
                    paths.lengths[f] = k + 1
    return paths, converged


@compiled
def _is_finished(explained, k, is_cox):
    if k + 1 < FEWEST_PENALTIES:
        return False
    if explained[k] > ENOUGH_EXPLAINED:
        return True
    if is_cox:
        return explained[k] - explained[k - FEWEST_PENALTIES + 1] < SMALLEST_COX_GAIN * explained[k]
    return explained[k] - explained[k - 1] < SMALLEST_GAIN
