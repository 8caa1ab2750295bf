from habitat_radiomics import survival_settings

DRAWN = survival_settings.drawn_models(STUDY)
SCORE_SIGNATURES = survival_settings.score_signatures(CONFIG)
SURVIVAL = expand(rules.predict_model.output.survival, model=MODELS)


rule measure_survival:
    """Concordance, AUC over time and prediction error of every model in every cohort, and the tests between models."""
    input:
        settings=state("measure_survival", survival_settings.validation(STUDY)),
        predictions=PREDICTIONS,
        survival=SURVIVAL,
        code=code("measure_survival"),
    output:
        metrics=f"{RESULTS}/validate/metrics.csv",
        comparisons=f"{RESULTS}/validate/comparisons.csv",
        table=f"{RESULTS}/validate/model_table.csv",
        areas=f"{RESULTS}/validate/time_auc.csv",
        errors=f"{RESULTS}/validate/prediction_error.csv",
    log:
        f"{RESULTS}/logs/measure_survival.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q} --survival {input.survival:q}"
        " --metrics {output.metrics:q} --comparisons {output.comparisons:q} --table {output.table:q}"
        " --areas {output.areas:q} --errors {output.errors:q} > {log:q} 2>&1"


rule judge_sample_size:
    """Events among the training patients for every model, and how many patients it would have needed."""
    input:
        settings=state("judge_sample_size", survival_settings.audit(STUDY)),
        metrics=rules.measure_survival.output.metrics,
        coefficients=expand(rules.fit_model.output.coefficients, model=MODELS),
        funnels=expand(rules.fit_signature.output.funnel, signature=SIGNATURES),
        outcome=TRAINING_OUTCOME,
        code=code("judge_survival_sample_size"),
    output:
        table=f"{RESULTS}/validate/sample_size.csv",
    log:
        f"{RESULTS}/logs/judge_sample_size.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --metrics {input.metrics:q} --coefficients {input.coefficients:q}"
        " --funnels {input.funnels:q} --outcome {input.outcome:q} --table {output.table:q} > {log:q} 2>&1"


rule measure_survival_calibration:
    """Whether as many patients have the event by every horizon as every model says, with the smooth curves."""
    input:
        settings=state("measure_survival_calibration", survival_settings.calibration(STUDY)),
        predictions=PREDICTIONS,
        corrected=BOOTSTRAP_CALIBRATION,
        code=code("measure_survival_calibration"),
    output:
        measures=f"{RESULTS}/validate/calibration.csv",
        curves=f"{RESULTS}/validate/calibration_curves.csv",
        groups=f"{RESULTS}/validate/calibration_groups.csv",
    log:
        f"{RESULTS}/logs/measure_survival_calibration.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --corrected {input.corrected:q} --measures {output.measures:q} --curves {output.curves:q}"
        " --groups {output.groups:q} > {log:q} 2>&1"


rule measure_survival_decision:
    """What acting on the risk by every horizon is worth, by threshold probability (decision curves)."""
    input:
        settings=state("measure_survival_decision", survival_settings.decision(STUDY)),
        predictions=expand(rules.predict_model.output.predictions, model=DRAWN),
        code=code("measure_survival_decision"),
    output:
        curves=f"{RESULTS}/validate/decision.csv",
    log:
        f"{RESULTS}/logs/measure_survival_decision.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --curves {output.curves:q} > {log:q} 2>&1"


rule compare_risk_groups:
    """Survival of high and low risk patients of every model, by cohort and within clinical subgroups."""
    input:
        settings=state("compare_risk_groups", survival_settings.risk_groups(STUDY)),
        predictions=PREDICTIONS,
        cutoffs=expand(rules.fit_model.output.cutoff, model=MODELS),
        clinical=CLINICAL,
        code=code("compare_risk_groups"),
    output:
        compared=f"{RESULTS}/validate/risk_groups.csv",
        curves=f"{RESULTS}/validate/kaplan_meier.csv",
        at_horizons=f"{RESULTS}/validate/survival_at_horizons.csv",
    log:
        f"{RESULTS}/logs/compare_risk_groups.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q} --cutoffs {input.cutoffs:q}"
        " --clinical {input.clinical:q} --compared {output.compared:q} --curves {output.curves:q}"
        " --at-horizons {output.at_horizons:q} > {log:q} 2>&1"


rule describe_scores:
    """Hazard ratios of the scores beside clinical variables, in every cohort."""
    input:
        settings=state("describe_scores", survival_settings.score_factors(STUDY)),
        scores=expand(rules.apply_signature.output.scores, signature=SCORE_SIGNATURES),
        cross_fitted=expand(rules.cross_fit_signature.output.scores, signature=SCORE_SIGNATURES),
        outcome=OUTCOME,
        clinical=CLINICAL,
        code=code("describe_scores"),
    output:
        table=f"{RESULTS}/validate/score_factors.csv",
        summary=f"{RESULTS}/validate/score_factors.json",
    log:
        f"{RESULTS}/logs/describe_scores.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --scores {input.scores:q} --cross-fitted {input.cross_fitted:q}"
        " --outcome {input.outcome:q} --clinical {input.clinical:q} --table {output.table:q}"
        " --summary {output.summary:q} > {log:q} 2>&1"


rule score_training:
    """Training scores on which the cut of a model was sought."""
    input:
        settings=lambda wildcards: MODEL_STATES[wildcards.model],
        model=rules.fit_model.output.model,
        cutoff=rules.fit_model.output.cutoff,
        outcome=TRAINING_OUTCOME,
        clinical=TRAINING_CLINICAL,
        quality=TRAINING_QUALITY,
        scores=training_scores,
        code=code("score_training"),
    output:
        table=f"{RESULTS}/train/{{model}}/cut_scores.csv",
    log:
        f"{RESULTS}/logs/score_training/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --model {input.model:q} --cutoff {input.cutoff:q}"
        " --outcome {input.outcome:q} --clinical {input.clinical:q} --quality {input.quality:q} --scores {input.scores:q}"
        " --table {output.table:q} > {log:q} 2>&1"


rule audit_survival:
    """Proof that the printed numbers follow from the stored predictions; the run stops here when one does not."""
    input:
        settings=state("audit_survival", survival_settings.audit(STUDY)),
        predictions=PREDICTIONS,
        survival=SURVIVAL,
        cutoffs=expand(rules.fit_model.output.cutoff, model=MODELS),
        metrics=rules.measure_survival.output.metrics,
        comparisons=rules.measure_survival.output.comparisons,
        compared=rules.compare_risk_groups.output.compared,
        steps=rules.compare_risk_groups.output.curves,
        funnels=expand(rules.fit_signature.output.funnel, signature=SIGNATURES),
        flow=rules.describe_cohort.output.flow,
        code=code("audit_survival"),
    output:
        checks=f"{RESULTS}/quality/audit.csv",
    log:
        f"{RESULTS}/logs/audit_survival.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q} --survival {input.survival:q}"
        " --cutoffs {input.cutoffs:q} --metrics {input.metrics:q} --comparisons {input.comparisons:q}"
        " --compared {input.compared:q} --steps {input.steps:q} --funnels {input.funnels:q} --flow {input.flow:q}"
        " --checks {output.checks:q} > {log:q} 2>&1"


# What the report shows of the validation.
JUDGED = {
    "metrics": rules.measure_survival.output.metrics,
    "model_table": rules.measure_survival.output.table,
    "comparisons": rules.measure_survival.output.comparisons,
    "calibration": rules.measure_survival_calibration.output.measures,
    "sample_size": rules.judge_sample_size.output.table,
    "risk_groups": rules.compare_risk_groups.output.compared,
    "at_horizons": rules.compare_risk_groups.output.at_horizons,
    "score_factors": rules.describe_scores.output.table,
    "score_factors_summary": rules.describe_scores.output.summary,
    "bootstrap": dict(zip(BOOTSTRAPPED, BOOTSTRAP_STATISTICS)),
    "fixed_features": dict(zip(BOOTSTRAPPED, BOOTSTRAP_FIXED)),
    "frequency": dict(zip(BOOTSTRAPPED, BOOTSTRAP_FREQUENCIES)),
    "decision": rules.measure_survival_decision.output.curves,
    "audit": rules.audit_survival.output.checks,
}
