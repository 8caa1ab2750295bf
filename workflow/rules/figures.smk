COHORTS = settings.shown_cohorts(STUDY)
FIGURE_WORDS = state("figures/models", settings.model_figures(STUDY))
SHOWN_PATIENTS = settings.shown_patients(STUDY) if STUDY.has_images else []
SIGNATURE_WORDS = {name: state(f"figures/{name}", settings.signature_figures(STUDY, name)) for name in SIGNATURES}


rule draw_flow:
    """Flow of the cohort: screened, excluded with counted reasons, included."""
    input:
        flow=rules.describe_cohort.output.flow,
        code=code("draw_flow"),
    output:
        figures=figure("flow", "flow", "Patients"),
    log:
        f"{RESULTS}/logs/draw_flow.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --flow {input.flow:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_lasso:
    """Cross-validated deviance and coefficient paths of one signature against the penalty."""
    input:
        settings=lambda wildcards: SIGNATURE_WORDS[wildcards.signature],
        path=rules.fit_signature.output.path,
        scores=rules.cross_fit_signature.output.scores,
        code=code("draw_lasso"),
    output:
        figures=figure("lasso/{signature}", "lasso", "Signatures"),
    log:
        f"{RESULTS}/logs/draw_lasso/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --path {input.path:q} --scores {input.scores:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_coefficients:
    """Coefficients of the features that one signature selected."""
    input:
        settings=lambda wildcards: SIGNATURE_WORDS[wildcards.signature],
        coefficients=rules.fit_signature.output.coefficients,
        code=code("draw_coefficients"),
    output:
        figures=figure("coefficients/{signature}", "coefficients", "Signatures"),
    log:
        f"{RESULTS}/logs/draw_coefficients/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --coefficients {input.coefficients:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_nomogram:
    """The nomogram of one model on paper."""
    input:
        settings=state("figures/nomogram", settings.nomogram_words(STUDY)),
        nomogram=NOMOGRAM_FILES["nomogram"],
        ticks=NOMOGRAM_FILES["ticks"],
        code=code("draw_nomogram"),
    output:
        figures=figure("nomogram", "nomogram", "Models"),
    log:
        f"{RESULTS}/logs/draw_nomogram.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --nomogram {input.nomogram:q} --ticks {input.ticks:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule write_nomogram_page:
    """The nomogram to use: set the predictors, read the risk."""
    input:
        settings=state("figures/nomogram", settings.nomogram_words(STUDY)),
        nomogram=NOMOGRAM_FILES["nomogram"],
        code=code("write_nomogram_page"),
    output:
        page=f"{RESULTS}/report/nomogram.html",
    log:
        f"{RESULTS}/logs/write_nomogram_page.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --nomogram {input.nomogram:q} --page {output.page:q} > {log:q} 2>&1"


rule draw_permutation:
    """AUCs of the headline model under permuted outcomes, against the one of the study."""
    input:
        settings=state("figures/permutation", settings.permutation_words(STUDY)),
        areas=rules.merge_permutations.output.areas,
        test=rules.merge_permutations.output.test,
        code=code("draw_permutation"),
    output:
        figures=figure("permutation", "permutation", "Validation"),
    log:
        f"{RESULTS}/logs/draw_permutation.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --areas {input.areas:q} --test {input.test:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule permutation:
    """The permutation test alone; it needs permutations.replicates in the configuration."""
    input:
        permutation_figure,
