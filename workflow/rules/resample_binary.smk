MERGE_STATES = {name: state(f"merge_bootstrap.{name}", settings.merged_bootstrap(STUDY, name)) for name in MODELS}


rule merge_bootstrap:
    """What a model owes to being measured where it was fitted, and how often each feature was selected."""
    input:
        settings=lambda wildcards: MERGE_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        predictions=expand(rules.bootstrap_model.output.predictions, chunk=BOOTSTRAP_CHUNKS, allow_missing=True),
        selected=expand(rules.bootstrap_model.output.selected, chunk=BOOTSTRAP_CHUNKS, allow_missing=True),
        code=code("merge_bootstrap"),
    output:
        statistics=f"{RESULTS}/validate/{{model}}/bootstrap.csv",
        curve=f"{RESULTS}/validate/{{model}}/bootstrap_curve.csv",
        frequency=f"{RESULTS}/validate/{{model}}/selection_frequency.csv",
    log:
        f"{RESULTS}/logs/merge_bootstrap/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --predictions {input.predictions:q}"
        " --selected {input.selected:q} --statistics {output.statistics:q} --curve {output.curve:q}"
        " --frequency {output.frequency:q} > {log:q} 2>&1"


BOOTSTRAP_STATISTICS = expand(rules.merge_bootstrap.output.statistics, model=BOOTSTRAPPED)
BOOTSTRAP_CURVES = expand(rules.merge_bootstrap.output.curve, model=BOOTSTRAPPED)
BOOTSTRAP_FREQUENCIES = expand(rules.merge_bootstrap.output.frequency, model=BOOTSTRAPPED)
