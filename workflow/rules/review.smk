# Pages to look at every patient: part of the study when the report links to them, else on request (`snakemake review`).
REVIEW_PARTS = [path for path in PAGE_PARTS if Path(path).name == "page.css" or path not in REPORT_PARTS]
REVIEW_HASHES = state("code/review_parts", {Path(path).name: file_sha256(path) for path in REVIEW_PARTS})


rule measure_outliers:
    """How far every patient lies from the training patients: known measures, and all features by count."""
    input:
        settings=state("measure_outliers", review_settings.outliers(STUDY)),
        features=ALL_FEATURES,
        quality=ALL_QUALITY,
        code=code("measure_outliers"),
    output:
        outliers=f"{RESULTS}/review/outliers.csv",
        far=f"{RESULTS}/review/far.csv",
    log:
        f"{RESULTS}/logs/measure_outliers.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --features {input.features:q} --quality {input.quality:q}"
        " --outliers {output.outliers:q} --far {output.far:q} > {log:q} 2>&1"


rule draw_review:
    """One page to look at one patient: slices of every sequence with all readings and habitats, checks, outliers."""
    input:
        settings=state("draw_review", review_settings.pages(STUDY)),
        images=lambda wildcards: [source(STUDY.scans[wildcards.patient, s].image) for s in SEQUENCES],
        scans=lambda wildcards: [SCAN_STATES[wildcards.patient, s] for s in SEQUENCES],
        corrected=scans_of_patient(rules.preprocess_image.output.image),
        records=scans_of_patient(rules.preprocess_image.output.record),
        regions=review_regions(rules.make_regions.output.regions),
        region_records=review_regions(rules.make_regions.output.record),
        artifacts=expand(rules.fit_habitats.output.artifact, habitats=SETS),
        labels=expand(rules.label_habitats.output.labels, habitats=SETS, allow_missing=True),
        label_records=expand(rules.label_habitats.output.record, habitats=SETS, allow_missing=True),
        probabilities=review_probabilities,
        quality=ALL_QUALITY,
        outliers=rules.measure_outliers.output.outliers,
        far=rules.measure_outliers.output.far,
        parts=ancient(REVIEW_PARTS),
        part_hashes=REVIEW_HASHES,
        code=code("draw_review"),
    output:
        page=f"{RESULTS}/review/{{patient}}.html",
        summary=f"{RESULTS}/review/{{patient}}.json",
    log:
        f"{RESULTS}/logs/draw_review/{{patient}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(2),
    params:
        readings=lambda wildcards: [f"{s}:{r}" for s, _, r in review_settings.readings(STUDY, wildcards.patient)],
    shell:
        "python {input.code[0]} --settings {input.settings:q} --patient {wildcards.patient:q} --images {input.images:q}"
        " --corrected {input.corrected:q} --records {input.records:q} --readings {params.readings:q}"
        " --regions {input.regions:q} --region-records {input.region_records:q} --artifacts {input.artifacts:q}"
        " --labels {input.labels:q} --label-records {input.label_records:q} --probabilities {input.probabilities:q}"
        " --quality {input.quality:q} --outliers {input.outliers:q} --far {input.far:q} --parts {input.parts:q}"
        " --page {output.page:q} --summary {output.summary:q} > {log:q} 2>&1"


rule write_review_index:
    """The page that lists all patients: thumbnails, flags, and the rows that leave patients out."""
    input:
        settings=state("write_review_index", review_settings.index(STUDY)),
        summaries=expand(rules.draw_review.output.summary, patient=PATIENTS),
        pages=expand(rules.draw_review.output.page, patient=PATIENTS),
        quality=ALL_QUALITY,
        outliers=rules.measure_outliers.output.outliers,
        far=rules.measure_outliers.output.far,
        parts=ancient(REVIEW_PARTS),
        part_hashes=REVIEW_HASHES,
        code=code("write_review_index"),
    output:
        page=f"{RESULTS}/review/index.html",
    log:
        f"{RESULTS}/logs/write_review_index.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --summaries {input.summaries:q} --quality {input.quality:q}"
        " --outliers {input.outliers:q} --far {input.far:q} --parts {input.parts:q} --page {output.page:q} > {log:q} 2>&1"


rule review:
    input:
        rules.write_review_index.output,
