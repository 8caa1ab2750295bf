DRAWN = [model["name"] for model in settings.model_figures(STUDY)["models"]]


rule draw_scores:
    """Score of one signature by outcome in every cohort."""
    input:
        settings=lambda wildcards: SIGNATURE_WORDS[wildcards.signature],
        scores=rules.apply_signature.output.scores,
        cross_fitted=rules.cross_fit_signature.output.scores,
        outcome=OUTCOME,
        code=code("draw_scores"),
    output:
        figures=figure("scores/{signature}", "scores", "Signatures"),
    log:
        f"{RESULTS}/logs/draw_scores/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --scores {input.scores:q} --cross-fitted {input.cross_fitted:q}"
        " --outcome {input.outcome:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_roc:
    """ROC curves of the models in one cohort, a panel for each group of them."""
    input:
        settings=state("figures/roc", settings.roc_figure(STUDY)),
        predictions=expand(rules.predict_model.output.predictions, model=settings.drawn_models(CONFIG)),
        metrics=rules.measure_models.output.metrics,
        code=code("draw_roc"),
    output:
        figures=figure("roc/{cohort}", "roc", "Validation"),
    log:
        f"{RESULTS}/logs/draw_roc/{{cohort}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --predictions {input.predictions:q}"
        " --metrics {input.metrics:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_calibration:
    """Calibration curves of the (first group of) models in one cohort."""
    input:
        settings=FIGURE_WORDS,
        predictions=expand(rules.predict_model.output.predictions, model=DRAWN),
        measures=rules.measure_calibration.output.measures,
        bootstrap=expand(rules.merge_bootstrap.output.statistics, model=DRAWN if BOOTSTRAPPED else []),
        curves=rules.measure_calibration.output.curves,
        code=code("draw_calibration"),
    output:
        figures=figure("calibration/{cohort}", "calibration", "Validation"),
    log:
        f"{RESULTS}/logs/draw_calibration/{{cohort}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --predictions {input.predictions:q}"
        " --bootstrap {input.bootstrap:q} --measures {input.measures:q} --curves {input.curves:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_decision:
    """Decision curves of the (first group of) models in one cohort."""
    input:
        settings=FIGURE_WORDS,
        curves=rules.measure_decision.output.curves,
        code=code("draw_decision"),
    output:
        figures=figure("decision/{cohort}", "decision", "Validation"),
    log:
        f"{RESULTS}/logs/draw_decision/{{cohort}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --cohort {wildcards.cohort:q} --curves {input.curves:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_classifiers:
    """AUC of every classifier of every model that chose among several, a panel for each cohort."""
    input:
        settings=state("figures/classifiers", settings.classifier_figure(STUDY)),
        areas=rules.measure_choice.output.table,
        code=code("draw_classifiers"),
    output:
        figures=figure("classifiers", "classifiers", "Validation"),
    log:
        f"{RESULTS}/logs/draw_classifiers.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --areas {input.areas:q} --figures {output.figures:q} > {log:q} 2>&1"


IMPORTANCE_WORDS = {
    name: state(f"figures/importance.{name}", settings.importance_figure(STUDY, name)) for name in EXPLAINED
}


rule draw_importance:
    """Fall of a model's AUC when one of its inputs is dealt out anew, in every cohort it has not seen."""
    input:
        settings=lambda wildcards: IMPORTANCE_WORDS[wildcards.model],
        table=rules.measure_importance.output.table,
        code=code("draw_importance"),
    output:
        figures=figure("importance/{model}", "importance", "Validation"),
    log:
        f"{RESULTS}/logs/draw_importance/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --table {input.table:q} --figures {output.figures:q} > {log:q} 2>&1"


PARTIAL_WORDS = {
    name: state(f"figures/partial_dependence.{name}", settings.partial_dependence_figure(STUDY, name))
    for name in SHOWN_INPUTS
}


rule draw_partial_dependence:
    """Mean predicted risk by the value of every input of a model, in the cohorts it has not seen."""
    input:
        settings=lambda wildcards: PARTIAL_WORDS[wildcards.model],
        table=rules.measure_partial_dependence.output.table,
        code=code("draw_partial_dependence"),
    output:
        figures=figure("partial_dependence/{model}", "partial_dependence", "Validation"),
    log:
        f"{RESULTS}/logs/draw_partial_dependence/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --table {input.table:q} --figures {output.figures:q} > {log:q} 2>&1"


JUDGED_FIGURES = {
    "partial_dependence": {
        name: filled(rules.draw_partial_dependence.output.figures[1], model=name) for name in SHOWN_INPUTS
    },
    "importance": {name: filled(rules.draw_importance.output.figures[1], model=name) for name in EXPLAINED},
    "classifiers": rules.draw_classifiers.output.figures[1] if CHOOSING else None,
    "scores": of_signatures(rules.draw_scores),
    "roc": of_cohorts(rules.draw_roc),
    "calibration": of_cohorts(rules.draw_calibration),
    "decision": of_cohorts(rules.draw_decision),
}
