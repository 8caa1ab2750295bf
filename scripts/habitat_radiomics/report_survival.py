"""Sections of the report page of a study of times to an event: performance, risk groups, calibration, usefulness."""

import pandas as pd

from habitat_radiomics.labels import (
    DASH,
    cohort_label,
    count,
    duration,
    interval,
    missing,
    number,
    p_value,
    percent,
    ratio,
    score_cohort,
    significant,
)
from habitat_radiomics.report_blocks import figure, gallery, heading, paragraph, section, stored, table
from habitat_radiomics.report_statistics import (
    audit_sentence,
    csv_bytes,
    leakage_sentence,
    permutation_picture,
    volume_blocks,
)
from habitat_radiomics.survival_validation import at_horizon

CALIBRATION_COLUMNS = {
    "mean_predicted": ("Predicted", 2),
    "observed": ("Observed", 2),
    "ratio": ("Predicted / observed", 2),
    "slope": ("Slope", 2),
    "ici": ("ICI", 3),
    "e90": ("E90", 3),
    "emax": ("Emax", 3),
}


def survival_sections(results, captions):
    """Return the sections that judge survival models; those without files are None."""
    return [
        _performance_section(results, captions),
        _optimism_section(results, captions),
        _risk_group_section(results, captions),
        _factor_section(results, captions),
        _calibration_section(results, captions),
        _decision_section(results, captions),
    ]


# Performance ------------------------------------------------------------------------------------------------------


def _performance_section(results, captions):
    blocks = [
        leakage_sentence(results.leakage),
        audit_sentence(results.statistics["audit"], survival=True),
        survival_metric_table(results, captions),
        of_cohorts(results, captions, "time_auc", "AUC over time of all models"),
        of_cohorts(results, captions, "prediction_error", "Prediction error over time of all models"),
        survival_comparison_table(results, captions),
        *volume_blocks(results, captions),
        permutation_picture(results, captions),
    ]
    return section("validation", "Validation", blocks)


def survival_metric_table(results, captions):
    """Concordance, AUC and integrated error of every model, cohort by cohort."""
    metrics, rows = metric_titles(results), []
    for cohort in results.cohorts:
        part = results.metrics.query("cohort == @cohort and metric == 'c_harrell'")
        if part.empty:
            continue
        reference = results.metric(results.headline, cohort, "ibs_reference")
        null = "" if reference is None else f"; IBS of Kaplan-Meier {number(reference['estimate'], 3)}"
        sizes = part.iloc[0]
        rows.append([f"{cohort_label(cohort)}: n = {count(sizes['n'])}, {_events(sizes['events'])}{null}"])
        for model in results.orders["models"]:
            cells = [
                measure_cell(results.metric(model, cohort, name), decimals) for name, (_, decimals) in metrics.items()
            ]
            test = results.comparison(model, cohort)
            rows.append([results.label("models", model), *cells, DASH if test is None else p_value(test["p"])])
    header = ["Model", *(title for title, _ in metrics.values())]
    header.append(f"p of C against {results.label('models', results.reference)}")
    title = f"Performance of every model ({percent(results.level)} CI)"
    download = stored(results.files.get("model_table") or results.files["metrics"])
    return table(title, header, rows, note=captions("survival_metrics"), download=download)


def _events(n):
    return f"{count(n)} event{'' if n == 1 else 's'}"


def metric_titles(results):
    """Measures of the table of performance: title and decimals, the AUC at every horizon among them."""
    unit = results.config["outcome"]["unit"]
    by_horizon = {at_horizon("auc", h): (f"AUC by {h:g} {unit}", 2) for h in horizons(results)}
    last = f"{horizons(results)[-1]:g} {unit}"
    return {
        "c_harrell": ("C-index (Harrell)", 2),
        "c_uno": ("C-index (Uno)", 2),
        **by_horizon,
        "auc_median": ("Median AUC(t)", 2),
        "ibs": (f"IBS to {last}", 3),
    }


def measure_cell(row, decimals):
    """Return an estimate with its interval; ``not estimable`` with the reason where it is missing."""
    if row is None or missing(row["estimate"]):
        return (DASH, "not estimable")
    has_interval = not (missing(row["ci_low"]) or missing(row["ci_high"]))
    limits = f"({interval(row['ci_low'], row['ci_high'], decimals)})" if has_interval else ""
    return (number(row["estimate"], decimals), limits)


def survival_comparison_table(results, captions):
    """Paired tests of C and of the AUC at horizons, folded; None with one model."""
    rows = []
    for cohort in results.cohorts:
        tests = results.comparisons[results.comparisons["cohort"] == cohort]
        if len(tests):
            rows.append([f"{cohort_label(cohort)}: n = {count(tests['n'].iloc[0])}"])
        for test in tests.itertuples():
            difference = f"{number(test.difference)} ({interval(test.ci_low, test.ci_high)})"
            pair = f"{results.label('models', test.model)} against {results.label('models', test.reference)}"
            rows.append([pair, measure_title(results, test.measure, test.horizon), difference, p_value(test.p)])
    if not rows:
        return None
    header = ["Models", "Measure", f"Difference ({percent(results.level)} CI)", "p"]
    download, note = stored(results.files["comparisons"]), captions("survival_comparisons")
    return table("Paired tests between models", header, rows, note=note, download=download, folded=True)


def measure_title(results, measure, horizon):
    """Return ``C-index`` or ``AUC by 12 months``."""
    return "C-index" if missing(horizon) else f"AUC by {horizon:g} {results.config['outcome']['unit']}"


def of_cohorts(results, captions, kind, words):
    """Return the figures of one kind, a figure for each cohort; None where they were not drawn."""
    return _pictures(results, captions, kind, results.files["figures"].get(kind) or {}, words, suffix="")


def _by_horizon(results, captions, kind, horizon, words):
    """Figures of one kind and horizon, a figure for each cohort."""
    paths = (results.files["figures"].get(kind) or {}).get(f"{horizon:g}", {})
    return _pictures(results, captions, kind, paths, words, suffix=f"_{horizon:g}")


def _pictures(results, captions, kind, paths, words, *, suffix):
    pictures = [
        figure(
            path,
            alt=f"{words}, {cohort_label(cohort).lower()}.",
            caption=captions(kind, cohort=cohort),
            file_name=f"{kind}_{cohort}{suffix}.svg",
        )
        for cohort, path in _in_order(results, paths)
    ]
    return gallery(pictures, caption="")


def _in_order(results, paths):
    """Figures by cohort, in the order of every table (JSON files here have sorted keys)."""
    return [(cohort, paths[cohort]) for cohort in results.cohorts if cohort in paths]


def horizons(results):
    """Times at which risks were judged."""
    return results.config["outcome"]["horizons"]


# Optimism ---------------------------------------------------------------------------------------------------------


def _optimism_section(results, captions):
    tables = results.statistics["bootstrap"]
    if not tables:
        return None
    rows, unit = [], results.config["outcome"]["unit"]
    statistics = {"c_harrell": ("C-index (Harrell)", 2)}
    statistics |= {at_horizon("brier", h): (f"Brier score by {h:g} {unit}", 3) for h in horizons(results)}
    statistics |= {"ibs": ("Integrated Brier score", 3), "slope": ("Calibration slope", 2)}
    for statistic, (title, decimals) in statistics.items():
        rows.append([title])
        for model in results.orders["models"]:
            row = tables[model].set_index("statistic").loc[statistic]
            names = ("apparent", "optimism", "corrected", "out_of_bag", "corrected_632")
            cells = [number(row[name], decimals) for name in names]
            cells.insert(2, _fixed_features(results, model, statistic, decimals))
            held_out = results.metric(model, "train_cv", statistic)
            cells.append(number(None if held_out is None else held_out["estimate"], decimals))
            rows.append([results.label("models", model), *cells])
    counts = sorted({int(part["resamples"].max()) for part in tables.values()})
    header = ["Model", "Apparent", "Optimism", "Fixed features", "Harrell", "Out of bag", ".632+", "Cross-validated"]
    data = pd.concat([tables[model].assign(model=model) for model in results.orders["models"]])
    shown = table(
        f"Optimism by {' to '.join(map(count, counts))} bootstraps of the whole chain",
        header,
        rows,
        note=captions("survival_bootstrap"),
        download=("bootstrap.csv", csv_bytes(data[["model", *data.columns.drop("model")]])),
    )
    return section("bootstrap", "Optimism", [shown])


def _fixed_features(results, model, statistic, decimals):
    """The same measure corrected with the features held fixed; a dash where it was not stored."""
    tables = results.statistics["fixed_features"] or {}
    rows = tables[model].query("statistic == @statistic") if model in tables else ()
    return number(rows["corrected"].iloc[0] if len(rows) else None, decimals)


# Risk groups ------------------------------------------------------------------------------------------------------


def _risk_group_section(results, captions):
    compared = results.statistics["risk_groups"]
    if compared is None:
        return None
    files, label = results.files["figures"], results.label("models", results.headline)
    drawn = files.get("kaplan_meier") or {}
    figures = {
        model: drawn[model] for model in results.orders["models"] if model in drawn and model != results.headline
    }
    blocks = [
        paragraph(cut_sentence(results)),
        _single_figure(files.get("risk_cut"), f"Search for the cut of the score of {label}.", captions("risk_cut")),
        risk_group_table(results, compared, captions),
        horizon_table(results),
        _single_figure(
            drawn.get(results.headline),
            f"Kaplan-Meier curves of the risk groups of {label} in every cohort.",
            captions("kaplan_meier"),
        ),
    ]
    for name, path in (files.get("subgroups") or {}).items():
        title = results.config["clinical"][name]["label"] or name
        alt = f"Kaplan-Meier curves of the risk groups of {label} within the levels of {title}."
        blocks += [heading(f"Within {title}"), _single_figure(path, alt, captions("subgroups"))]
    blocks += [heading("Risk groups of the other models")] if figures else []
    for model, path in figures.items():
        alt = f"Kaplan-Meier curves of the risk groups of {results.label('models', model)} in every cohort."
        blocks.append(_single_figure(path, alt, f"<p>{results.label('models', model)}.</p>"))
    return section("groups", "Risk groups", blocks)


def _single_figure(path, alt, caption):
    from markupsafe import Markup

    return figure(path, alt=alt, caption=Markup(caption)) if path else None


def cut_sentence(results):
    """Say which cut was learnt and what its p is worth."""
    cut = results.models[results.headline]["cutoff"]
    label = results.label("models", results.headline)
    if cut["threshold"] is None or missing(cut["threshold"]):
        return f"The score of {label} has no cut: {cut.get('reason') or 'it is the same for every patient'}."
    corrected = p_value(cut.get("p_corrected"))
    text = (
        f"Patients with a score of {label} above {significant(cut['threshold'])} are of high risk: the cut with the "
        f"largest standardised log-rank statistic among the training patients ({count(cut['n_low'])} low, "
        f"{count(cut['n_high'])} high; p corrected for the search {corrected}, naive {p_value(cut.get('p_naive'))})."
    )
    if cut.get("high_is_worse") is False:
        text += " In training the patients above it did better, not worse: the score does not order the risks."
    return text


def risk_group_table(results, compared, captions):
    """Sizes, medians, log-rank test and hazard ratio of the headline model's groups, by cohort and subgroup."""
    rows, unit = [], results.config["outcome"]["unit"]
    compared = compared[(compared["model"] == results.headline)]
    for cohort in results.cohorts:
        part = compared[compared["cohort"] == cohort]
        part = part[part["subgroup"] == "all"] if cohort == "train_cv" else part
        rows.append([cohort_label(cohort)])
        for row in part.itertuples():
            cells = [*(_group_cell(row, group) for group in ("high", "low")), _log_rank_cell(row), _ratio_cell(row)]
            rows.append([_part_title(results, row), *cells, p_value(row.p_zph)])
    header = ["Patients", f"High risk: events/n (median, {unit})", f"Low risk: events/n (median, {unit})", "Log-rank p"]
    header += [f"HR, high to low ({percent(results.level)} CI)", "p (PH)"]
    title = f"Risk groups of {results.label('models', results.headline)}"
    return table(title, header, rows, note=captions("risk_groups"), download=stored(results.files["risk_groups"]))


def _part_title(results, row):
    if row.subgroup == "all":
        return "All"
    return f"{results.config['clinical'][row.subgroup]['label'] or row.subgroup}: {row.level}"


def _group_cell(row, group):
    n, events, median = (getattr(row, f"{name}_{group}") for name in ("n", "events", "median"))
    if not n:
        return (DASH, "no patients")
    return (f"{count(events)}/{count(n)}", f"({duration(median)})")


def _log_rank_cell(row):
    if missing(row.p):
        return (DASH, row.p_reason)
    return (p_value(row.p), "" if missing(row.p_corrected) else f"(corrected {p_value(row.p_corrected)})")


def _ratio_cell(row):
    if missing(row.hr):
        return (DASH, row.hr_reason)
    firth = "; Firth" if row.hr_method == "Firth" else ""
    return (ratio(row.hr), f"({ratio(row.hr_low)} to {ratio(row.hr_high)}){firth}")


def horizon_table(results):
    """Survival of the groups at the horizons, folded; None when it was not stored."""
    at = results.statistics["at_horizons"]
    if at is None:
        return None
    rows, unit = [], results.config["outcome"]["unit"]
    for cohort in results.cohorts:
        part = at[(at["model"] == results.headline) & (at["cohort"] == cohort)]
        rows += [[cohort_label(cohort)]] if len(part) else []
        for row in part.itertuples():
            limits = "" if missing(row.ci_low) else f"({interval(row.ci_low, row.ci_high)})"
            value = (number(row.survival), limits if not missing(row.survival) else row.reason)
            rows.append([f"{row.group.capitalize()} risk, {row.time:g} {unit}", count(row.at_risk), value])
    header = ["Group", "At risk", f"Free of {results.outcome} ({percent(results.level)} CI)"]
    download = stored(results.files["at_horizons"])
    return table("Survival of the risk groups at the horizons", header, rows, download=download, folded=True)


# Scores beside clinical variables ---------------------------------------------------------------------------------


def _factor_section(results, captions):
    factors = results.statistics["score_factors"]
    if factors is None:
        return None
    pictures = [
        figure(
            path,
            alt=f"Forest plot of hazard ratios, {cohort_label(cohort).lower()}.",
            caption=captions("forest", cohort=cohort),
        )
        for cohort, path in _in_order(results, results.files["figures"].get("forest") or {})
    ]
    return section("factors", "Scores beside clinical variables", [*pictures, _factor_download(results, factors)])


def _factor_download(results, factors):
    """Events against coefficients of the model of all, by cohort, with the stored table."""
    summaries, rows = results.statistics["score_factors_summary"] or {}, []
    for cohort in dict.fromkeys(factors["cohort"]):
        summary = summaries.get(cohort)
        if summary:
            each = number(summary["events"] / summary["parameters"], 1)
            cells = [count(summary["events"]), count(summary["parameters"]), each, p_value(summary["p_zph"])]
            rows.append([score_cohort(cohort), count(summary["n"]), *cells])
    header = ["Cohort", "Complete patients", "Events", "Coefficients", "Events for each", "p (PH, all)"]
    download = stored(results.files["score_factors"])
    return table("Models of scores and all clinical variables", header, rows, download=download) if rows else None


# Calibration and usefulness ---------------------------------------------------------------------------------------


def _calibration_section(results, captions):
    if results.statistics["calibration"] is None:
        return None
    blocks, unit = [], results.config["outcome"]["unit"]
    for horizon in horizons(results):
        blocks += [
            heading(f"By {horizon:g} {unit}"),
            calibration_table(results, horizon, captions),
            _by_horizon(results, captions, "survival_calibration", horizon, f"Calibration by {horizon:g} {unit}"),
        ]
    return section("calibration", "Calibration", blocks)


def calibration_table(results, horizon, captions):
    """Every measure of calibration by one horizon, cohort by cohort."""
    measures, rows = results.statistics["calibration"].query("horizon == @horizon"), []
    for cohort in results.cohorts:
        part = measures[measures["cohort"] == cohort]
        if part.empty:
            continue
        sizes = part.iloc[0]
        rows.append([f"{cohort_label(cohort)}: n = {count(sizes['n'])}, {_events(sizes['events'])} by then"])
        for model in results.orders["models"]:
            of_model = part[part["model"] == model].set_index("metric")
            cells = [measure_cell(of_model.loc[name], decimals) for name, (_, decimals) in CALIBRATION_COLUMNS.items()]
            rows.append([results.label("models", model), *cells])
    header = ["Model", *(title for title, _ in CALIBRATION_COLUMNS.values())]
    title = f"Calibration by {horizon:g} {results.config['outcome']['unit']} ({percent(results.level)} CI)"
    note, download = captions("survival_calibration_table"), stored(results.files["calibration"])
    return table(title, header, rows, note=note, download=download)


def _decision_section(results, captions):
    if "survival_decision" not in results.files["figures"]:
        return None
    blocks, unit = [], results.config["outcome"]["unit"]
    for horizon in horizons(results):
        words = f"Decision curves by {horizon:g} {unit}"
        blocks += [
            heading(f"By {horizon:g} {unit}"),
            _by_horizon(results, captions, "survival_decision", horizon, words),
        ]
    return section("decision", "Clinical usefulness", blocks)


# Events -----------------------------------------------------------------------------------------------------------


def candidate_parameters(results, model):
    """Coefficients of clinical variables and features offered to the signatures of a model."""
    chosen = results.config["models"][model]
    offered = sum(int(results.signatures[name]["funnel"]["features"].iloc[0]) for name in chosen["signatures"])
    variables = [results.config["clinical"][name] for name in chosen["clinical"]]
    return offered + sum(len(v["levels"]) - 1 if v["type"] == "category" else 1 for v in variables)


def follow_up_sentence(results):
    """Median follow-up of the included patients by cohort (reverse Kaplan-Meier); None without times."""
    from habitat_radiomics.kaplan_meier import median_follow_up

    if "time" not in results.patients:
        return None
    included = results.patients[results.patients["included"] == "True"]
    parts = []
    for cohort in dict.fromkeys(c for c in results.cohorts if c != "train_cv"):
        rows = included[included["cohort"] == cohort]
        if rows.empty:
            continue
        time, event = pd.to_numeric(rows["time"]).to_numpy(), pd.to_numeric(rows["event"]).to_numpy() == 1
        found = median_follow_up(time, event)
        limits = (
            ""
            if missing(found.ci_low) or missing(found.ci_high)
            else f", {percent(0.95)} CI {duration(found.ci_low)} to {duration(found.ci_high)}"
        )
        size = f"{count(event.sum())} events in {count(len(rows))} patients"
        parts.append(f"{cohort_label(cohort).split(',')[0].lower()} {duration(found.median)}{limits} ({size})")
    text = "; ".join(parts)
    unit = results.config["outcome"]["unit"]
    return paragraph(f"Median follow-up in {unit} by the reverse Kaplan-Meier method: {text}.") if parts else None
