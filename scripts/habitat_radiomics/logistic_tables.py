"""Univariable and multivariable logistic tables: odds ratios, tests per factor, stepwise choice, collinearity.

A *term* is a clinical variable: one coefficient for a number, one for each level but the first (the reference) for a
category; terms enter and leave a model as a whole. Every model uses the patients who have all of its variables
(complete cases) and says how many these are. Where the classes are separated Firth's penalised likelihood answers
(see `habitat_radiomics.logistic`); the column ``method`` names it.

Variables are described as everywhere: ``{"age": {"type": "number", "unit": "years"}, "sex": {"type": "category",
"levels": ["F", "M"], "label": "Sex"}}``. The outcome is 0 or 1 by patient.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri
from scipy.stats import norm

from habitat_radiomics.collinearity import generalised_vif
from habitat_radiomics.logistic import SEPARATED_ETA, log_likelihood, maximise, profile_interval
from habitat_radiomics.sample_size import events_per_parameter

LIMIT_ETA = 60.0  # where separated classes have reached the limit of their likelihood
INTERVALS = ("wald", "profile")
DIRECTIONS = ("backward", "forward", "both")
CRITERIA = ("aic", "bic")
FLOWS = ("univariable", "all", "stepwise")
CONSTANT = "the same in all patients used"
EMPTY_LEVEL = "no patient at this level"
COLUMNS = (
    ["analysis", "variable", "label", "level", "is_reference", "n", "events", "coefficient", "standard_error", "z"]
    + ["odds_ratio", "odds_ratio_low", "odds_ratio_high", "p_wald", "lr_chi2", "lr_df", "p_lr", "vif", "method"]
    + ["interval", "note"]
)


@dataclass(frozen=True)
class Term:
    """Columns of one variable in the design matrix, and the level each stands for."""

    name: str
    columns: np.ndarray  # (patients, columns)
    levels: tuple  # level of each column; ("",) for a number
    reference: str  # "" for a number
    declared: tuple  # all levels in order, also those no patient has; ("",) for a number


@dataclass(frozen=True)
class LogisticFit:
    """A logistic model of whole terms on complete cases."""

    terms: tuple
    design: np.ndarray  # (patients, 1 + columns), intercept first
    y: np.ndarray
    firth: bool
    maximum: object  # `logistic.Maximum`
    null_log_likelihood: float

    @property
    def method(self):
        """Name of the estimator."""
        return "Firth" if self.firth else "maximum likelihood"

    def columns_of(self, name):
        """Positions of a term's coefficients, as a mask over all coefficients."""
        owners = ["", *(term.name for term in self.terms for _ in term.levels)]
        return np.array([owner == name for owner in owners])


def complete_cases(data, outcome, names):
    """Patients with a known outcome and all of the variables (positions as a boolean array)."""
    known = outcome.notna().to_numpy()
    return known & data[list(names)].notna().all(axis=1).to_numpy() if len(names) else known


def encode_term(values, name, variable):
    """Code one complete variable; levels nobody has get no column, the reference is the first level that is present.

    Raises
    ------
    ValueError
        If a value is not among the levels.
    """
    if variable["type"] == "number":
        return Term(name, values.to_numpy(dtype=float)[:, None], ("",), "", ("",))
    levels = [str(level) for level in variable["levels"]]
    text = values.astype(str)
    unknown = sorted(set(text) - set(levels))
    if unknown:
        raise ValueError(
            f"{name} holds {unknown[0]!r}; its levels are {', '.join(levels)}. Add the level or correct it."
        )
    present = [level for level in levels if (text == level).any()]
    columns = [(text == level).to_numpy(dtype=float) for level in present[1:]]
    columns = np.column_stack(columns) if columns else np.empty((len(text), 0))
    return Term(name, columns, tuple(present[1:]), present[0] if present else levels[0], tuple(levels))


def fit_terms(terms, y):
    """Fit a model of whole terms by maximum likelihood, or Firth's method where the classes are separated.

    Parameters
    ----------
    terms : list of Term
    y : ndarray of 0 and 1
        At least one of each.

    Raises
    ------
    ValueError
        For one class only, and where a term follows linearly from those before it.
    """
    _require_both_classes(y)
    design = np.column_stack([np.ones(len(y)), *(term.columns for term in terms)])
    _refuse_dependent(design, terms)
    maximum = maximise(design, y, firth=False, largest_eta=SEPARATED_ETA)
    firth = not maximum.converged
    if firth:
        maximum = maximise(design, y, firth=True)
    return LogisticFit(tuple(terms), design, y, firth, maximum, _null_log_likelihood(design, y, firth))


def likelihood_ratio(fit, name):
    """Likelihood-ratio test of one term against the model without it (R's ``drop1``); penalised with Firth's method.

    Returns
    -------
    chi2, df, p
    """
    held = fit.columns_of(name)
    if not fit.firth:
        without = maximise(fit.design[:, ~held], fit.y, firth=False, largest_eta=SEPARATED_ETA).log_likelihood
    else:
        without = maximise(fit.design, fit.y, firth=True, free=~held).log_likelihood
    chi2 = max(2 * (fit.maximum.log_likelihood - without), 0.0)
    return chi2, int(held.sum()), float(chdtrc(held.sum(), chi2))


def fit_summary(fit):
    """Return what describes a model as a whole: size, likelihood, AIC, BIC, LR test, Nagelkerke's R2, events.

    With Firth's method likelihoods are penalised ones; AIC, BIC and R2 are then NaN, for they assume the other kind.
    """
    n, events, k = len(fit.y), int(fit.y.sum()), fit.design.shape[1]
    log_lik = fit.maximum.log_likelihood
    chi2 = max(2 * (log_lik - fit.null_log_likelihood), 0.0)
    ratio, warning = events_per_parameter(events, n, k - 1)
    plain = np.nan if fit.firth else 1.0
    nagelkerke = (1 - np.exp(-chi2 / n)) / (1 - np.exp(2 * fit.null_log_likelihood / n))
    return {
        "n": n,
        "events": events,
        "parameters": k - 1,
        "log_likelihood": log_lik,
        "aic": plain * (-2 * log_lik + 2 * k),
        "bic": plain * (-2 * log_lik + np.log(n) * k),
        "lr_chi2": chi2,
        "lr_df": k - 1,
        "p_lr": float(chdtrc(k - 1, chi2)) if k > 1 else np.nan,
        "nagelkerke": plain * nagelkerke,
        "events_per_parameter": ratio,
        "warning": warning,
        "method": fit.method,
    }


def coefficient_rows(fit, *, level=0.95, interval="wald"):
    """Return a row for every coefficient, the intercept first: odds ratio with interval, Wald p, test of its term."""
    _require_known("interval", interval, INTERVALS)
    owners = [("(intercept)", "")] + [(term.name, lev) for term in fit.terms for lev in term.levels]
    beta, error = fit.maximum.beta, np.sqrt(np.diag(fit.maximum.covariance))
    low, high = _limits(fit, error, level, interval)
    rows = pd.DataFrame(owners, columns=["variable", "level"]).assign(coefficient=beta, standard_error=error)
    rows["z"] = beta / error
    rows["odds_ratio"], rows["odds_ratio_low"], rows["odds_ratio_high"] = np.exp(beta), np.exp(low), np.exp(high)
    rows["p_wald"] = 2 * norm.sf(np.abs(rows["z"]))
    tests = {term.name: likelihood_ratio(fit, term.name) for term in fit.terms}
    for position, column in enumerate(("lr_chi2", "lr_df", "p_lr")):
        rows[column] = [tests[name][position] if name in tests else np.nan for name in rows["variable"]]
    rows["vif"] = rows["variable"].map(variance_inflation(fit)["vif"]) if len(fit.terms) > 1 else np.nan
    return rows.assign(method=fit.method, interval=interval)


def variance_inflation(fit):
    """Return `collinearity.generalised_vif` of every term."""
    owners = [term.name for term in fit.terms for _ in term.levels]
    return generalised_vif(fit.maximum.covariance[1:, 1:], owners)


def _limits(fit, error, level, interval):
    if interval == "wald":
        half = ndtri((1 + level) / 2) * error
        return fit.maximum.beta - half, fit.maximum.beta + half
    limits = [
        profile_interval(fit.design, fit.y, column, fit.maximum, level=level, firth=fit.firth)
        for column in range(fit.design.shape[1])
    ]
    return np.array(limits).T


def univariable_table(data, outcome, variables, *, level=0.95, interval="wald"):
    """Return the table of one model for every variable, each on the patients who have it.

    Parameters
    ----------
    data : DataFrame, patients x variables
    outcome : Series
        0, 1 or missing by patient, same index.
    variables : dict
    level : float
    interval : {"wald", "profile"}

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; numbers have one row, categories one for each level with the reference first. ``n`` and
        ``events`` of a row are the patients of the model (number) or of the level. What cannot be estimated is NaN,
        with the reason in ``note``.
    """
    _require_outcome(outcome)
    parts = [
        _model_table(data, outcome, {name: variable}, level=level, interval=interval)[0]
        for name, variable in variables.items()
    ]
    return _labelled(pd.concat(parts, ignore_index=True), variables, "univariable")


def multivariable_table(data, outcome, variables, *, level=0.95, interval="wald"):
    """Return the table of one model of all variables (as `univariable_table`) and its summary (as `fit_summary`).

    A variable that is the same in all complete cases is left out with a note. Without any variable left the summary is
    None.
    """
    _require_outcome(outcome)
    table, summary = _model_table(data, outcome, variables, level=level, interval=interval)
    return _labelled(table, variables, "multivariable"), summary


def _model_table(data, outcome, variables, *, level, interval):
    used = complete_cases(data, outcome, variables)
    y = outcome[used].to_numpy(dtype=float)
    terms = [encode_term(data.loc[used, name], name, variable) for name, variable in variables.items()]
    reasons = {term.name: _why_not(term, y) for term in terms}
    fitted = [term for term in terms if not reasons[term.name]]
    rows = summary = None
    if fitted:
        fit = fit_terms(fitted, y)
        rows, summary = coefficient_rows(fit, level=level, interval=interval), fit_summary(fit)
    return pd.concat([_term_rows(term, y, rows, reasons[term.name]) for term in terms], ignore_index=True), summary


def _why_not(term, y):
    """Reason why a term cannot be fitted to these patients; empty when it can."""
    if len(y) == 0:
        return "no patient has all variables of the model"
    if y.min() == y.max():
        return "the patients used have one outcome only"
    varies = term.columns.shape[1] > 0 and (np.ptp(term.columns, axis=0) > 0).all()
    return "" if varies else CONSTANT


def _term_rows(term, y, rows, reason):
    """All rows of one term in the declared order: the reference, the levels in use, the empty ones."""
    table = pd.DataFrame({"variable": term.name, "level": list(term.declared)})
    inside = [members(term, level, len(y)) for level in term.declared]
    table["is_reference"] = (table["level"] == term.reference) & (table["level"] != "")
    table["n"] = [int(member.sum()) for member in inside]
    table["events"] = [int(y[member].sum()) for member in inside]
    table["note"] = np.where(table["n"] == 0, reason or EMPTY_LEVEL, reason)
    if rows is None or reason:
        return table
    estimates = rows[rows["variable"] == term.name]
    of_term = ["lr_chi2", "lr_df", "p_lr", "vif", "method", "interval"]
    table = table.merge(estimates.drop(columns=of_term), on=["variable", "level"], how="left")
    return table.assign(**{column: estimates[column].iloc[0] for column in of_term})


def members(term, level, n):
    """Patients at a level; all of them for a number."""
    if term.levels == ("",):
        return np.ones(n, dtype=bool)
    if level in term.levels:
        return term.columns[:, term.levels.index(level)] == 1
    return ~term.columns.any(axis=1) if level == term.reference else np.zeros(n, dtype=bool)


def _labelled(table, variables, analysis):
    labels = table["variable"].map(lambda name: variables[name].get("label") or name)
    return table.assign(label=labels, analysis=analysis).reindex(columns=COLUMNS)


def stepwise(data, outcome, variables, *, direction="backward", criterion="aic"):
    """Choose terms by AIC or BIC as MASS::stepAIC does: whole terms, the best single change until none improves.

    All candidates are judged on the same patients, those complete in every candidate. Separated classes keep the
    limit of their likelihood, which is finite. Stepwise choice makes p values and intervals of the chosen model too
    good (Harrell 2015, section 4.3); it is offered because papers use it.

    Parameters
    ----------
    direction : {"backward", "forward", "both"}
        Backward starts from all variables, the others from none.
    criterion : {"aic", "bic"}

    Returns
    -------
    chosen : list of str
        In the order of entry (backward: of the variables).
    path : DataFrame
        ``step``, ``change`` ("- age", "+ sex", "" for the start) and the value of the criterion.
    """
    _require_known("direction", direction, DIRECTIONS)
    _require_known("criterion", criterion, CRITERIA)
    _require_outcome(outcome)
    terms, y = _varying_terms(data, outcome, variables)
    penalty = 2.0 if criterion == "aic" else np.log(len(y))
    chosen = list(terms) if direction == "backward" else []
    value = _criterion(chosen, terms, y, penalty)
    path = [{"step": 0, "change": "", criterion: value}]
    while True:
        changes = _possible_changes(chosen, terms, direction)
        values = [_criterion(names, terms, y, penalty) for _, names in changes]
        if not values or min(values) >= value - 1e-9:
            return chosen, pd.DataFrame(path)
        value = min(values)
        change, chosen = changes[values.index(value)]
        path.append({"step": len(path), "change": change, criterion: value})


def _varying_terms(data, outcome, variables):
    used = complete_cases(data, outcome, variables)
    y = outcome[used].to_numpy(dtype=float)
    _require_both_classes(y)
    terms = [encode_term(data.loc[used, name], name, variable) for name, variable in variables.items()]
    return {term.name: term for term in terms if not _why_not(term, y)}, y


def _possible_changes(chosen, terms, direction):
    drops = [(f"- {name}", [n for n in chosen if n != name]) for name in chosen]
    adds = [(f"+ {name}", [*chosen, name]) for name in terms if name not in chosen]
    return {"backward": drops, "forward": adds, "both": drops + adds}[direction]


def _criterion(names, terms, y, penalty):
    design = np.column_stack([np.ones(len(y)), *(terms[name].columns for name in names)])
    _refuse_dependent(design, [terms[name] for name in names])
    fitted = maximise(design, y, firth=False, largest_eta=LIMIT_ETA)
    return -2 * fitted.log_likelihood + penalty * design.shape[1]


def logistic_tables(
    data,
    outcome,
    variables,
    *,
    flow="univariable",
    alpha=0.05,
    entry="p_lr",
    criterion="aic",
    level=0.95,
    interval="wald",
):
    """Return the table of papers: every variable alone, then those that enter together.

    Parameters
    ----------
    data, outcome, variables, level, interval
        As in `univariable_table`.
    flow : {"univariable", "all", "stepwise"}
        What enters the multivariable model: variables with univariable p < ``alpha``; all; those chosen backward by
        ``criterion`` from all.
    entry : {"p_lr", "p_wald"}
        P value of a variable: its likelihood ratio, or the smallest Wald p of its levels (as SPSS tables are read).

    Returns
    -------
    table : DataFrame
        Rows of both analyses, columns `COLUMNS`.
    summary : dict or None
        Of the multivariable model, see `fit_summary`, with ``flow`` in words, ``entered`` and a ``warning`` sentence on
        events that counts every candidate, not only those that entered. None when nothing entered.
    """
    _require_known("flow", flow, FLOWS)
    _require_known("entry", entry, ("p_lr", "p_wald"))
    alone = univariable_table(data, outcome, variables, level=level, interval=interval)
    if flow == "stepwise":
        chosen, _ = stepwise(data, outcome, variables, criterion=criterion)
        words = f"chosen backward by {criterion.upper()} from all variables"
    elif flow == "univariable":
        smallest = alone.groupby("variable")[entry].min()
        chosen = [name for name in variables if smallest[name] < alpha]
        words = f"univariable p < {alpha:g} ({'likelihood ratio' if entry == 'p_lr' else 'Wald'})"
    else:
        chosen, words = list(variables), "all variables"
    if not chosen:
        return alone, None
    together, summary = multivariable_table(
        data, outcome, {name: variables[name] for name in chosen}, level=level, interval=interval
    )
    table = pd.concat([alone, together], ignore_index=True)
    return table, summary and {**summary, **_candidates(alone, summary), "flow": words, "entered": chosen}


def _candidates(alone, summary):
    """Candidate parameters of the whole flow and their events, from the univariable rows."""
    candidates = int(alone["coefficient"].notna().sum())
    ratio, warning = events_per_parameter(summary["events"], summary["n"], candidates)
    return {"candidate_parameters": candidates, "events_per_parameter": ratio, "warning": warning}


def paper_table(table):
    """Return one row a level with both analyses side by side, as printed (text cells)."""
    both = {}
    for analysis, rows in table.groupby("analysis", sort=False):
        rows = rows.assign(estimate=rows.apply(_estimate_text, axis=1), p=rows.apply(_p_text, axis=1))
        both[analysis] = rows.set_index(["variable", "level"])[["estimate", "p"]]
    alone = table[table["analysis"] == "univariable"].set_index(["variable", "level"])
    printed = alone[["label", "n", "events"]].copy()
    for analysis, cells in both.items():
        printed[f"{analysis}_odds_ratio"] = cells["estimate"].reindex(printed.index).fillna("")
        printed[f"{analysis}_p"] = cells["p"].reindex(printed.index).fillna("")
    return printed.reset_index()


def _estimate_text(row):
    if row["is_reference"]:
        return "Reference"
    if np.isnan(row["odds_ratio"]):
        return row["note"]
    mark = " (Firth)" if row["method"] == "Firth" else ""
    return f"{row['odds_ratio']:.3g} ({row['odds_ratio_low']:.3g}-{row['odds_ratio_high']:.3g}){mark}"


def _p_text(row):
    p = row["p_wald"]
    return "" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _null_log_likelihood(design, y, firth):
    """Log-likelihood with the intercept only; the penalised one of the whole design with Firth's method."""
    if firth:
        return maximise(design, y, firth=True, free=np.arange(design.shape[1]) == 0).log_likelihood
    return log_likelihood(design[:, :1], y, np.log([y.mean() / (1 - y.mean())]))


def _refuse_dependent(design, terms):
    """Name the first term that follows linearly from the intercept and the terms before it."""
    scaled = design / np.maximum(np.abs(design).max(axis=0), 1e-300)
    if np.linalg.matrix_rank(scaled) == design.shape[1]:
        return
    end = 1
    for position, term in enumerate(terms):
        end += len(term.levels)
        if np.linalg.matrix_rank(scaled[:, :end]) < end:
            before = ", ".join(t.name for t in terms[:position]) or "the intercept"
            raise ValueError(f"{term.name} follows linearly from {before}: leave one of them out of the model.")


def _require_outcome(outcome):
    wrong = sorted(set(outcome.dropna()) - {0, 1})
    if wrong:
        raise ValueError(f"the outcome holds {wrong[0]}: it must be coded 0 (did not happen) or 1 (happened).")
    _require_both_classes(outcome.dropna().to_numpy())


def _require_both_classes(y):
    if len(y) == 0 or y.min() == y.max():
        raise ValueError(f"{int(np.sum(y))} of {len(y)} patients have the event: a logistic model needs both outcomes.")


def _require_known(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: use one of {', '.join(allowed)}.")
