# Nested habitats, in the order the data flow: each patient's local features, a model of the cohort, each patient's map. From there on
# the subregions are habitats like others (same files), so that extraction, signatures, models and figures know nothing of it.
NEIGHBOURHOOD_STATES = {
    name: state(f"measure_neighbourhoods.{name}", nested_settings.neighbourhoods(STUDY, name)) for name in NESTED
}
NESTED_STATES = {name: state(f"fit_nested.{name}", nested_settings.nested_fit(STUDY, name)) for name in NESTED}


rule measure_neighbourhoods:
    """Mean and spread of every local feature over the tumour of one training patient."""
    input:
        settings=lambda wildcards: NEIGHBOURHOOD_STATES[wildcards.habitats],
        images=scans_of_set(rules.normalise_image.output.image),
        records=scans_of_set(rules.normalise_image.output.record),
        regions=regions_of_set(rules.make_regions.output.regions),
        region_record=regions_of_set(rules.make_regions.output.record),
        code=code("measure_neighbourhoods"),
    output:
        moments=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/moments.json",
        record=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/moments.record.json",
    log:
        f"{RESULTS}/logs/measure_neighbourhoods/{{habitats}}.{{patient}}.log",
    group:
        MEASURE
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --images {input.images:q} --records {input.records:q}"
        " --regions {input.regions:q} --region-record {input.region_record:q}"
        " --moments {output.moments:q} --record {output.record:q} > {log:q} 2>&1"


rule fit_nested:
    """Support vector machine of the training patients' tumours, and one for each fold that did not see its patients."""
    input:
        settings=lambda wildcards: NESTED_STATES[wildcards.habitats],
        training=TRAINING,
        outcome=TRAINING_OUTCOME,
        features=nested_scans(rules.extract_features.output.features),
        feature_records=nested_scans(rules.extract_features.output.record),
        moments=expand(
            rules.measure_neighbourhoods.output.moments, patient=STUDY.in_cohort("train"), allow_missing=True
        ),
        records=expand(rules.measure_neighbourhoods.output.record, patient=STUDY.in_cohort("train"), allow_missing=True),
        code=code("fit_nested"),
    output:
        artifact=rules.fit_habitats.output.artifact,
        scales=f"{RESULTS}/habitats/{{habitats}}/scales.csv",
    log:
        f"{RESULTS}/logs/fit_nested/{{habitats}}.log",
    wildcard_constraints:
        habitats=one_of(NESTED),
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        features=lambda wildcards: rules.extract_features.output.features,
        feature_records=lambda wildcards: rules.extract_features.output.record,
        moments=lambda wildcards: rules.measure_neighbourhoods.output.moments,
        records=lambda wildcards: rules.measure_neighbourhoods.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --training {input.training:q} --habitats {wildcards.habitats:q}"
        " --outcome {input.outcome:q} --features {params.features:q} --feature-records {params.feature_records:q}"
        " --moments {params.moments:q} --records {params.records:q} --artifact {output.artifact:q}"
        " --scales {output.scales:q} > {log:q} 2>&1"


rule map_microregion:
    """Probability at every voxel of one tumour, and its subregions, the most active one last."""
    input:
        settings=rules.measure_neighbourhoods.input.settings,
        artifact=learnt(rules.fit_nested.output.artifact),
        images=rules.measure_neighbourhoods.input.images,
        records=rules.measure_neighbourhoods.input.records,
        regions=rules.measure_neighbourhoods.input.regions,
        region_record=rules.measure_neighbourhoods.input.region_record,
        code=code("map_microregion"),
    output:
        labels=rules.label_habitats.output.labels,
        record=rules.label_habitats.output.record,
        shown=f"{RESULTS}/habitats/{{habitats}}/{{patient}}/probability_slice.nii.gz",
        map=(
            f"{RESULTS}/habitats/{{habitats}}/{{patient}}/probability.nii.gz"
            if nested_settings.writes_maps(CONFIG)
            else []
        ),
    log:
        f"{RESULTS}/logs/map_microregion/{{habitats}}.{{patient}}.log",
    wildcard_constraints:
        habitats=one_of(NESTED),
    group:
        "habitats"
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --patient {wildcards.patient:q}"
        " --images {input.images:q} --records {input.records:q} --regions {input.regions:q}"
        " --region-record {input.region_record:q} --labels {output.labels:q} --shown {output.shown:q}"
        " --map {output.map:q} --record {output.record:q} > {log:q} 2>&1"


rule draw_probability:
    """Probability map of one patient between the plain slices and the subregions."""
    input:
        settings=lambda wildcards: HABITAT_WORDS[wildcards.habitats],
        artifact=learnt(rules.fit_nested.output.artifact),
        images=scans_of_set(rules.normalise_image.output.image),
        labels=rules.map_microregion.output.labels,
        shown=rules.map_microregion.output.shown,
        record=rules.map_microregion.output.record,
        code=code("draw_probability"),
    output:
        figures=figure("habitats/{habitats}/probability/{patient}", "nested_map", "Habitats"),
    log:
        f"{RESULTS}/logs/draw_probability/{{habitats}}.{{patient}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --patient {wildcards.patient:q} --artifact {input.artifact:q}"
        " --images {input.images:q} --labels {input.labels:q} --shown {input.shown:q} --record {input.record:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_probability_montage:
    """Probability maps of all patients with the contour of the most active microregion."""
    input:
        settings=lambda wildcards: HABITAT_PATIENTS[wildcards.habitats],
        artifact=learnt(rules.fit_nested.output.artifact),
        images=first_scans(rules.normalise_image.output.image),
        labels=expand(rules.map_microregion.output.labels, patient=PATIENTS, allow_missing=True),
        shown=expand(rules.map_microregion.output.shown, patient=PATIENTS, allow_missing=True),
        records=expand(rules.map_microregion.output.record, patient=PATIENTS, allow_missing=True),
        code=code("draw_probability_montage"),
    output:
        figures=[probability_page(number) for number in settings.montage_pages(STUDY)],
    log:
        f"{RESULTS}/logs/draw_probability_montage/{{habitats}}.log",
    threads: 1
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --images {input.images:q}"
        " --labels {input.labels:q} --shown {input.shown:q} --records {input.records:q} --figures {output.figures:q} > {log:q} 2>&1"


if IS_DEMO:

    rule compare_planted:
        """Dice of the most active microregion with the planted aggressive subregion, by patient and cohort."""
        input:
            settings=state("compare_planted", nested_settings.planted(STUDY)),
            artifact=learnt(rules.fit_nested.output.artifact),
            labels=expand(rules.map_microregion.output.labels, patient=PATIENTS, allow_missing=True),
            records=expand(rules.map_microregion.output.record, patient=PATIENTS, allow_missing=True),
            planted=expand(rules.simulate_patient.output.subregions, patient=PATIENTS),
            code=code("compare_planted"),
        output:
            table=f"{RESULTS}/habitats/{{habitats}}/planted_patients.csv",
            summary=f"{RESULTS}/habitats/{{habitats}}/planted.csv",
        log:
            f"{RESULTS}/logs/compare_planted/{{habitats}}.log",
        threads: 1
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(5),
        shell:
            "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --labels {input.labels:q}"
            " --records {input.records:q} --planted {input.planted:q} --table {output.table:q} --summary {output.summary:q} > {log:q} 2>&1"
