"""Compiled feature values of the neighbourhood of every voxel: one pass, and only the classes that are asked for.

A neighbourhood is the cube of side 2 r + 1 about a voxel, less what lies outside the region (pyradiomics' masked
kernel). Its grey levels are renumbered 1..m, so that working memory depends on the cube, not on the number of levels.
This module imports numba and is itself imported only when maps are computed.
"""

import math

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")

EPSILON = np.spacing(1.0)  # pyradiomics' guard against division by zero
UNDEFINED_COARSENESS = 1e6  # of a neighbourhood without differences, as in pyradiomics
CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")  # in the order of their columns here
WIDTHS = (18, 23, 16, 16, 16, 5)
DIRECTIONS = np.array([(z, y, x) for z in (0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)])


@compiled
def neighbourhood_values(levels, values, voxels, offsets, side, classes, entropies, highest, constants, columns, out):
    """Fill the features of a run of voxels.

    Parameters
    ----------
    levels : ndarray of int32, shape (padded voxels,)
        Grey levels from 1, 0 outside the region, padded by the radius on all sides and raveled.
    values : ndarray of float64, shape (padded voxels,)
    voxels : ndarray of int64, shape (n,)
        Where the voxels stand in the padded arrays.
    offsets : ndarray of int64, shape (side ** 3,)
        From a voxel to its neighbourhood, in array order.
    side : int
    classes : ndarray of bool, shape (6,)
        Of CLASSES: which to compute.
    entropies : bool
        Whether features of the GLCM's marginal, sum and difference distributions are asked for.
    highest : int
        Highest grey level of the region.
    constants : ndarray of float64, shape (3,)
        Volume of a voxel, shift of intensities for energies, largest difference of dependent grey levels.
    columns : ndarray of int64, shape (features,)
        Which of all columns, in the order of CLASSES and WIDTHS, to return.
    out : ndarray of float64, shape (n, features)
    """
    cube = offsets.size
    local, level, rank = np.zeros(cube, np.int64), np.zeros(cube + 1), np.zeros(highest + 1, np.int64)
    present, inside, spare = np.zeros(cube), np.zeros(cube), np.zeros(cube)
    tally, keys = np.zeros((cube + 1) * (cube + 1), np.int64), np.zeros(2 * cube + 2, np.int64)
    marginals, stack = np.zeros((4, max(2 * highest, cube) + 2)), np.zeros(2 * cube + 2, np.int64)
    logs = np.log2(np.maximum(1.0, np.arange(2 * cube + 2)))
    row = np.zeros(94)
    for v in range(voxels.size):
        number, distinct = _gather(levels, values, voxels[v], offsets, local, level, rank, present, inside)
        if classes[0]:
            _first_order(inside[:number], present[:distinct], spare, constants, logs, row[0:18])
        if classes[1]:
            _glcm(local, side, level, distinct, highest, entropies, tally, keys, marginals, logs, row[18:41])
        if classes[2]:
            _glrlm(local, side, level, tally, keys, marginals, logs, row[41:57])
        if classes[3]:
            _glszm(local, side, level, tally, keys, stack, marginals, logs, row[57:73])
        if classes[4]:
            _gldm(local, side, level, constants[2], tally, keys, marginals, logs, row[73:89])
        if classes[5]:
            _ngtdm(local, side, level, distinct, marginals, row[89:94])
        for c in range(columns.size):
            out[v, c] = row[columns[c]]


@compiled
def _gather(levels, values, voxel, offsets, local, level, rank, present, inside):
    """Copy a neighbourhood: local numbers of its grey levels (0 outside), their levels and counts, its intensities."""
    number, distinct = 0, 0
    for a in range(offsets.size):
        here = levels[voxel + offsets[a]]
        local[a] = 0
        if here == 0:
            continue
        if rank[here] == 0:
            distinct += 1
            rank[here] = distinct
            level[distinct], present[distinct - 1] = here, 0.0
        local[a] = rank[here]
        present[rank[here] - 1] += 1
        inside[number] = values[voxel + offsets[a]]
        number += 1
    for k in range(1, distinct + 1):
        rank[int(level[k])] = 0
    return number, distinct


# first order


@compiled
def _first_order(inside, present, spare, constants, logs, row):
    """Columns in the order of feature_names.CLASS_FEATURES."""
    number = inside.size
    _sort(inside)
    mean, energy = 0.0, 0.0
    for a in range(number):
        mean += inside[a]
        energy += (inside[a] + constants[1]) ** 2
    mean /= number
    deviation, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for a in range(number):
        apart = inside[a] - mean
        square = apart * apart
        deviation += abs(apart)
        second += square
        third += square * apart
        fourth += square * square
    second, third, fourth = second / number, third / number, fourth / number
    entropy, uniformity = 0.0, 0.0
    for k in range(present.size):
        share = present[k] / number
        entropy += share * (logs[number] - logs[int(present[k])])
        uniformity += share * share
    low, high = _quantile(inside, 0.1), _quantile(inside, 0.9)
    row[0], row[1], row[2], row[3] = low, high, energy, entropy
    row[4] = _quantile(inside, 0.75) - _quantile(inside, 0.25)
    row[5] = fourth / second**2 if second > 0 else 0.0
    row[6], row[7], row[8], row[9] = inside[number - 1], deviation / number, mean, _quantile(inside, 0.5)
    row[10], row[11], row[12] = inside[0], inside[number - 1] - inside[0], _robust_deviation(inside, low, high)
    row[13] = math.sqrt(energy / number)
    row[14] = third / second**1.5 if second > 0 else 0.0
    row[15], row[16], row[17] = energy * constants[0], uniformity, second


@compiled
def _sort(values):
    """Insertion sort: neighbourhoods are small."""
    for a in range(1, values.size):
        value, b = values[a], a - 1
        while b >= 0 and values[b] > value:
            values[b + 1] = values[b]
            b -= 1
        values[b + 1] = value


@compiled
def _quantile(ordered, share):
    """Linear interpolation between the neighbours, numpy's default."""
    place = (ordered.size - 1) * share
    below = int(place)
    if below + 1 >= ordered.size:
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (place - below)


@compiled
def _robust_deviation(ordered, low, high):
    """Mean absolute deviation among the values from the tenth to the ninetieth percentile."""
    mean, number, total = 0.0, 0, 0.0
    for value in ordered:
        if low <= value <= high:
            mean += value
            number += 1
    if number == 0:
        return np.nan
    mean /= number
    for value in ordered:
        if low <= value <= high:
            total += abs(value - mean)
    return total / number


# GLCM


@compiled
def _glcm(local, side, level, distinct, highest, entropies, tally, keys, marginals, logs, row):
    """Means over the directions that have pairs, in the order of CLASS_FEATURES without MCC; NaN without any pair."""
    row[:] = 0.0
    used = 0
    for d in range(DIRECTIONS.shape[0]):
        found, pairs = _pairs(local, side, DIRECTIONS[d], distinct + 1, tally, keys)
        if pairs == 0:
            continue
        used += 1
        joint, average, difference = _pair_sums(keys[:found], tally, level, distinct + 1, pairs, highest, logs, row)
        if entropies:
            _spread_out(keys[:found], tally, level, distinct + 1, marginals)
            _distribution_sums(marginals, level, distinct, highest, pairs, joint, average, difference, logs, row)
        for k in range(found):
            tally[keys[k]] = 0
    for c in range(row.size):
        row[c] = row[c] / used if used > 0 else np.nan


@compiled
def _pairs(local, side, direction, base, tally, keys):
    """Count unordered pairs of neighbours in a direction, as base * lower + higher number; (distinct, all)."""
    dz, dy, dx = direction[0], direction[1], direction[2]
    step = (dz * side + dy) * side + dx
    found, pairs = 0, 0
    for z in range(side - dz):
        for y in range(max(0, -dy), min(side, side - dy)):
            for x in range(max(0, -dx), min(side, side - dx)):
                here = (z * side + y) * side + x
                i, j = local[here], local[here + step]
                if i == 0 or j == 0:
                    continue
                pairs += 1
                key = i * base + j if i < j else j * base + i
                if tally[key] == 0:
                    keys[found] = key
                    found += 1
                tally[key] += 1
    return found, pairs


@compiled
def _pair_sums(keys, tally, level, base, pairs, highest, logs, row):
    """Add what depends on the pairs alone; return joint entropy, mean level and mean difference of the direction."""
    total = 2.0 * pairs
    entropy, average, difference, product, squares, largest = logs[2 * pairs], 0.0, 0.0, 0.0, 0.0, 0.0
    for key in keys:
        count, i, j = tally[key], level[key // base], level[key % base]
        apart = abs(i - j)
        both = 2.0 * count / total  # of (i, j) and (j, i)
        cell = both if apart == 0 else 0.5 * both
        entropy -= both * logs[2 * count if apart == 0 else count]
        row[17] += both * cell
        largest = max(largest, cell)
        average += both * (i + j) * 0.5
        product += both * i * j
        squares += both * (i * i + j * j) * 0.5
        difference += both * apart
        row[4] += both * apart * apart
        row[9] += both / (1 + apart)
        row[10] += both / (1 + apart * apart)
        row[11] += both / (1 + apart * apart / (float(highest) * highest))
        row[12] += both / (1 + apart / highest)
        if apart > 0:
            row[15] += both / (apart * apart)
    row[0] += product
    row[6] += difference
    row[16] += average
    row[18] += entropy
    row[19] += largest
    row[20] += 2 * average
    return entropy, average, difference


@compiled
def _spread_out(keys, tally, level, base, marginals):
    """Counts (of 2 x pairs) by local level, by sum and by difference of levels; rows 0, 1, 2 of the marginals."""
    for key in keys:
        count, a, b = tally[key], key // base, key % base
        i, j = int(level[a]), int(level[b])
        marginals[0, a] += count
        marginals[0, b] += count
        marginals[1, i + j] += 2 * count
        marginals[2, abs(i - j)] += 2 * count


@compiled
def _distribution_sums(marginals, level, distinct, highest, pairs, joint, average, difference, logs, row):
    """Add what depends on the distributions of levels, sums and differences, and empty them."""
    total = 2.0 * pairs
    entropy, variance, occupied = logs[2 * pairs], 0.0, 0
    lowest, largest = 2 * highest, 0
    for k in range(1, distinct + 1):
        count = marginals[0, k]
        lowest, largest = min(lowest, int(level[k])), max(largest, int(level[k]))
        if count > 0:
            occupied += 1
            entropy -= count / total * logs[int(count)]
            variance += count / total * (level[k] - average) ** 2
            marginals[0, k] = 0.0
    sum_entropy, tendency, shade, prominence = logs[2 * pairs], 0.0, 0.0, 0.0
    for k in range(2 * lowest, 2 * largest + 1):
        count = marginals[1, k]
        if count > 0:
            share, apart = count / total, k - 2 * average
            sum_entropy -= share * logs[int(count)]
            tendency += share * apart**2
            shade += share * apart**3
            prominence += share * apart**4
            marginals[1, k] = 0.0
    difference_entropy, difference_variance = logs[2 * pairs], 0.0
    for k in range(largest - lowest + 1):
        count = marginals[2, k]
        if count > 0:
            difference_entropy -= count / total * logs[int(count)]
            difference_variance += count / total * (k - difference) ** 2
            marginals[2, k] = 0.0
    row[1] += prominence
    row[2] += shade
    row[3] += tendency
    row[7] += difference_entropy
    row[8] += difference_variance
    row[21] += sum_entropy
    row[22] += variance
    shared = max(0.0, 2 * entropy - joint)  # information the two levels have in common
    row[5] += (tendency / 2 - variance) / (variance + EPSILON) if occupied > 1 else 1.0
    row[13] += -shared / entropy if occupied > 1 else 0.0
    row[14] += math.sqrt(max(0.0, 1 - math.exp(-2 * shared))) if occupied > 1 else 0.0


# matrices of grey level by size: runs, zones, dependences


@compiled
def _matrix_features(keys, tally, level, width, marginals, logs, row):
    """Add the 16 features that GLRLM, GLSZM and GLDM share, in the order of GLRLM's; empties the matrix.

    Keys are width * local level + size.
    """
    number, weight, mean_level, mean_size = 0, 0.0, 0.0, 0.0
    for key in keys:
        count, k, size = tally[key], key // width, key % width
        number += count
        weight += count * size
        mean_level += count * level[k]
        marginals[0, k] += count
        marginals[1, size] += count
    mean_level, mean_size, total = mean_level / number, weight / number, float(number)
    row[11] += total / weight
    for key in keys:
        count, k, size = tally[key] / total, key // width, float(key % width)
        square, area = level[k] * level[k], size * size
        row[2] += count * (level[k] - mean_level) ** 2
        row[3] += count * square
        row[4] += count * area
        row[5] += count * area * square
        row[6] += count * area / square
        row[7] += count / square
        row[8] += count * (logs[number] - logs[tally[key]])
        row[12] += count * (size - mean_size) ** 2
        row[13] += count / area
        row[14] += count * square / area
        row[15] += count / (square * area)
        tally[key] = 0
        by_level, by_size = marginals[0, k], marginals[1, key % width]
        row[0] += by_level * by_level / total
        row[1] += by_level * by_level / (total * total)
        row[9] += by_size * by_size / total
        row[10] += by_size * by_size / (total * total)
        marginals[0, k], marginals[1, key % width] = 0.0, 0.0


@compiled
def _glrlm(local, side, level, tally, keys, marginals, logs, row):
    """Means over the directions in which some line holds two voxels; NaN without any."""
    row[:] = 0.0
    used = 0
    for d in range(DIRECTIONS.shape[0]):
        found, several = _runs(local, side, DIRECTIONS[d], tally, keys)
        if several:
            used += 1
            _matrix_features(keys[:found], tally, level, side + 1, marginals, logs, row)
        else:
            for k in range(found):
                tally[keys[k]] = 0
    for c in range(row.size):
        row[c] = row[c] / used if used > 0 else np.nan


@compiled
def _runs(local, side, direction, tally, keys):
    """Count runs in a direction; returns the distinct ones, and whether some line holds two voxels."""
    found, several = 0, False
    for z in range(side):
        for y in range(side):
            for x in range(side):
                if _within(z - direction[0], y - direction[1], x - direction[2], side):
                    continue  # a line begins where its predecessor lies outside
                found, voxels = _runs_of_line(local, side, z, y, x, direction, tally, keys, found)
                several |= voxels > 1
    return found, several


@compiled
def _runs_of_line(local, side, z, y, x, direction, tally, keys, found):
    voxels, length, current = 0, 0, 0
    while True:
        within = _within(z, y, x, side)
        here = local[(z * side + y) * side + x] if within else 0
        if length > 0 and here != current:
            found = _count(current * (side + 1) + length, tally, keys, found)
            length = 0
        if here > 0:
            voxels += 1
            length += 1
        current = here
        if not within:
            return found, voxels
        z, y, x = z + direction[0], y + direction[1], x + direction[2]


@compiled
def _within(z, y, x, side):
    return 0 <= z < side and 0 <= y < side and 0 <= x < side


@compiled
def _count(key, tally, keys, found):
    """Count one more of a key; returns the number of distinct keys."""
    if tally[key] == 0:
        keys[found] = key
        found += 1
    tally[key] += 1
    return found


@compiled
def _glszm(local, side, level, tally, keys, stack, marginals, logs, row):
    """Zones are 26-connected within the neighbourhood."""
    row[:] = 0.0
    found = 0
    for start in range(local.size):
        if local[start] > 0:
            current = local[start]
            size = _zone(local, side, start, stack)
            found = _count(current * (local.size + 1) + size, tally, keys, found)
    for a in range(local.size):
        local[a] = -local[a]
    _matrix_features(keys[:found], tally, level, local.size + 1, marginals, logs, row)


@compiled
def _zone(local, side, start, stack):
    """Size of the zone of a voxel, whose voxels get their number with a minus."""
    current, size, depth = local[start], 0, 1
    stack[0] = start
    local[start] = -current
    while depth > 0:
        depth -= 1
        here = stack[depth]
        size += 1
        z, y, x = here // (side * side), here // side % side, here % side
        for nz in range(max(0, z - 1), min(side, z + 2)):
            for ny in range(max(0, y - 1), min(side, y + 2)):
                for nx in range(max(0, x - 1), min(side, x + 2)):
                    there = (nz * side + ny) * side + nx
                    if local[there] == current:
                        local[there] = -current
                        stack[depth] = there
                        depth += 1
    return size


@compiled
def _gldm(local, side, level, alpha, tally, keys, marginals, logs, row):
    """Dependence: neighbours within alpha grey levels, and the voxel itself."""
    row[:] = 0.0
    found = 0
    for here in range(local.size):
        if local[here] == 0:
            continue
        mine, alike = level[local[here]], 0
        z, y, x = here // (side * side), here // side % side, here % side
        for nz in range(max(0, z - 1), min(side, z + 2)):
            for ny in range(max(0, y - 1), min(side, y + 2)):
                for nx in range(max(0, x - 1), min(side, x + 2)):
                    there = local[(nz * side + ny) * side + nx]
                    if there > 0 and abs(level[there] - mine) <= alpha:
                        alike += 1  # the voxel itself is among them
        found = _count(local[here] * 28 + alike, tally, keys, found)
    _matrix_features(keys[:found], tally, level, 28, marginals, logs, row)


# NGTDM


@compiled
def _ngtdm(local, side, level, distinct, marginals, row):
    """Busyness, coarseness, complexity, contrast, strength."""
    valid = _differences(local, side, level, marginals)
    occupied, coarse, deviation = 0, 0.0, 0.0
    contrast, busy, complexity, strength = 0.0, 0.0, 0.0, 0.0
    for a in range(1, distinct + 1):
        p, s, i = marginals[0, a] / valid, marginals[1, a], level[a]
        occupied += 1
        coarse += p * s
        deviation += s
        for b in range(1, distinct + 1):
            q, j = marginals[0, b] / valid, level[b]
            contrast += p * q * (i - j) ** 2
            busy += abs(i * p - j * q)
            complexity += abs(i - j) * (p * s + q * marginals[1, b]) / (p + q)
            strength += (p + q) * (i - j) ** 2
    row[0] = coarse / busy if busy != 0 else 0.0
    row[1] = 1 / coarse if coarse != 0 else UNDEFINED_COARSENESS
    row[2] = complexity / valid
    row[3] = contrast * deviation / valid / (occupied * (occupied - 1)) if occupied > 1 else 0.0
    row[4] = strength / deviation if deviation != 0 else 0.0
    for a in range(1, distinct + 1):
        marginals[0, a], marginals[1, a] = 0.0, 0.0


@compiled
def _differences(local, side, level, marginals):
    """Voxels, and sum of differences from the mean of their neighbours, by local level; returns the voxels."""
    valid = 0
    for here in range(local.size):
        if local[here] == 0:
            continue
        total, number = -level[local[here]], -1
        z, y, x = here // (side * side), here // side % side, here % side
        for nz in range(max(0, z - 1), min(side, z + 2)):
            for ny in range(max(0, y - 1), min(side, y + 2)):
                for nx in range(max(0, x - 1), min(side, x + 2)):
                    there = local[(nz * side + ny) * side + nx]
                    if there > 0:
                        total += level[there]
                        number += 1
        valid += 1  # also without neighbours, where the difference is none
        marginals[0, local[here]] += 1
        if number > 0:
            marginals[1, local[here]] += abs(level[local[here]] - total / number)
    return valid
