HABITATS, NESTED = list(CONFIG["habitats"]), list(CONFIG["nested"])
SETS = [*HABITATS, *NESTED]
SAMPLE_STATES = {name: state(f"sample_voxels.{name}", settings.habitat_sample(STUDY, name)) for name in HABITATS}
HABITAT_STATES = {name: state(f"fit_habitats.{name}", settings.habitat_fit(STUDY, name)) for name in HABITATS}
HABITAT_WORDS = {name: state(f"figures/habitats.{name}", settings.habitat_figures(STUDY, name)) for name in SETS}
HABITAT_PATIENTS = {
    name: state(f"figures/habitats.{name}.patients", settings.habitat_patients(STUDY, name)) for name in SETS
}
PERTURBATION_STATES = {
    name: state(f"perturb_habitats.{name}", settings.habitat_perturbation(STUDY, name)) for name in HABITATS
}
STABILITY_STATES = {
    name: state(f"assess_habitat_stability.{name}", settings.habitat_stability(STUDY, name)) for name in HABITATS
}


rule sample_voxels:
    """A sample of one patient's tumour voxels for a set of habitats."""
    input:
        settings=lambda wildcards: SAMPLE_STATES[wildcards.habitats],
        images=scans_of_set(rules.normalise_image.output.image),
        records=scans_of_set(rules.normalise_image.output.record),
        regions=regions_of_set(rules.make_regions.output.regions),
        region_record=regions_of_set(rules.make_regions.output.record),
        code=code("sample_voxels"),
    output:
        sample=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/sample.npy",
        record=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/sample.json",
    log:
        f"{RESULTS}/logs/sample_voxels/{{habitats}}.{{patient}}.log",
    group:
        MEASURE
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --images {input.images:q} --records {input.records:q}"
        " --regions {input.regions:q} --region-record {input.region_record:q}"
        " --sample {output.sample:q} --record {output.record:q} > {log:q} 2>&1"


rule fit_habitats:
    """Number, centres and names of the habitats of a set, learnt from the training patients."""
    input:
        settings=lambda wildcards: HABITAT_STATES[wildcards.habitats],
        training=TRAINING,
        samples=expand(rules.sample_voxels.output.sample, patient=STUDY.in_cohort("train"), allow_missing=True),
        records=expand(rules.sample_voxels.output.record, patient=STUDY.in_cohort("train"), allow_missing=True),
        code=code("fit_habitats"),
    output:
        artifact=f"{RESULTS}/habitats/{{habitats}}/habitats.json",
        curve=f"{RESULTS}/habitats/{{habitats}}/count.csv",
    log:
        f"{RESULTS}/logs/fit_habitats/{{habitats}}.log",
    wildcard_constraints:
        habitats=one_of(HABITATS),
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        samples=lambda wildcards: rules.sample_voxels.output.sample,
        records=lambda wildcards: rules.sample_voxels.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --training {input.training:q} --habitats {wildcards.habitats:q}"
        " --samples {params.samples:q} --records {params.records:q} --artifact {output.artifact:q}"
        " --curve {output.curve:q} > {log:q} 2>&1"


rule label_habitats:
    """Habitats of one patient as labels on the grid of the preprocessed image."""
    input:
        artifact=learnt(rules.fit_habitats.output.artifact),
        images=rules.sample_voxels.input.images,
        records=rules.sample_voxels.input.records,
        regions=rules.sample_voxels.input.regions,
        region_record=rules.sample_voxels.input.region_record,
        code=code("label_habitats"),
    output:
        labels=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/labels.nii.gz",
        record=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/labels.json",
    log:
        f"{RESULTS}/logs/label_habitats/{{habitats}}.{{patient}}.log",
    wildcard_constraints:
        habitats=one_of(HABITATS),
    group:
        "habitats"
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --artifact {input.artifact:q} --images {input.images:q} --records {input.records:q}"
        " --regions {input.regions:q} --region-record {input.region_record:q}"
        " --labels {output.labels:q} --record {output.record:q} > {log:q} 2>&1"


rule collect_habitats:
    """Shares of the habitats in the tumours of all patients."""
    input:
        settings=lambda wildcards: HABITAT_PATIENTS[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        records=expand(rules.label_habitats.output.record, patient=PATIENTS, allow_missing=True),
        code=code("collect_habitats"),
    output:
        shares=f"{RESULTS}/habitats/{{habitats}}/shares.csv",
    log:
        f"{RESULTS}/logs/collect_habitats/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        records=lambda wildcards: rules.label_habitats.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --habitats {wildcards.habitats:q} --artifact {input.artifact:q}"
        " --records {params.records:q} --shares {output.shares:q} > {log:q} 2>&1"


rule draw_habitats:
    """Habitats of one patient beside the plain slice of every sequence of a set."""
    input:
        settings=lambda wildcards: HABITAT_WORDS[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        images=scans_of_set(rules.normalise_image.output.image),
        labels=rules.label_habitats.output.labels,
        record=rules.label_habitats.output.record,
        code=code("draw_habitats"),
    output:
        figures=figure("habitats/{habitats}/overlays/{patient}", "habitats", "Habitats"),
    log:
        f"{RESULTS}/logs/draw_habitats/{{habitats}}.{{patient}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --patient {wildcards.patient:q} --artifact {input.artifact:q}"
        " --images {input.images:q} --labels {input.labels:q} --record {input.record:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_habitat_montage:
    """Habitats of all patients, on the first sequence of a set."""
    input:
        settings=lambda wildcards: HABITAT_PATIENTS[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        images=first_scans(rules.normalise_image.output.image),
        labels=expand(rules.label_habitats.output.labels, patient=PATIENTS, allow_missing=True),
        records=expand(rules.label_habitats.output.record, patient=PATIENTS, allow_missing=True),
        code=code("draw_habitat_montage"),
    output:
        figures=[montage_page(number) for number in settings.montage_pages(STUDY)],
    log:
        f"{RESULTS}/logs/draw_habitat_montage/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --images {input.images:q}"
        " --labels {input.labels:q} --records {input.records:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_habitat_centres:
    """Where the centres of the habitats lie in each sequence."""
    input:
        settings=lambda wildcards: HABITAT_WORDS[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        code=code("draw_habitat_centres"),
    output:
        figures=figure("habitats/{habitats}/centres", "habitats_centres", "Habitats"),
    log:
        f"{RESULTS}/logs/draw_habitat_centres/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_habitat_count:
    """The criterion by which the number of habitats was chosen."""
    input:
        settings=lambda wildcards: HABITAT_WORDS[wildcards.habitats],
        curve=rules.fit_habitats.output.curve,
        code=code("draw_habitat_count"),
    output:
        figures=figure("habitats/{habitats}/count", "habitats_count", "Habitats"),
    log:
        f"{RESULTS}/logs/draw_habitat_count/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --curve {input.curve:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_habitat_fractions:
    """Shares of the habitats by outcome."""
    input:
        settings=lambda wildcards: HABITAT_WORDS[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        shares=rules.collect_habitats.output.shares,
        outcome=OUTCOME,
        code=code("draw_habitat_fractions"),
    output:
        figures=figure("habitats/{habitats}/fractions", "habitats_fractions", "Habitats"),
    log:
        f"{RESULTS}/logs/draw_habitat_fractions/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --shares {input.shares:q}"
        " --outcome {input.outcome:q} --figures {output.figures:q} > {log:q} 2>&1"


rule refit_habitats:
    """A set of habitats learnt again: one fewer, one more, another draw of voxels and starts, half of the patients."""
    input:
        settings=state("refit_habitats", settings.habitat_refit(STUDY)),
        training=TRAINING,
        samples=rules.fit_habitats.input.samples,
        records=rules.fit_habitats.input.records,
        artifact=learnt(rules.fit_habitats.output.artifact),
        code=code("refit_habitats"),
    output:
        again=f"{RESULTS}/habitats/{{habitats}}/again.json",
    log:
        f"{RESULTS}/logs/refit_habitats/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        samples=lambda wildcards: rules.sample_voxels.output.sample,
        records=lambda wildcards: rules.sample_voxels.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --training {input.training:q} --habitats {wildcards.habitats:q}"
        " --samples {params.samples:q} --records {params.records:q} --artifact {input.artifact:q}"
        " --again {output.again:q} > {log:q} 2>&1"


rule perturb_habitats:
    """Habitats of one training patient and their features under changes that should not matter."""
    input:
        settings=lambda wildcards: PERTURBATION_STATES[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        again=rules.refit_habitats.output.again,
        images=rules.sample_voxels.input.images,
        records=rules.sample_voxels.input.records,
        regions=rules.sample_voxels.input.regions,
        region_record=rules.sample_voxels.input.region_record,
        code=code("perturb_habitats"),
    output:
        agreement=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/perturbed.csv",
        features=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/perturbed_features.csv",
        record=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/perturbed.json",
    log:
        f"{RESULTS}/logs/perturb_habitats/{{habitats}}.{{patient}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --again {input.again:q}"
        " --images {input.images:q} --records {input.records:q} --regions {input.regions:q}"
        " --region-record {input.region_record:q} --agreement {output.agreement:q} --features {output.features:q}"
        " --record {output.record:q} > {log:q} 2>&1"


rule assess_habitat_stability:
    """Agreement of habitats, and intraclass correlation of their features, under changes that should not matter."""
    input:
        settings=lambda wildcards: STABILITY_STATES[wildcards.habitats],
        agreements=stability_files(rules.perturb_habitats.output.agreement),
        features=stability_files(rules.perturb_habitats.output.features),
        records=stability_files(rules.perturb_habitats.output.record),
        code=code("assess_habitat_stability"),
    output:
        stability=f"{RESULTS}/habitats/{{habitats}}/stability.csv",
        features=f"{RESULTS}/habitats/{{habitats}}/feature_stability.csv",
        fitted_on=f"{RESULTS}/habitats/{{habitats}}/feature_stability.json",
    log:
        f"{RESULTS}/logs/assess_habitat_stability/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    params:
        agreements=lambda wildcards: rules.perturb_habitats.output.agreement,
        features=lambda wildcards: rules.perturb_habitats.output.features,
        records=lambda wildcards: rules.perturb_habitats.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --habitats {wildcards.habitats:q}"
        " --agreements {params.agreements:q} --features {params.features:q} --records {params.records:q}"
        " --stability {output.stability:q} --feature-stability {output.features:q}"
        " --fitted-on {output.fitted_on:q} > {log:q} 2>&1"


rule draw_habitat_stability:
    """Dice and adjusted Rand index of the habitats, and stability of their features, under every change."""
    input:
        settings=lambda wildcards: HABITAT_WORDS[wildcards.habitats],
        artifact=learnt(rules.fit_habitats.output.artifact),
        stability=rules.assess_habitat_stability.output.stability,
        features=rules.assess_habitat_stability.output.features,
        code=code("draw_habitat_stability"),
    output:
        figures=figure("habitats/{habitats}/stability", "habitats_stability", "Habitats"),
    log:
        f"{RESULTS}/logs/draw_habitat_stability/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q}"
        " --stability {input.stability:q} --features {input.features:q} --figures {output.figures:q} > {log:q} 2>&1"
