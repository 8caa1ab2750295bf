"""Nomograms: a regression model as points that are read off axes and added up, for logistic and Cox models alike.

A predictor's points are its part of the linear predictor on a scale where the predictor with the widest range has 100:

    points = points_per_unit * (effect of the value - smallest effect on the axis)
    linear predictor = lp_at_zero + total points / points_per_unit

so the points are the model, exactly, and not an approximation of it. Conventions are those of nomogram in R's rms
(Harrell 2015, Regression Modeling Strategies), compared with it in the tests. A value beyond the end of its axis keeps
its exact points (below 0 or above 100) and is flagged: the model extrapolates there.

    terms = [number_term("age", 0.02, values=train["age"]), category_term("sex", {"F": 0.0, "M": 0.7})]
    nomogram = build_nomogram(terms, intercept=-2.1, scales=[risk_scale("Risk of progression")])
    points_of(nomogram, {"age": 61, "sex": "F"})
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from habitat_radiomics.labels import MINUS

MAX_POINTS = 100
MOST_DISTINCT = 10  # a number with at most so many distinct values shows them all, as rms
TICK_COLUMNS = ["axis", "kind", "label", "value", "position"]
PROBABILITIES = (0.001, 0.01, 0.05, *(k / 10 for k in range(1, 10)), 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Term:
    """One predictor: its part of the linear predictor at the ticks of its axis."""

    name: str
    label: str
    kind: str  # "number", "discrete" (a number with few values, all on the axis) or "category"
    ticks: tuple  # numbers in ascending order, or levels
    effects: tuple  # part of the linear predictor at every tick
    coefficient: float | None  # per unit of a number; None for a category


@dataclass(frozen=True)
class Scale:
    """An axis of probabilities below the total points: a strictly monotonic function of the linear predictor."""

    label: str
    probability: Callable[[float], float]
    at: tuple  # probabilities to mark
    formula: dict  # the function as plain data, for files and the page; empty for any other function


@dataclass(frozen=True)
class Nomogram:
    """Terms and scales on common points; see `build_nomogram`."""

    terms: tuple[Term, ...]
    scales: tuple[Scale, ...]
    points_per_unit: float  # points per unit of the linear predictor
    lp_at_zero: float  # linear predictor at 0 total points
    lp_range: tuple[float, float]  # covered by the total points axis


# Building ---------------------------------------------------------------------------------------------------------


def number_term(name, coefficient, *, values=None, ticks=None, label=""):
    """Return the term of a number.

    Parameters
    ----------
    coefficient : float
        Change of the linear predictor per unit.
    values : array of float, optional
        Values of the training patients; the axis has round ticks that cover them, or the values themselves where there
        are at most 10 distinct ones.
    ticks : array of float, optional
        The ticks themselves.
    label : str
        Printed name, with the unit; the name when empty.
    """
    kind, ticks = _ticks_of(name, values) if ticks is None else ("number", np.unique(np.asarray(ticks, dtype=float)))
    if ticks.size < 2 or not np.isfinite([*ticks, coefficient]).all():
        raise ValueError(
            f"predictor {name} has ticks {ticks.tolist()} and coefficient {coefficient:g}: a nomogram needs at least "
            "two finite ticks and a finite coefficient. Leave out a predictor that is constant."
        )
    effects = tuple(float(coefficient) * float(tick) for tick in ticks)
    return Term(name, label or name, kind, tuple(map(float, ticks)), effects, float(coefficient))


def category_term(name, effects, *, label=""):
    """Return the term of a category.

    Parameters
    ----------
    effects : dict
        Every level to its coefficient, the reference with 0, in the order of the levels.
    """
    if len(effects) < 2 or not np.isfinite(list(effects.values())).all():
        raise ValueError(
            f"predictor {name} has effects {effects}: a nomogram needs at least two levels, with finite coefficients."
        )
    return Term(name, label or name, "category", tuple(effects), tuple(map(float, effects.values())), None)


def terms_of_model(coefficients, variables, training, *, labels=None):
    """Return the terms of a model of `model.build_model`.

    Parameters
    ----------
    coefficients : dict
        Column of the design matrix (``age``, ``sex=M``, a score) to its coefficient, without the intercept.
    variables : dict
        Clinical variable to ``{"type": "number"}`` or ``{"type": "category", "levels": [...]}``, the reference first.
        Every other column is a score.
    training : DataFrame
        Scores and clinical variables of the training patients.
    labels : dict, optional
        Predictor to its printed name.
    """
    labels, terms = labels or {}, []
    columns = {name: [f"{name}={level}" for level in v.get("levels", [])[1:]] for name, v in variables.items()}
    of_levels = {column for names in columns.values() for column in names}
    for name in [*(c for c in coefficients if c not in of_levels and c not in variables), *variables]:
        if variables.get(name, {}).get("type") == "category":
            effects = [0.0, *(coefficients[column] for column in columns[name])]
            levels = dict(zip(variables[name]["levels"], effects, strict=True))
            terms.append(category_term(name, levels, label=labels.get(name, "")))
        else:
            values = training[name].dropna()
            terms.append(number_term(name, coefficients[name], values=values, label=labels.get(name, "")))
    return terms


def risk_scale(label, *, at=PROBABILITIES):
    """Return the probability axis of a logistic model."""
    return Scale(label, expit, tuple(at), {"kind": "logistic"})


def survival_scale(label, baseline_survival, *, at=PROBABILITIES):
    """Return the survival axis of a Cox model at one time: baseline_survival ** exp(linear predictor).

    Parameters
    ----------
    baseline_survival : float
        Survival at that time where the linear predictor is 0 (rms: Efron's estimate of a model fitted with Efron's
        ties, and a linear predictor centred at the mean patient).
    """
    if not 0 < baseline_survival < 1:
        raise ValueError(f"baseline survival is {baseline_survival:g}: it must lie between 0 and 1, both excluded.")
    formula = {"kind": "survival", "baseline_survival": float(baseline_survival)}
    return Scale(label, lambda lp: baseline_survival ** np.exp(lp), tuple(at), formula)


def build_nomogram(terms, *, intercept=0.0, scales, lp_range=None):
    """Return the nomogram of a model.

    Parameters
    ----------
    terms : list of Term
        See `number_term`, `category_term`, `terms_of_model`.
    intercept : float
        Of the linear predictor; for a Cox model minus its centre.
    scales : list of Scale
        See `risk_scale`, `survival_scale`; any strictly monotonic function of the linear predictor does.
    lp_range : (float, float), optional
        Smallest and largest linear predictor of the training patients, which the total points axis covers; without it,
        all that the axes allow.
    """
    repeated = sorted({term.name for term in terms if sum(other.name == term.name for other in terms) > 1})
    if repeated:
        raise ValueError(f"predictor {repeated[0]} occurs more than once. Give each predictor one term.")
    widest = max((np.ptp(term.effects) for term in terms), default=0.0)
    if widest == 0:
        raise ValueError("no predictor changes the linear predictor: there is no nomogram of a model without effects.")
    lp_at_zero = intercept + sum(min(term.effects) for term in terms)
    highest = intercept + sum(max(term.effects) for term in terms)
    low, high = (lp_at_zero, highest) if lp_range is None else lp_range
    return Nomogram(
        tuple(terms), tuple(scales), float(MAX_POINTS / widest), float(lp_at_zero), (float(low), float(high))
    )


# Reading ----------------------------------------------------------------------------------------------------------


def points_of(nomogram, patient):
    """Return the points of one patient.

    Parameters
    ----------
    patient : dict
        Predictor to value or level.

    Returns
    -------
    pandas.DataFrame
        predictor, value, points, outside (the value lies beyond its axis).
    """
    rows = []
    for term in nomogram.terms:
        value = _known(term, patient)
        effect = _effect(term, value)
        points = nomogram.points_per_unit * (effect - min(term.effects))
        outside = term.coefficient is not None and not term.ticks[0] <= value <= term.ticks[-1]
        rows.append({"predictor": term.name, "value": value, "points": points, "outside": outside})
    return pd.DataFrame(rows)


def total_points(nomogram, patients):
    """Return the total points of every patient (a table of the predictors) as a Series."""
    totals = [float(points_of(nomogram, row)["points"].sum()) for row in patients.to_dict("records")]
    return pd.Series(totals, index=patients.index, name="total_points", dtype=float)


def linear_predictor(nomogram, total):
    """Return the linear predictor that total points stand for."""
    return nomogram.lp_at_zero + np.asarray(total) / nomogram.points_per_unit


def total_of(nomogram, lp):
    """Return the total points of a linear predictor."""
    return (np.asarray(lp) - nomogram.lp_at_zero) * nomogram.points_per_unit


def probabilities(nomogram, total):
    """Return the probability on every scale, by its label, for total points."""
    lp = linear_predictor(nomogram, total)
    return {scale.label: scale.probability(lp) for scale in nomogram.scales}


# Tables -----------------------------------------------------------------------------------------------------------


def points_table(nomogram):
    """Return the points at every tick of every predictor: predictor, label, value (text), points."""
    rows = [
        {"predictor": term.name, "label": term.label, "value": tick_text(tick), "points": points}
        for term in nomogram.terms
        for tick, points in zip(term.ticks, _tick_points(nomogram, term), strict=True)
    ]
    return pd.DataFrame(rows)


def tick_table(nomogram):
    """Return everything that is drawn, one row a tick.

    Returns
    -------
    pandas.DataFrame
        axis (number, in the order of drawing), kind (points, number, discrete, category, total, linear predictor,
        scale), label (of the axis), value (text), position: in points down to the predictors, then in total points.
    """
    hundred = np.arange(0, MAX_POINTS + 1, 10)
    tables = [_axis("points", "Points", hundred, hundred)]
    for term in nomogram.terms:
        tables.append(_axis(term.kind, term.label, term.ticks, _tick_points(nomogram, term)))
    lp_ticks, total_ticks = _lp_ticks(nomogram), _total_ticks(nomogram)
    tables.append(_axis("total", "Total points", total_ticks, total_ticks))
    tables.append(_axis("linear predictor", "Linear predictor", lp_ticks, total_of(nomogram, lp_ticks)))
    for scale in nomogram.scales:
        at, lps = _scale_ticks(nomogram, scale)
        tables.append(_axis("scale", scale.label, at, total_of(nomogram, lps)))
    return pd.concat([table.assign(axis=k) for k, table in enumerate(tables)], ignore_index=True)[TICK_COLUMNS]


def round_ticks(low, high, count=10):
    """Return round numbers that cover a range in about ``count`` steps of 1, 2 or 5 times a power of ten.

    As R's pretty (Becker, Chambers and Wilks 1988, The New S Language).
    """
    cell = (high - low) / count
    power = 10.0 ** np.floor(np.log10(cell))
    factor = next(f for f, largest in ((1, 1.4), (2, 2.8), (5, 7), (10, np.inf)) if cell / power <= largest)
    unit = factor * power
    steps = np.arange(np.floor(low / unit + 1e-7), np.ceil(high / unit - 1e-7) + 1)
    decimals = max(0, -int(np.floor(np.log10(unit))))
    return np.round(steps * unit, decimals)


def tick_text(value):
    """Return a tick as it is printed: numbers short, with a true minus sign."""
    return value if isinstance(value, str) else f"{value:.10g}".replace("-", MINUS)


# Files ------------------------------------------------------------------------------------------------------------


def nomogram_document(nomogram):
    """Return the nomogram as plain data (dict, list, str, float), for a JSON file and the page."""
    for scale in nomogram.scales:
        if not scale.formula:
            raise ValueError(
                f"scale {scale.label!r} is a free function, which no file can hold: use risk_scale or survival_scale."
            )
    return {
        "terms": [
            {
                "name": term.name,
                "label": term.label,
                "kind": term.kind,
                "ticks": list(term.ticks),
                "effects": list(term.effects),
                "coefficient": term.coefficient,
            }
            for term in nomogram.terms
        ],
        "scales": [{"label": scale.label, "at": list(scale.at), **scale.formula} for scale in nomogram.scales],
        "points_per_unit": nomogram.points_per_unit,
        "lp_at_zero": nomogram.lp_at_zero,
        "lp_range": list(nomogram.lp_range),
    }


def read_nomogram(document):
    """Return the nomogram of a document, equal to the one it was written from."""
    terms = tuple(
        Term(t["name"], t["label"], t["kind"], tuple(t["ticks"]), tuple(t["effects"]), t["coefficient"])
        for t in document["terms"]
    )
    scales = tuple(
        risk_scale(s["label"], at=s["at"])
        if s["kind"] == "logistic"
        else survival_scale(s["label"], s["baseline_survival"], at=s["at"])
        for s in document["scales"]
    )
    return Nomogram(terms, scales, document["points_per_unit"], document["lp_at_zero"], tuple(document["lp_range"]))


# Parts ------------------------------------------------------------------------------------------------------------


def _ticks_of(name, values):
    """Kind and ticks of a number."""
    values = np.asarray(values, dtype=float)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"predictor {name} has no or missing training values: give finite values, or the ticks.")
    distinct = np.unique(values)
    if distinct.size <= MOST_DISTINCT:
        return "discrete", distinct
    return "number", round_ticks(distinct[0], distinct[-1])


def _known(term, patient):
    if term.name not in patient or pd.isna(patient[term.name]):
        raise ValueError(
            f"the patient has no value of {term.name}: points need every predictor "
            f"({'a number' if term.coefficient is not None else ', '.join(map(str, term.ticks))})."
        )
    return patient[term.name]


def _effect(term, value):
    if term.coefficient is not None:
        return term.coefficient * value
    if value not in term.ticks:
        raise ValueError(
            f"{term.name} is {value!r}: the model knows only the levels {', '.join(map(str, term.ticks))}."
        )
    return term.effects[term.ticks.index(value)]


def _tick_points(nomogram, term):
    return nomogram.points_per_unit * (np.array(term.effects) - min(term.effects))


def _lp_ticks(nomogram):
    """Round linear predictors that cover the patients, as far as the total points axis goes."""
    ticks = round_ticks(*nomogram.lp_range)
    totals = total_of(nomogram, ticks)
    return ticks[totals >= _total_ticks(nomogram)[0] - 1e-9]


def _total_ticks(nomogram):
    """Round totals from 0, or below where patients lie beyond the axes, that cover the axis of the linear predictor."""
    lowest, highest = total_of(nomogram, [nomogram.lp_range[0], round_ticks(*nomogram.lp_range)[-1]])
    return round_ticks(min(0.0, lowest), highest)


def _scale_ticks(nomogram, scale):
    """Probabilities of the scale within the axis of the linear predictor, in its order, and their linear predictors."""
    covered = round_ticks(*nomogram.lp_range)
    low, high = max(covered[0], linear_predictor(nomogram, _total_ticks(nomogram)[0])), covered[-1]
    ends = sorted((float(scale.probability(low)), float(scale.probability(high))))
    at = [value for value in scale.at if ends[0] <= value <= ends[1]]
    lps = [brentq(lambda lp, value=value: scale.probability(lp) - value, low, high, xtol=1e-13) for value in at]
    return at, np.array(lps, dtype=float)


def _axis(kind, label, values, positions):
    return pd.DataFrame(
        {
            "kind": kind,
            "label": label,
            "value": [tick_text(value) for value in values],
            "position": np.asarray(positions, dtype=float),
        }
    )
