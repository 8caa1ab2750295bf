"""Tables of the report page on patients and clinical variables, composed from stored tables."""

from habitat_radiomics.labels import MINUS, cohort_label, count, missing, number, p_value, percent, ratio
from habitat_radiomics.patient_groups import BY_COHORT, OUTCOME, TIME, observed_time, stored_table_one
from habitat_radiomics.report_blocks import stored, table
from habitat_radiomics.sample_size_survival import detectable_ratio
from habitat_radiomics.table_one import printed_table

COHORT_TITLES = {"train": "Training", "internal": "Internal validation", "external": "External validation"}
MEASURE_COLUMNS = {"auc": "auc", "c_harrell": "c_index"}  # of the leading measure in validate/sample_size.csv
SUMMARIES = (", mean ± SD", ", median [IQR]", ", n (%)")
FLOWS = {
    "univariable": "variables with univariable p < {alpha:g}",
    "all": "all variables",
    "stepwise": "variables chosen backward by AIC",
}


def group_tables(results, captions):
    """Table 1 by cohort and, folded, by outcome within every cohort; nothing when it was not stored."""
    cells = results.statistics["table_one"]
    if cells is None:
        return []
    by_cohort = {cohort: COHORT_TITLES[cohort] for cohort in cells.query("part == @BY_COHORT")["group"].unique()}
    download = stored(results.files["table_one"])
    titles = {
        part: f"{COHORT_TITLES[part]}: patients by outcome" for part in cells["part"].unique() if part != BY_COHORT
    }
    classes = {"no": f"Without {results.outcome}", "yes": f"With {results.outcome}"}
    return [
        _group_table(
            results, BY_COHORT, "Included patients by cohort", by_cohort, captions("table_one"), download=download
        ),
        *(_group_table(results, part, title, classes, "", folded=True) for part, title in titles.items()),
    ]


def _group_table(results, part, title, groups, note, **options):
    tables = (results.statistics[name] for name in ("table_one", "table_one_tests"))
    clinical = {name: results.config["clinical"][name] for name in results.orders["clinical"]}
    outcome = {OUTCOME: {"type": "category", "label": _capital(results.outcome)}}
    outcome |= {TIME: observed_time(results.config["outcome"]["unit"])} if results.is_survival else {}
    variables = {**outcome, **clinical}
    printed = printed_table(stored_table_one(*tables, part, variables))
    header = ["", *(groups[name] for name in groups), "p", "SMD"]
    rows, heading = [], ""
    for line in printed.to_dict("records"):
        heading = line["variable"] or heading
        first = "Patients" if heading == "n" else _line_title(heading, line)
        rows.append([first, *(_signed(line[name]) for name in groups), _test_cell(line), line["smd"]])
    return table(title, header, rows, note=note, **options)


def _line_title(heading, line):
    """Heading of a number, or a level after its variable; the kind of summary is named once."""
    if not line["level"]:
        return _capital(heading)
    if line["variable"]:
        return f"{_capital(heading)}: {line['level']}"
    name = next((heading.removesuffix(kind) for kind in SUMMARIES if heading.endswith(kind)), heading)
    return f"{_capital(name)}: {line['level']}"


def _test_cell(line):
    """P value and the test it comes from, or the reason why there is none."""
    return (line["p"], line["note"] or line["test"]) if line["test"] else ""


def _signed(text):
    """A printed number with a true minus sign."""
    return text.replace("-", MINUS) if text[:1] == "-" else text


def _capital(text):
    return text[:1].upper() + text[1:]


def factor_table(results, captions):
    """Odds ratios of the clinical variables, one by one and together; None without clinical variables."""
    factors = results.statistics["factors"]
    if factors is None:
        return None
    analyses = {
        name: part.set_index(["variable", "level"]) for name, part in factors.fillna({"level": ""}).groupby("analysis")
    }
    rows = []
    for place, row in analyses["univariable"].iterrows():
        cells = [cell for name in ("univariable", "multivariable") for cell in _factor_cells(analyses.get(name), place)]
        sizes = f"{count(row['events'])}/{count(row['n'])}"
        rows.append([_factor_title(results, *place), sizes, *cells, _last_cell(analyses.get("multivariable"), place)])
    summary, chosen = results.statistics["factors_summary"], results.config["clinical_factors"]
    together = FLOWS[chosen["flow"]].format(alpha=chosen["alpha"])
    size = f": n = {count(summary['n'])}, {count(summary['events'])} events" if summary else ": none"
    limits = f"({percent(results.level)} CI)"
    kind, last = ("hazard", "p (PH)") if results.is_survival else ("odds", "VIF")
    header = ["Variable", "Events/n", f"Univariable {kind} ratio {limits}", "p", f"Multivariable {limits}", "p", last]
    title = f"Clinical variables in training patients; multivariable model of {together}{size}"
    return table(
        title,
        header,
        rows,
        note=captions("cox_factors" if results.is_survival else "factors"),
        download=stored(results.files["factors"]),
    )


def _factor_title(results, name, level):
    variable = results.config["clinical"][name]
    title = _capital(variable["label"] or name)
    if level:
        return f"{title}: {level}"
    return f"{title} (per {variable['unit'].removesuffix('s')})" if variable["unit"] else f"{title} (per unit)"


def _factor_cells(analysis, place):
    """Odds ratio with interval and p (Wald) of one row; the tests of whole factors are in the stored table."""
    if analysis is None or place not in analysis.index:
        return ["", ""]
    row = analysis.loc[place]
    if row["is_reference"]:
        return ["Reference", ""]
    name = "hazard_ratio" if "hazard_ratio" in row else "odds_ratio"
    if missing(row[name]):
        return [row["note"], ""]
    limits = f"({ratio(row[f'{name}_low'])} to {ratio(row[f'{name}_high'])})"
    how = "; Firth" if row["method"] == "Firth" else ""
    return [(ratio(row[name]), limits + how), p_value(row["p_wald"])]


def _last_cell(analysis, place):
    """Variance inflation factor, or p of proportional hazards, beside the first row of a variable in the model."""
    column, show = ("p_zph", p_value) if analysis is not None and "p_zph" in analysis else ("vif", number)
    if analysis is None or place not in analysis.index or missing(analysis.loc[place, column]):
        return ""
    first = analysis.loc[[place[0]]].index[0]
    return show(analysis.loc[place, column]) if place == first else ""


def sample_size_table(results, captions):
    """Patients (or events) for each parameter of every model, and how many it would have needed; None if not stored."""
    sizes = results.statistics["sample_size"]
    if sizes is None:
        return None
    rows = [
        [
            results.label("models", row.model),
            (count(row.parameters), f"({number(row.per_parameter, 1)} each)"),
            (count(row.candidates), f"({number(row.per_candidate, 3 if row.per_candidate < 0.1 else 1)} each)"),
            number(getattr(row, MEASURE_COLUMNS[results.measure])),
            count(row.needed_for_parameters),
            count(row.needed_for_candidates),
        ]
        for row in sizes.itertuples()
    ]
    first = sizes.iloc[0]
    header = ["Model", "Parameters", "Candidate parameters", f"{cohort_label('train_cv')} {results.measure_label}"]
    header += ["Patients needed for the parameters", "for all candidates"]
    title = f"Training patients ({count(first['n'])}, {count(first['events'])} events) against those needed"
    if results.is_survival:
        note = captions("survival_sample_size", detectable=number(detectable_ratio(first["events"]), 1))
    else:
        note = captions("sample_size")
    return table(title, header, rows, note=note, download=stored(results.files["sample_size"]))
