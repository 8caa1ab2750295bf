"""The report's sections on models that chose among several classifiers, and on what predictions rest on."""

from habitat_radiomics.classifier_tables import ALL
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.labels import DASH, cohort_label, count, interval, missing, number, p_value, percent
from habitat_radiomics.report_blocks import figure, heading, paragraph, section, stored, table
from habitat_radiomics.settings import choosing_models


def classifiers_section(results, captions):
    """All classifiers of every model by cohort, what having chosen is worth, and tests between the models."""
    if results.statistics["classifiers"] is None:
        return None
    picture = figure(
        results.files["figures"]["classifiers"],
        alt=f"Heat map of the AUC of every classifier by model and cohort. {choice_sentence(results)}",
        caption=captions("classifiers"),
    )
    blocks = [paragraph(choice_sentence(results)), choice_table(results, captions), picture, delong_matrix(results)]
    return section("classifiers", "Classifiers", blocks)


def choice_sentence(results):
    """Say how much better the best of all looked in cross-validation than it is when the choice is repeated."""
    row = results.statistics["choice"].iloc[-1]
    chosen = f"{results.label('models', row['model'])}, {WORDS[row['classifier']].name}"
    return (
        f"Of {count(row['candidates'])} candidates on training patients, {chosen} was chosen; its AUC in "
        f"cross-validation is {number(row['auc_chosen'], 3)}; the largest is {number(row['auc_largest'], 3)}. With "
        f"the choice repeated without the patients it is judged on (nested cross-validation) the AUC is "
        f"{number(row['auc_nested'], 3)} ({percent(results.level)} CI "
        f"{interval(row['nested_low'], row['nested_high'])}): the best of {count(row['candidates'])} looks "
        f"{number(row['optimism_largest'], 3)} better than what choosing it gives."
    )


def choice_table(results, captions):
    """Chosen classifier of every model, by which AUC it was chosen, and the AUC with the choice repeated."""
    rows = [
        [
            "All models" if row.scope == ALL else results.label("models", row.scope),
            count(row.candidates),
            _chosen(results, row),
            number(row.auc_chosen, 3),
            number(row.auc_largest, 3),
            (number(row.auc_nested, 3), f"({interval(row.nested_low, row.nested_high)})"),
            number(row.optimism, 3),
            number(row.optimism_largest, 3),
        ]
        for row in results.statistics["choice"].itertuples()
    ]
    header = ["Among", "Candidates", "Chosen", "AUC of the chosen", "Largest AUC"]
    header += [f"Nested AUC ({percent(results.level)} CI)", "Optimism of the chosen", "Optimism of the largest"]
    download = stored(results.files["choice"], "choice.csv")
    return table(
        "Choice of the classifier, in training patients", header, rows, note=captions("choice"), download=download
    )


def _chosen(results, row):
    name = WORDS[row.classifier].name
    return f"{results.label('models', row.model)}: {name}" if row.scope == ALL else name


def delong_matrix(results):
    """DeLong's p between every two of these models, by cohort; None where fewer than two were compared."""
    names = choosing_models(results.config)
    rows = []
    for cohort in results.cohorts:
        tests = results.comparisons[results.comparisons["cohort"] == cohort]
        cells = {(t.model, t.reference): t for t in tests.itertuples() if {t.model, t.reference} <= set(names)}
        if cells:
            rows.append([cohort_label(cohort)])
            rows += [[results.label("models", a), *(_test_cell(cells, a, b) for b in names)] for a in names]
    if not rows:
        return None
    title = "Difference of the AUCs, row less column, and p (DeLong's paired test)"
    return table(title, ["Model", *(results.label("models", name) for name in names)], rows)


def _test_cell(cells, a, b):
    """Difference and p of one pair, whichever way round it was tested; a dash on the diagonal or without a test."""
    test, sign = (cells[a, b], 1) if (a, b) in cells else (cells.get((b, a)), -1)
    if test is None or missing(test.difference):
        return DASH
    return (number(sign * test.difference, 3), f"(p {p_value(test.p)})")


def importance_section(results, captions):
    """Importance of the inputs of the models that the study asked to be explained; None without any."""
    if not results.statistics["importance"]:
        return None
    blocks = []
    for position, name in enumerate(results.statistics["importance"]):
        label = results.label("models", name)
        picture = figure(
            results.files["figures"]["importance"][name],
            alt=f"Fall of the AUC of the model {label} when one of its inputs is dealt out anew, by cohort.",
            caption="" if position else captions("importance"),
            file_name=f"importance_{name}.svg",
        )
        blocks += [heading(f"Model {label}"), picture, _importance_table(results, name)]
    return section("importance", "What the predictions rest on", blocks)


def _importance_table(results, name):
    measured = results.statistics["importance"][name]
    rows = [
        [
            cohort_label(row.cohort),
            row.predictor,
            number(row.fall, 3),
            f"{number(row.lowest, 3)} to {number(row.highest, 3)}",
            DASH if missing(row.folds) else count(row.folds),
        ]
        for row in measured.itertuples()
    ]
    header = ["Cohort", "Input", "Fall of the AUC", "Middle 95 % of the permutations", "Folds that used it"]
    download = stored(results.files["importance"][name], f"importance_{name}.csv")
    return table(f"Inputs of {results.label('models', name)}", header, rows, folded=True, download=download)


def partial_dependence_section(results, captions):
    """Risk by the value of the inputs of the models that the study asked for; None without any."""
    if not results.statistics["partial_dependence"]:
        return None
    blocks = []
    for position, name in enumerate(results.statistics["partial_dependence"]):
        label = results.label("models", name)
        picture = figure(
            results.files["figures"]["partial_dependence"][name],
            alt=f"Mean risk predicted by the model {label} by the value of each of its inputs, by cohort.",
            caption="" if position else captions("partial_dependence"),
            file_name=f"partial_dependence_{name}.svg",
        )
        blocks += [heading(f"Model {label}"), picture, _span_table(results, name)]
    return section("partial_dependence", "Risk by the value of an input", blocks)


def _span_table(results, name):
    """How far every input moves the mean risk, by cohort."""
    measured = results.statistics["partial_dependence"][name]
    rows = [
        [
            cohort_label(cohort),
            predictor,
            number(own["risk"].min(), 3),
            number(own["risk"].max(), 3),
            number(own["risk"].max() - own["risk"].min(), 3),
        ]
        for (predictor, cohort), own in measured.groupby(["predictor", "cohort"], sort=False)
    ]
    header = ["Cohort", "Input", "Lowest mean risk", "Highest mean risk", "Between them"]
    download = stored(results.files["partial_dependence"][name], f"partial_dependence_{name}.csv")
    return table(f"Inputs of {results.label('models', name)}", header, rows, folded=True, download=download)
