"""Univariable and multivariable Cox tables: hazard ratios, tests per factor, proportional hazards.

Terms, complete cases and the description of variables are those of `habitat_radiomics.logistic_tables`. Where the
events are separated Firth's penalised likelihood answers (see `habitat_radiomics.cox`); the column ``method`` names it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri
from scipy.stats import norm

from habitat_radiomics.cox import SEPARATED, maximise, maximise_or_penalise, risk_sets
from habitat_radiomics.cox_zph import proportional_hazards_test
from habitat_radiomics.logistic_tables import CONSTANT, EMPTY_LEVEL, encode_term, members
from habitat_radiomics.survival_outcome import as_outcome, require_events

FLOWS = ("univariable", "all")
FEWEST_EVENTS = 10  # for each candidate parameter, Peduzzi et al. 1995 (J Clin Epidemiol 48:1503)
TERM_COLUMNS = ["lr_chi2", "lr_df", "p_lr", "zph_chi2", "p_zph", "method"]
COLUMNS = [
    "analysis",
    "variable",
    "label",
    "level",
    "is_reference",
    "n",
    "events",
    "coefficient",
    "standard_error",
    "z",
] + ["hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "p_wald", *TERM_COLUMNS, "note"]


@dataclass(frozen=True)
class CoxFit:
    """A Cox model of whole terms on complete cases."""

    terms: tuple
    design: np.ndarray  # (patients, columns)
    outcome: np.ndarray  # of survival_outcome.OUTCOME
    sets: object  # cox.RiskSets
    firth: bool
    maximum: object  # cox.CoxMaximum

    @property
    def method(self):
        """Name of the estimator."""
        return "Firth" if self.firth else "maximum partial likelihood"

    def columns_of(self, name):
        """Positions of a term's coefficients, as a mask over all coefficients."""
        return np.array([term.name == name for term in self.terms for _ in term.levels])


def fit_cox_terms(terms, outcome, *, ties="efron"):
    """Fit a Cox model of whole terms; Firth's method where the events are separated.

    Parameters
    ----------
    terms : list of logistic_tables.Term
    outcome : ndarray of survival_outcome.OUTCOME
    ties : {"efron", "breslow"}

    Raises
    ------
    ValueError
        Without events, and where a term follows linearly from those before it.
    """
    require_events(outcome, purpose="a Cox model")
    design = np.column_stack([term.columns for term in terms])
    _refuse_dependent(terms)
    sets = risk_sets(outcome, ties=ties)
    maximum, firth = maximise_or_penalise(design, sets)
    return CoxFit(tuple(terms), design, outcome, sets, firth, maximum)


def likelihood_ratio(fit, name=None):
    """Likelihood-ratio test of one term (or of all) against the model without it; penalised with Firth's method.

    Returns
    -------
    chi2, df, p
    """
    held = np.ones(fit.design.shape[1], dtype=bool) if name is None else fit.columns_of(name)
    if fit.firth:
        without = maximise(fit.design, fit.sets, firth=True, free=~held).log_likelihood
    else:
        without = maximise(fit.design, fit.sets, free=~held).log_likelihood
    chi2 = max(2 * (fit.maximum.log_likelihood - without), 0.0)
    return chi2, int(held.sum()), float(chdtrc(held.sum(), chi2))


def cox_summary(fit, *, transform="km"):
    """Return what describes a model as a whole: size, likelihood, AIC, LR test, global test of proportional hazards.

    With Firth's method likelihoods are penalised ones; AIC is then NaN, for it assumes the other kind, and so is the
    test of proportional hazards, which needs the maximum of the plain likelihood.
    """
    chi2, df, p = likelihood_ratio(fit)
    events = int(fit.outcome["event"].sum())
    ratio, warning = events_per_parameter(events, df)
    overall = proportional_hazards(fit, transform=transform).iloc[-1]
    return {
        "n": fit.outcome.size,
        "events": events,
        "parameters": df,
        "log_likelihood": fit.maximum.log_likelihood,
        "aic": np.nan if fit.firth else 2 * df - 2 * fit.maximum.log_likelihood,
        "lr_chi2": chi2,
        "lr_df": df,
        "p_lr": p,
        "zph_chi2": overall["chi2"],
        "p_zph": overall["p"],
        "events_per_parameter": ratio,
        "warning": warning,
        "method": fit.method,
        "note": SEPARATED if fit.firth else "",
    }


def events_per_parameter(events, parameters):
    """Events for each candidate parameter of a Cox model, and a warning (empty when there is none)."""
    ratio = events / parameters
    if ratio >= FEWEST_EVENTS:
        return ratio, ""
    return ratio, (
        f"Only {ratio:.1f} events for each of {parameters} candidate parameters ({events} events). Below "
        f"{FEWEST_EVENTS} (Peduzzi et al. 1995) coefficients are biased and intervals are unreliable; use fewer "
        "candidates or penalise."
    )


def proportional_hazards(fit, *, transform="km"):
    """Test of proportional hazards of every term and of all (see `cox_zph`); NaN with Firth's method."""
    names = [term.name for term in fit.terms]
    if fit.firth:
        return pd.DataFrame({"term": [*names, "GLOBAL"], "chi2": np.nan, "df": 0, "p": np.nan})
    columns = {name: np.flatnonzero(fit.columns_of(name)) for name in names}
    return proportional_hazards_test(fit.design, fit.sets, fit.maximum.beta, columns=columns, transform=transform)


def hazard_rows(fit, *, level=0.95, transform="km"):
    """Return a row for every coefficient: hazard ratio with Wald interval, Wald p, and the tests of its term."""
    owners = [(term.name, lev) for term in fit.terms for lev in term.levels]
    beta, error = fit.maximum.beta, np.sqrt(np.diag(fit.maximum.covariance))
    half = ndtri((1 + level) / 2) * error
    rows = pd.DataFrame(owners, columns=["variable", "level"]).assign(coefficient=beta, standard_error=error)
    rows = rows.assign(z=beta / error, p_wald=2 * norm.sf(np.abs(beta / error)), hazard_ratio=np.exp(beta))
    rows = rows.assign(hazard_ratio_low=np.exp(beta - half), hazard_ratio_high=np.exp(beta + half))
    tests = {term.name: likelihood_ratio(fit, term.name) for term in fit.terms}
    zph = proportional_hazards(fit, transform=transform).set_index("term")
    for position, column in enumerate(("lr_chi2", "lr_df", "p_lr")):
        rows[column] = [tests[name][position] for name in rows["variable"]]
    rows["zph_chi2"], rows["p_zph"] = (zph[column].loc[rows["variable"]].to_numpy() for column in ("chi2", "p"))
    return rows.assign(method=fit.method)


def univariable_cox_table(data, outcome, variables, *, level=0.95, ties="efron", transform="km"):
    """Return the table of one Cox model for every variable, each on the patients who have it.

    Parameters
    ----------
    data : DataFrame, patients x variables
    outcome : DataFrame
        ``time`` and ``event`` (0 or 1) by patient, same index; missing values leave the patient out.
    variables : dict
        As in `logistic_tables`.
    level : float
    ties : {"efron", "breslow"}
    transform : {"km", "rank", "identity", "log"}
        Scale of time of the test of proportional hazards.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; numbers have one row, categories one for each level with the reference first. What cannot be
        estimated is NaN, with the reason in ``note``.
    """
    settings = {"level": level, "ties": ties, "transform": transform}
    parts = [_model_table(data, outcome, {name: variable}, **settings)[0] for name, variable in variables.items()]
    return _labelled(pd.concat(parts, ignore_index=True), variables, "univariable")


def multivariable_cox_table(data, outcome, variables, *, level=0.95, ties="efron", transform="km"):
    """Return the table of one model of all variables and its summary (as `cox_summary`; None without a variable)."""
    table, summary = _model_table(data, outcome, variables, level=level, ties=ties, transform=transform)
    return _labelled(table, variables, "multivariable"), summary


def cox_tables(
    data, outcome, variables, *, flow="univariable", alpha=0.05, entry="p_lr", level=0.95, ties="efron", transform="km"
):
    """Return the table of papers: every variable alone, then those that enter together.

    Parameters
    ----------
    data, outcome, variables, level, ties, transform
        As in `univariable_cox_table`.
    flow : {"univariable", "all"}
        What enters the multivariable model: variables with univariable p < ``alpha``, or all.
    entry : {"p_lr", "p_wald"}
        P value of a variable: its likelihood ratio, or the smallest Wald p of its levels.

    Returns
    -------
    table : DataFrame
        Rows of both analyses, columns `COLUMNS`.
    summary : dict or None
        Of the multivariable model, with ``flow`` in words, ``entered`` and a ``warning`` that counts the events for
        every candidate, not only those that entered. None when nothing entered.
    """
    for name, value, allowed in (("flow", flow, FLOWS), ("entry", entry, ("p_lr", "p_wald"))):
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}: use one of {', '.join(allowed)}.")
    settings = {"level": level, "ties": ties, "transform": transform}
    alone = univariable_cox_table(data, outcome, variables, **settings)
    smallest = alone.groupby("variable")[entry].min()
    chosen = list(variables) if flow == "all" else [name for name in variables if smallest[name] < alpha]
    if not chosen:
        return alone, None
    together, summary = multivariable_cox_table(data, outcome, {name: variables[name] for name in chosen}, **settings)
    if summary:
        candidates = int(alone["coefficient"].notna().sum())
        ratio, warning = events_per_parameter(summary["events"], candidates)
        test = "likelihood ratio" if entry == "p_lr" else "Wald"
        words = "all variables" if flow == "all" else f"univariable p < {alpha:g} ({test})"
        summary |= {"candidate_parameters": candidates, "events_per_parameter": ratio, "warning": warning}
        summary |= {"flow": words, "entered": chosen}
    return pd.concat([alone, together], ignore_index=True), summary


def _model_table(data, outcome, variables, *, level, ties, transform):
    used = (outcome[["time", "event"]].notna().all(axis=1) & data[list(variables)].notna().all(axis=1)).to_numpy()
    y = as_outcome(outcome[used]) if used.any() else None
    terms = [encode_term(data.loc[used, name], name, variable) for name, variable in variables.items()]
    reasons = {term.name: _why_not(term, y) for term in terms}
    fitted = [term for term in terms if not reasons[term.name]]
    rows = summary = None
    if fitted:
        fit = fit_cox_terms(fitted, y, ties=ties)
        rows, summary = hazard_rows(fit, level=level, transform=transform), cox_summary(fit, transform=transform)
    event = np.empty(0) if y is None else y["event"]
    return pd.concat([_term_rows(term, event, rows, reasons[term.name]) for term in terms], ignore_index=True), summary


def _why_not(term, y):
    """Reason why a term cannot be fitted to these patients; empty when it can."""
    if y is None:
        return "no patient has all variables of the model"
    if not y["event"].any():
        return "none of the patients used had the event"
    varies = term.columns.shape[1] > 0 and (np.ptp(term.columns, axis=0) > 0).all()
    return "" if varies else CONSTANT


def _term_rows(term, event, rows, reason):
    """All rows of one term in the declared order: the reference, the levels in use, the empty ones."""
    table = pd.DataFrame({"variable": term.name, "level": list(term.declared)})
    inside = [members(term, level, len(event)) for level in term.declared]
    table["is_reference"] = (table["level"] == term.reference) & (table["level"] != "")
    table["n"] = [int(member.sum()) for member in inside]
    table["events"] = [int(event[member].sum()) for member in inside]
    table["note"] = np.where(table["n"] == 0, reason or EMPTY_LEVEL, reason)
    if rows is None or reason:
        return table
    estimates = rows[rows["variable"] == term.name]
    table = table.merge(estimates.drop(columns=TERM_COLUMNS), on=["variable", "level"], how="left")
    return table.assign(**{column: estimates[column].iloc[0] for column in TERM_COLUMNS})


def _labelled(table, variables, analysis):
    labels = table["variable"].map(lambda name: variables[name].get("label") or name)
    return table.assign(label=labels, analysis=analysis).reindex(columns=COLUMNS)


def _refuse_dependent(terms):
    """Name the first term that follows linearly from those before it."""
    design = np.ones((len(terms[0].columns), 1))
    for position, term in enumerate(terms):
        design = np.column_stack([design, term.columns])
        if np.linalg.matrix_rank(design / np.maximum(np.abs(design).max(axis=0), 1e-300)) < design.shape[1]:
            before = ", ".join(t.name for t in terms[:position]) or "a constant"
            raise ValueError(f"{term.name} follows linearly from {before}: leave one of them out of the model.")
