FEATURE_STATES = {s: state(f"extract_features.{s}", settings.features(STUDY, s)) for s in SEQUENCES}
CHECKED_STATES = {key: sample_state(*key) for key in STUDY.scans}
HABITAT_FEATURE_STATES = {
    (s, name): state(f"extract_habitats.{s}.{name}", settings.habitat_features(STUDY, s, name))
    for s in SEQUENCES
    for name in STUDY.habitat_sets(s)
}


rule extract_features:
    """Radiomic features of every region and reading of one patient's sequence."""
    input:
        settings=lambda wildcards: FEATURE_STATES[wildcards.sequence],
        sample=lambda wildcards: CHECKED_STATES[wildcards.patient, wildcards.sequence],
        image=rules.normalise_image.output.image,
        upstream=rules.normalise_image.output.record,
        regions=region_files(rules.make_regions.output.regions),
        region_records=region_files(rules.make_regions.output.record),
        code=code("extract_features"),
    output:
        features=f"{RESULTS}/features/{{patient}}/{{sequence}}.csv",
        record=f"{RESULTS}/features/{{patient}}/{{sequence}}.json",
    log:
        f"{RESULTS}/logs/extract_features/{{patient}}.{{sequence}}.log",
    group:
        MEASURE
    threads: 1
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(20),
    params:
        readings=lambda wildcards: STUDY.readings(wildcards.patient, wildcards.sequence),
        scan=scan_name,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --image {input.image:q} --upstream {input.upstream:q}"
        " --regions {input.regions:q} --region-records {input.region_records:q} --readings {params.readings:q}"
        " --sample {input.sample:q} --scan {params.scan:q} --features {output.features:q} --record {output.record:q} > {log:q} 2>&1"


rule extract_habitats:
    """Radiomic features, size and neighbourhood of the habitats of one set in one patient's sequence."""
    input:
        settings=lambda wildcards: HABITAT_FEATURE_STATES[wildcards.sequence, wildcards.habitats],
        sample=lambda wildcards: CHECKED_STATES[wildcards.patient, wildcards.sequence],
        artifact=learnt(rules.fit_habitats.output.artifact),
        image=rules.normalise_image.output.image,
        labels=rules.label_habitats.output.labels,
        upstream=rules.label_habitats.output.record,
        code=code("extract_habitats"),
    output:
        features=f"{RESULTS}/features/{{patient}}/{{sequence}}.{{habitats}}.csv",
        record=f"{RESULTS}/features/{{patient}}/{{sequence}}.{{habitats}}.json",
    log:
        f"{RESULTS}/logs/extract_habitats/{{patient}}.{{sequence}}.{{habitats}}.log",
    group:
        "habitats"
    threads: 1
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(60),
    params:
        reading=lambda wildcards: STUDY.readings(wildcards.patient, wildcards.sequence)[0],
        scan=scan_name,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --artifact {input.artifact:q} --image {input.image:q}"
        " --labels {input.labels:q} --upstream {input.upstream:q} --reading {params.reading:q}"
        " --sample {input.sample:q} --scan {params.scan:q} --features {output.features:q} --record {output.record:q} > {log:q} 2>&1"


COLLECT_STATES = {part: collection(part) for part in PARTS}


rule collect_features:
    """Features of the training (or validation) patients, of their repeated readings, and the quality of their scans."""
    input:
        settings=lambda wildcards: COLLECT_STATES[wildcards.part],
        features=lambda wildcards: expand(
            rules.extract_features.output.features, patient=PARTS[wildcards.part], sequence=SEQUENCES
        ),
        records=lambda wildcards: expand(
            rules.extract_features.output.record, patient=PARTS[wildcards.part], sequence=SEQUENCES
        ),
        habitats=habitats_of_part(rules.extract_habitats.output.features),
        habitat_records=habitats_of_part(rules.extract_habitats.output.record),
        deep=deep_of_part("features"),
        deep_records=deep_of_part("record"),
        code=code("collect_features"),
    output:
        features=f"{RESULTS}/features/{{part}}.parquet",
        readings=f"{RESULTS}/features/{{part}}_readings.parquet",
        quality=f"{RESULTS}/quality/{{part}}.csv",
    log:
        f"{RESULTS}/logs/collect_features/{{part}}.log",
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --features {output.features:q}"
        " --readings {output.readings:q} --quality {output.quality:q} > {log:q} 2>&1"


COLLECTED = rules.collect_features.output


rule assess_reproducibility:
    """Agreement of every feature between readers and between repeated readings, on training patients."""
    input:
        settings=state("assess_reproducibility", settings.reproducibility(STUDY)),
        training=TRAINING,
        readings=expand(rules.collect_features.output.readings, part="training"),
        code=code("assess_reproducibility"),
    output:
        icc=f"{RESULTS}/reproducibility/icc.csv",
        fitted_on=f"{RESULTS}/reproducibility/fitted_on.json",
    log:
        f"{RESULTS}/logs/assess_reproducibility.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --training {input.training:q} --readings {input.readings:q}"
        " --icc {output.icc:q} --fitted-on {output.fitted_on:q} > {log:q} 2>&1"


rule advise_bin_width:
    """Grey-level bins in the tumours of the training patients, with the width used and with others."""
    input:
        settings=state("advise_bin_width", settings.bin_widths(STUDY)),
        features=TRAINING_FEATURES,
        code=code("advise_bin_width"),
    output:
        table=f"{RESULTS}/quality/bin_width.csv",
    log:
        f"{RESULTS}/logs/advise_bin_width.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --features {input.features:q} --table {output.table:q} > {log:q} 2>&1"
