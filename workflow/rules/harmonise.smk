HARMONISED = settings.harmonised_signatures(CONFIG)
HARMONISE_WORDS = {
    name: state(f"figures/harmonise.{name}", settings.harmonisation_figure(STUDY, name)) for name in HARMONISED
}


rule assess_harmonisation:
    """What the ComBat of one signature does: batches, tests between them before and after, principal components."""
    input:
        signature=rules.fit_signature.output.signature,
        features=ALL_FEATURES,
        values=ALL_BATCHES,
        code=code("assess_harmonisation"),
    output:
        batches=f"{RESULTS}/harmonise/{{signature}}/batches.csv",
        summary=f"{RESULTS}/harmonise/{{signature}}/summary.csv",
        tests=f"{RESULTS}/harmonise/{{signature}}/tests.csv",
        components=f"{RESULTS}/harmonise/{{signature}}/components.csv",
    log:
        f"{RESULTS}/logs/assess_harmonisation/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(10),
    shell:
        "python {input.code[0]} --signature {input.signature:q} --features {input.features:q} --values {input.values:q}"
        " --batches {output.batches:q} --summary {output.summary:q} --tests {output.tests:q}"
        " --components {output.components:q} > {log:q} 2>&1"


rule draw_harmonisation:
    """Patients of every batch before and after the ComBat of one signature."""
    input:
        settings=lambda wildcards: HARMONISE_WORDS[wildcards.signature],
        tests=rules.assess_harmonisation.output.tests,
        components=rules.assess_harmonisation.output.components,
        code=code("draw_harmonisation"),
    output:
        figures=figure("harmonise/{signature}", "harmonise", "Features"),
    log:
        f"{RESULTS}/logs/draw_harmonisation/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --tests {input.tests:q} --components {input.components:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"
