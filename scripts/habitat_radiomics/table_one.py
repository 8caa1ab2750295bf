"""Table 1: patients described by group (cohort, or class within cohort), each comparison with the name of its test.

Numbers: mean +- SD and Student's t (more groups: analysis of variance) where every group is normal by Shapiro and
Wilk, median [quartiles] and Mann-Whitney (Kruskal-Wallis) otherwise. Categories: counts with the chi-square test, or
Fisher's exact test where an expected count is below 5. Missing values are counted and shown; they are never a category
and never in a denominator. Checked against R's tableone and stats.

Variables are described as everywhere: ``{"age": {"type": "number", "unit": "years", "decimals": 1}, "sex": {"type":
"category", "levels": ["F", "M"], "label": "Sex"}}``.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import gammaln

T_TESTS = ("student", "welch")
FISHER_BELOW = 5  # expected count under which the chi-square approximation is not used
MOST_TABLES = 1_000_000  # tables enumerated for an exact test; a table of many patients and levels has more
SHAPIRO_SIZES = (3, 5000)  # group sizes for which Shapiro and Wilk's test is defined (Royston 1995)
SAME_PROBABILITY = 1 + 1e-7  # tables this close in probability count as equally extreme, as in R's fisher.test
CELL_COLUMNS = ["variable", "level", "group", "n", "missing", "count", "percent", "mean", "sd", "median", "q25", "q75"]
TEST_COLUMNS = ["variable", "test", "statistic", "df", "p", "smd", "summary", "note"]


@dataclass(frozen=True)
class Comparison:
    """One comparison of groups; without a p value ``note`` says why."""

    test: str
    statistic: float = np.nan
    df: float = np.nan
    p: float = np.nan
    note: str = ""


@dataclass(frozen=True)
class ComparisonSettings:
    """How tests are chosen.

    Attributes
    ----------
    normality_alpha : float
        A group with a Shapiro-Wilk p at or below it is not normal.
    t_test : {"student", "welch"}
        Welch's does not assume equal variances (with more groups: Welch's analysis of variance).
    rank_continuity : bool
        Continuity correction of Mann-Whitney's test, R's default.
    yates : bool
        Continuity correction of a 2 x 2 chi-square test; R's default is True, SPSS prints both.
    fisher_below : float
        Smallest expected count the chi-square test is used with.
    """

    normality_alpha: float = 0.05
    t_test: str = "student"
    rank_continuity: bool = True
    yates: bool = False
    fisher_below: float = FISHER_BELOW


DEFAULTS = ComparisonSettings()


@dataclass(frozen=True)
class TableOne:
    """Table 1 in two tidy parts.

    Attributes
    ----------
    cells : DataFrame
        Variable x level x group: ``n`` patients with a value, ``missing``; ``count`` and ``percent`` (of n) of the
        level, or mean, sd, median and quartiles of a number.
    tests : DataFrame
        One row a variable: test, statistic, df, p, standardised mean difference, ``summary`` ("mean" or "median" for
        numbers, "count" for categories), note.
    variables : dict
        As given.
    groups : list of str
        In the order of the columns.
    """

    cells: pd.DataFrame
    tests: pd.DataFrame
    variables: dict
    groups: list


def table_one(data, variables, group, *, groups=None, settings=DEFAULTS):
    """Describe the variables by group and compare the groups.

    Parameters
    ----------
    data : DataFrame, patients x variables
    variables : dict
        Name to type, levels, unit, label and decimals. ``"summary": "mean"`` or ``"median"`` overrides the normality
        test of a number, ``"fisher": True`` asks for the exact test of a category.
    group : Series
        Group of each patient, same index; patients without one are left out.
    groups : list of str, optional
        Groups in the order of the columns; by default all, sorted.
    settings : ComparisonSettings

    Returns
    -------
    TableOne

    Raises
    ------
    ValueError
        For a level that was not declared, or unknown settings.
    """
    if settings.t_test not in T_TESTS:
        raise ValueError(f"t_test is {settings.t_test!r}: use one of {', '.join(T_TESTS)}.")
    groups = sorted(group.dropna().unique()) if groups is None else list(groups)
    members = [data[(group == name).to_numpy()] for name in groups]
    cells, tests = [], []
    for name, variable in variables.items():
        describe = _number if variable["type"] == "number" else _category
        columns = [table[name] for table in members]
        described, test, smd, summary = describe(columns, name, variable, settings)
        cells += _cells(name, groups, described, [int(column.isna().sum()) for column in columns])
        tests.append({"variable": name, **vars(test), "smd": smd, "summary": summary})
    cells, tests = pd.DataFrame(cells, columns=CELL_COLUMNS), pd.DataFrame(tests, columns=TEST_COLUMNS)
    return TableOne(cells, tests, variables, groups)


def table_one_within(data, variables, group, within, *, order=None, groups=None, settings=DEFAULTS):
    """Describe by group (class) inside every part (cohort): part name to its `table_one`.

    Parameters
    ----------
    within : Series
        Part of each patient, same index.
    order : list of str, optional
        Parts in order; by default all, sorted.
    """
    order = sorted(within.dropna().unique()) if order is None else order
    chosen = {part: (within == part).to_numpy() for part in order}
    return {
        part: table_one(data[rows], variables, group[rows], groups=groups, settings=settings)
        for part, rows in chosen.items()
    }


def _number(columns, name, variable, settings):
    """Cells, test, standardised difference and summary of a number."""
    samples = [column.dropna().to_numpy(dtype=float) for column in columns]
    summary = variable.get("summary") or _summary_by_normality(samples, settings.normality_alpha)
    test = compare_numbers(samples, summary=summary, t_test=settings.t_test, rank_continuity=settings.rank_continuity)
    return [_describe_number(sample) for sample in samples], test, smd_numbers(samples), summary


def _category(columns, name, variable, settings):
    """Cells, test, standardised difference and summary of a category."""
    counts = level_counts(columns, name, variable["levels"])
    below = np.inf if variable.get("fisher") else settings.fisher_below
    test = compare_categories(counts, yates=settings.yates, fisher_below=below)
    return _describe_counts(counts, variable["levels"]), test, smd_categories(counts), "count"


# Numbers ---------------------------------------------------------------------------------------------------------


def is_normal(sample, *, alpha):
    """Whether Shapiro and Wilk's test leaves a sample normal; never for a constant one or outside 3 to 5000 values."""
    smallest, largest = SHAPIRO_SIZES
    if not smallest <= len(sample) <= largest or np.ptp(sample) == 0:
        return False
    return bool(stats.shapiro(sample).pvalue > alpha)


def _summary_by_normality(samples, alpha):
    return "mean" if all(is_normal(sample, alpha=alpha) for sample in samples if len(sample)) else "median"


def compare_numbers(samples, *, summary, t_test="student", rank_continuity=True):
    """Compare a number between groups: means (t test, analysis of variance) or ranks (Mann-Whitney, Kruskal-Wallis).

    Parameters
    ----------
    samples : list of ndarray
        Values of each group, without missing ones; empty groups are left out.
    summary : {"mean", "median"}
    """
    used = [sample for sample in samples if len(sample)]
    name = _number_test_name(len(used), summary, t_test)
    reason = _why_not_numbers(used, summary)
    if reason:
        return Comparison(name, note=reason)
    note = f"{len(samples) - len(used)} group(s) without a value left out" if len(used) < len(samples) else ""
    if summary == "mean":
        return _compare_means(used, name, t_test, note)
    return _compare_ranks(used, name, rank_continuity, note)


def _compare_means(samples, name, t_test, note):
    if len(samples) == 2:
        result = stats.ttest_ind(*samples, equal_var=t_test == "student")
        return Comparison(name, float(result.statistic), float(result.df), float(result.pvalue), note)
    result = stats.f_oneway(*samples, equal_var=t_test == "student")
    return Comparison(name, float(result.statistic), len(samples) - 1, float(result.pvalue), note)


def _compare_ranks(samples, name, rank_continuity, note):
    if len(samples) == 2:
        result = stats.mannwhitneyu(*samples, method="asymptotic", use_continuity=rank_continuity)
        return Comparison(name, float(result.statistic), np.nan, float(result.pvalue), note)
    result = stats.kruskal(*samples)
    return Comparison(name, float(result.statistic), len(samples) - 1, float(result.pvalue), note)


def _number_test_name(groups, summary, t_test):
    if summary == "median":
        return "Mann-Whitney U" if groups <= 2 else "Kruskal-Wallis"
    if groups <= 2:
        return "Student t" if t_test == "student" else "Welch t"
    return "ANOVA" if t_test == "student" else "Welch ANOVA"


def _why_not_numbers(samples, summary):
    """Reason why numbers cannot be compared; empty when they can."""
    if len(samples) < 2:
        return "fewer than two groups have a value"
    if np.ptp(np.concatenate(samples)) == 0:
        return "the same value in all patients"
    if summary == "mean" and min(len(sample) for sample in samples) < 2:
        return "a group has a single value"
    if summary == "mean" and all(np.ptp(sample) == 0 for sample in samples):
        return "no variation within the groups"
    return ""


def smd_numbers(samples):
    """Standardised mean difference |m1 - m2| / sqrt((s1^2 + s2^2) / 2), its mean over all pairs of groups.

    As R's tableone; NaN without a variance.
    """
    return _mean_over_pairs(samples, _smd_of_two_numbers)


def _smd_of_two_numbers(first, second):
    if min(len(first), len(second)) < 2:
        return np.nan
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return abs(first.mean() - second.mean()) / spread if spread > 0 else np.nan


def _describe_number(sample):
    n = len(sample)
    quartiles = np.quantile(sample, [0.25, 0.5, 0.75]) if n else [np.nan] * 3  # linear, R's type 7
    mean, sd = sample.mean() if n else np.nan, sample.std(ddof=1) if n > 1 else np.nan
    return [
        {"level": "", "n": n, "mean": mean, "sd": sd, "q25": quartiles[0], "median": quartiles[1], "q75": quartiles[2]}
    ]


# Categories ------------------------------------------------------------------------------------------------------


def level_counts(columns, name, levels):
    """Count the levels in every group (levels x groups), missing values left out.

    Raises
    ------
    ValueError
        If a value is not among the levels.
    """
    texts = [column.dropna().map(_level_text) for column in columns]
    levels = [_level_text(level) for level in levels]
    unknown = sorted({text for column in texts for text in column} - set(levels))
    if unknown:
        raise ValueError(
            f"{name} holds {unknown[0]!r}; its levels are {', '.join(levels)}. Add the level or correct it."
        )
    return np.array([[int((text == level).sum()) for text in texts] for level in levels])


def _level_text(value):
    """Levels as text; a whole number that became a float (because of missing values) is written as before."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def compare_categories(counts, *, yates=False, fisher_below=FISHER_BELOW):
    """Compare a category between groups: chi-square, or Fisher's exact test where an expected count is too small.

    Parameters
    ----------
    counts : ndarray of int, shape (levels, groups)
        Empty levels and groups are left out of the test.
    yates : bool
        Continuity correction (2 x 2 only).
    fisher_below : float

    Returns
    -------
    Comparison
        A table with too many possibilities for an exact test gets the chi-square test with a note.
    """
    used = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if used.shape[1] < 2:
        return Comparison("chi-square", note="fewer than two groups have a value")
    if used.shape[0] < 2:
        return Comparison("chi-square", note="the same level in all patients")
    expected = stats.contingency.expected_freq(used)
    note = ""
    if expected.min() < fisher_below:
        p = fisher_exact(used)
        if p is not None:
            return Comparison("Fisher exact", p=p)
        note = f"smallest expected count {expected.min():.1f}, but too many tables for Fisher's exact test"
    result = stats.chi2_contingency(used, correction=yates)
    corrected = yates and used.shape == (2, 2)
    name = "chi-square with Yates' correction" if corrected else "chi-square"
    return Comparison(name, float(result.statistic), float(result.dof), float(result.pvalue), note)


def fisher_exact(counts, *, most_tables=MOST_TABLES):
    """Two-sided p of Fisher's exact test for any table, by enumeration: tables no likelier than the observed one.

    Freeman and Halton 1951 (Biometrika 38:141), as R's fisher.test. scipy's own answer for more than two rows or
    columns is a random permutation p.

    Parameters
    ----------
    counts : ndarray of int, shape (rows, columns)
        Without empty rows and columns.
    most_tables : int
        Give up beyond so many tables.

    Returns
    -------
    float or None
        None when there are too many tables.
    """
    counts = np.asarray(counts) if np.shape(counts)[0] >= np.shape(counts)[1] else np.asarray(counts).T
    remaining = counts.sum(axis=1)[None, :]
    log_weight = np.zeros(1)
    for total in counts.sum(axis=0)[:-1]:
        filled = _fill_column(remaining, log_weight, total, most_tables)
        if filled is None:
            return None
        remaining, log_weight = filled
    log_weight = log_weight - gammaln(remaining + 1).sum(axis=1)
    observed = -gammaln(counts + 1).sum()
    weight = np.exp(log_weight - log_weight.max())
    return float(weight[log_weight <= observed + np.log(SAME_PROBABILITY)].sum() / weight.sum())


def _fill_column(remaining, log_weight, total, most_tables):
    """All ways to fill one column of every partial table, given what remains of each row's total.

    Parameters
    ----------
    remaining : ndarray, shape (tables, rows)
    log_weight : ndarray, shape (tables,)
        Minus the log factorials of the cells filled so far.
    total : int
        Of the column.
    """
    left = np.full(len(remaining), total)
    for row in range(remaining.shape[1]):
        below = remaining[:, row + 1 :].sum(axis=1)
        low, high = np.maximum(left - below, 0), np.minimum(remaining[:, row], left)
        options = high - low + 1
        if options.sum() > most_tables:
            return None
        parent = np.repeat(np.arange(len(remaining)), options)
        cell = low[parent] + np.arange(len(parent)) - np.repeat(np.cumsum(options) - options, options)
        remaining, left = remaining[parent], left[parent] - cell
        remaining[:, row] -= cell
        log_weight = log_weight[parent] - gammaln(cell + 1)
    return remaining, log_weight


def smd_categories(counts):
    """Standardised difference of proportions (Yang and Dalton 2012, SAS Global Forum 335), mean over pairs of groups.

    The Mahalanobis distance of the level shares, which for two levels is |p1 - p2| / sqrt((p1 q1 + p2 q2) / 2).

    Parameters
    ----------
    counts : ndarray, shape (levels, groups)
    """
    present = counts[counts.sum(axis=1) > 0]
    return _mean_over_pairs(list(present.T), _smd_of_two_categories)


def _smd_of_two_categories(first, second):
    if min(first.sum(), second.sum()) == 0 or len(first) < 2:
        return np.nan
    shares = [counts[1:] / counts.sum() for counts in (first, second)]
    covariance = sum(np.diag(share) - np.outer(share, share) for share in shares) / 2
    difference = shares[0] - shares[1]
    if np.linalg.matrix_rank(covariance) < len(covariance):
        return 0.0 if not difference.any() else np.nan
    return float(np.sqrt(difference @ np.linalg.solve(covariance, difference)))


def _mean_over_pairs(parts, distance):
    values = [distance(a, b) for a, b in combinations(parts, 2)]
    return float(np.mean(values)) if values else np.nan


def _describe_counts(counts, levels):
    totals = counts.sum(axis=0)
    return [
        [
            {"level": _level_text(level), "n": int(n), "count": int(k), "percent": 100 * k / n if n else np.nan}
            for level, k in zip(levels, column, strict=True)
        ]
        for column, n in zip(counts.T, totals, strict=True)
    ]


# Tables ----------------------------------------------------------------------------------------------------------


def _cells(name, groups, described, absent):
    """Rows of the tidy table, all groups of a level together."""
    rows = [
        {"variable": name, "group": group, "missing": missing, **cell}
        for group, cells, missing in zip(groups, described, absent, strict=True)
        for cell in cells
    ]
    order = {cell["level"]: position for position, cell in enumerate(described[0])} if described else {}
    return sorted(rows, key=lambda row: order[row["level"]])


def printed_table(table, *, decimals=1, percent_decimals=1):
    """Return Table 1 as text: one row a number, one row a level, a line for missing values where there are any.

    Columns: variable, level, one for each group (headed by its name), p, test, SMD. The first row is the number of
    patients.
    """
    tests = table.tests.set_index("variable")
    rows = [_header_row(table)]
    for name, cells in table.cells.groupby("variable", sort=False):
        variable, test = table.variables[name], tests.loc[name]
        lines = _variable_lines(name, variable, cells, test, variable.get("decimals", decimals), percent_decimals)
        lines[0] |= {"p": p_text(test["p"]), "test": test["test"], "smd": _fixed(test["smd"], 3)}
        lines[0]["note"] = test["note"]
        rows += lines
    columns = ["variable", "level", *table.groups, "p", "test", "smd", "note"]
    return pd.DataFrame(rows, columns=columns).fillna("")


def _header_row(table):
    first = table.cells.drop_duplicates(["variable", "group"]).drop_duplicates("group").set_index("group")
    return {"variable": "n", "level": "", **(first["n"] + first["missing"]).astype(str).to_dict()}


def _variable_lines(name, variable, cells, test, decimals, percent_decimals):
    label = variable.get("label") or name
    unit = f", {variable['unit']}" if variable.get("unit") else ""
    kind = {"mean": ", mean ± SD", "median": ", median [IQR]", "count": ", n (%)"}[test["summary"]]
    lines = []
    for level, row in cells.groupby("level", sort=False):
        texts = [_cell_text(cell, test["summary"], decimals, percent_decimals) for _, cell in row.iterrows()]
        lines.append({"variable": "", "level": level, **dict(zip(row["group"], texts, strict=True))})
    lines[0]["variable"] = f"{label}{unit}{kind}"
    absent = cells.drop_duplicates("group").set_index("group")["missing"]
    if absent.sum():
        lines.append({"variable": "", "level": "missing", **absent.astype(str).to_dict()})
    return lines


def _cell_text(cell, summary, decimals, percent_decimals):
    if summary == "count":
        return f"{cell['count']:.0f} ({_fixed(cell['percent'], percent_decimals)})"
    if summary == "mean":
        return f"{_fixed(cell['mean'], decimals)} ± {_fixed(cell['sd'], decimals)}"
    q25, median, q75 = (_fixed(cell[part], decimals) for part in ("q25", "median", "q75"))
    return f"{median} [{q25}, {q75}]"


def _fixed(value, decimals):
    return "-" if np.isnan(value) else f"{value:.{decimals}f}"


def p_text(p):
    """Return a p value as printed: three decimals, "<0.001", or a dash where there is none."""
    return "-" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"
