SURVIVAL_WORDS = state("figures/survival", survival_settings.figure_words(STUDY))
HORIZONS = [f"{horizon:g}" for horizon in survival_settings.horizons(STUDY)]
SUBGROUPS = CONFIG["validation"]["subgroups"]
DRAWN_PREDICTIONS = expand(rules.predict_model.output.predictions, model=DRAWN)
DRAWN_BOOTSTRAP = DRAWN if BOOTSTRAPPED else []


wildcard_constraints:
    horizon=r"[0-9.]+",
    subgroup=r"[A-Za-z0-9][A-Za-z0-9_-]*",


rule draw_kaplan_meier:
    """Survival of the risk groups of one model, by cohort or within the levels of a clinical variable."""
    input:
        settings=SURVIVAL_WORDS,
        compared=rules.compare_risk_groups.output.compared,
        curves=rules.compare_risk_groups.output.curves,
        code=code("draw_kaplan_meier"),
    output:
        figures=figure("kaplan_meier/{model}.{subgroup}", "kaplan_meier", "Validation"),
    log:
        f"{RESULTS}/logs/draw_kaplan_meier/{{model}}.{{subgroup}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --model {wildcards.model:q} --subgroup {wildcards.subgroup:q}"
        " --compared {input.compared:q} --curves {input.curves:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_time_auc:
    """AUC over time of the (first group of) models in one cohort."""
    input:
        settings=SURVIVAL_WORDS,
        predictions=DRAWN_PREDICTIONS[0],
        metrics=rules.measure_survival.output.metrics,
        areas=rules.measure_survival.output.areas,
        code=code("draw_time_auc"),
    output:
        figures=figure("time_auc/{cohort}", "time_auc", "Validation"),
    log:
        f"{RESULTS}/logs/draw_time_auc/{{cohort}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --predictions {input.predictions:q}"
        " --metrics {input.metrics:q} --areas {input.areas:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_prediction_error:
    """Prediction error over time of the (first group of) models in one cohort."""
    input:
        settings=SURVIVAL_WORDS,
        predictions=DRAWN_PREDICTIONS[0],
        metrics=rules.measure_survival.output.metrics,
        errors=rules.measure_survival.output.errors,
        corrected=expand(rules.merge_bootstrap.output.errors, model=DRAWN_BOOTSTRAP),
        bootstrap=expand(rules.merge_bootstrap.output.statistics, model=DRAWN_BOOTSTRAP),
        code=code("draw_prediction_error"),
    output:
        figures=figure("prediction_error/{cohort}", "prediction_error", "Validation"),
    log:
        f"{RESULTS}/logs/draw_prediction_error/{{cohort}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --predictions {input.predictions:q}"
        " --metrics {input.metrics:q} --errors {input.errors:q} --corrected {input.corrected:q}"
        " --bootstrap {input.bootstrap:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_survival_calibration:
    """Calibration of the (first group of) models by one horizon in one cohort."""
    input:
        settings=SURVIVAL_WORDS,
        predictions=DRAWN_PREDICTIONS,
        measures=rules.measure_survival_calibration.output.measures,
        curves=rules.measure_survival_calibration.output.curves,
        groups=rules.measure_survival_calibration.output.groups,
        code=code("draw_survival_calibration"),
    output:
        figures=figure("calibration/{cohort}.{horizon}", "survival_calibration", "Validation"),
    log:
        f"{RESULTS}/logs/draw_survival_calibration/{{cohort}}.{{horizon}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --horizon {wildcards.horizon:q}"
        " --predictions {input.predictions:q} --measures {input.measures:q} --curves {input.curves:q}"
        " --groups {input.groups:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_survival_decision:
    """Decision curves of the (first group of) models by one horizon in one cohort."""
    input:
        settings=SURVIVAL_WORDS,
        curves=rules.measure_survival_decision.output.curves,
        code=code("draw_survival_decision"),
    output:
        figures=figure("decision/{cohort}.{horizon}", "survival_decision", "Validation"),
    log:
        f"{RESULTS}/logs/draw_survival_decision/{{cohort}}.{{horizon}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --horizon {wildcards.horizon:q}"
        " --curves {input.curves:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_risk_cut:
    """The search for the cut of one model's score on the training patients."""
    input:
        scores=rules.score_training.output.table,
        code=code("draw_risk_cut"),
    output:
        figures=figure("risk_cut/{model}", "risk_cut", "Models"),
    log:
        f"{RESULTS}/logs/draw_risk_cut/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --scores {input.scores:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_forest:
    """Hazard ratios of scores and clinical variables, alone and together, in one cohort."""
    input:
        settings=state("figures/forest", survival_settings.forest_words(STUDY)),
        factors=rules.describe_scores.output.table,
        code=code("draw_forest"),
    output:
        figures=figure("forest/{cohort}", "forest", "Validation"),
    log:
        f"{RESULTS}/logs/draw_forest/{{cohort}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --factors {input.factors:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


JUDGED_FIGURES = {
    "kaplan_meier": {
        model: filled(rules.draw_kaplan_meier.output.figures[1], model=model, subgroup="all") for model in DRAWN
    },
    "subgroups": {
        name: filled(rules.draw_kaplan_meier.output.figures[1], model=HEADLINE, subgroup=name) for name in SUBGROUPS
    },
    "time_auc": of_cohorts(rules.draw_time_auc),
    "prediction_error": of_cohorts(rules.draw_prediction_error),
    "survival_calibration": of_cohorts_by_horizon(rules.draw_survival_calibration, HORIZONS),
    "survival_decision": of_cohorts_by_horizon(rules.draw_survival_decision, HORIZONS),
    "risk_cut": filled(rules.draw_risk_cut.output.figures[1], model=HEADLINE),
    "forest": {
        cohort: filled(rules.draw_forest.output.figures[1], cohort=cohort) for cohort in COHORTS if cohort != "train_cv"
    },
}
