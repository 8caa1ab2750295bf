# What is fitted sees the training tables only; what is applied and measured sees those of everyone.
TRAINING = state("training", settings.training(STUDY))
TRAINING_OUTCOME = table("training_outcome", settings.outcome_rows(STUDY, STUDY.in_cohort("train")))
TRAINING_CLINICAL = table("training_clinical", settings.clinical_rows(STUDY, STUDY.in_cohort("train")))
OUTCOME = table("outcome", settings.outcome_rows(STUDY, PATIENTS))
CLINICAL = table("clinical", settings.clinical_rows(STUDY, PATIENTS))
TRAINING_BATCHES = [state("training_batches", settings.batches(STUDY, STUDY.in_cohort("train")))] if HARMONISES else []
ALL_BATCHES = [state("batches", settings.batches(STUDY, PATIENTS))] if HARMONISES else []
PARTS = {"training": STUDY.in_cohort("train"), "validation": [p for p in PATIENTS if STUDY.cohorts[p] != "train"]}
PARTS = {part: patients for part, patients in PARTS.items() if patients}

TRAINING_FEATURES = [f"{RESULTS}/features/training.parquet"]
TRAINING_QUALITY = [f"{RESULTS}/quality/training.csv"]
ALL_FEATURES = expand(f"{RESULTS}/features/{{part}}.parquet", part=PARTS)
ALL_QUALITY = expand(f"{RESULTS}/quality/{{part}}.csv", part=PARTS)

# Template, style and captions of the pages; the review pages have parts of their own and the style in common.
PAGE_PARTS = [str(path) for path in sorted((SCRIPTS.parent / "workflow" / "report").iterdir()) if path.is_file()]
REPORT_PARTS = [path for path in PAGE_PARTS if not Path(path).name.startswith("review")]
PART_HASHES = state("code/report_parts", {Path(path).name: file_sha256(path) for path in REPORT_PARTS})

# Only landmark matching learns from other patients; the other methods depend on the image alone.
LEARNT_SCALES = [s for s in SEQUENCES if settings.intensity(STUDY, s)["method"] == "nyul"]

# Sequences whose tumours a pretrained network sees.
DEEP = deep_settings.sequences(CONFIG)

# The steps of one patient are one cluster job; where landmarks are learnt in between, they are two.
PREPARE, MEASURE = ("prepare", "measure") if LEARNT_SCALES else ("patient", "patient")

if IS_DEMO:

    rule simulate_patient:
        """Images, masks and true subregions of one patient of the demo cohort."""
        input:
            settings=state("simulate_patient", settings.simulation(CONFIG)),
            code=code("simulate_patient"),
        output:
            images=expand(f"{DATA}/{{{{patient}}}}/{{sequence}}.nii.gz", sequence=SEQUENCES),
            masks=expand(
                f"{DATA}/{{{{patient}}}}/{{sequence}}.{{reading}}.nii.gz",
                sequence=SEQUENCES,
                reading=["r1", "r1b", "r2"],
            ),
            subregions=f"{DATA}/{{patient}}/subregions.nii.gz",
        log:
            f"{RESULTS}/logs/simulate_patient/{{patient}}.log",
        group:
            PREPARE
        threads: 1
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(2),
        params:
            folder=lambda wildcards: f"{DATA}/{wildcards.patient}",
        shell:
            "python {input.code[0]} --settings {input.settings:q} --patient {wildcards.patient:q}"
            " --folder {params.folder:q} > {log:q} 2>&1"


rule describe_cohort:
    """Who is in the study and why others are not: patients table, flow of exclusions, quality of every scan."""
    input:
        settings=state("describe_cohort", settings.cohort(STUDY)),
        outcome=OUTCOME,
        clinical=CLINICAL,
        quality=expand(f"{RESULTS}/quality/{{part}}.csv", part=PARTS),
        code=code("describe_cohort"),
    output:
        patients=f"{RESULTS}/cohort/patients.csv",
        flow=f"{RESULTS}/cohort/flow.csv",
    log:
        f"{RESULTS}/logs/describe_cohort.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --patients {output.patients:q} --flow {output.flow:q} > {log:q} 2>&1"


rule describe_groups:
    """Table 1: patients by cohort, and by outcome within every cohort."""
    input:
        settings=state("describe_groups", settings.patient_groups(STUDY)),
        patients=rules.describe_cohort.output.patients,
        code=code("describe_groups"),
    output:
        cells=f"{RESULTS}/cohort/table_one.csv",
        tests=f"{RESULTS}/cohort/table_one_tests.csv",
    log:
        f"{RESULTS}/logs/describe_groups.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --patients {input.patients:q} --cells {output.cells:q}"
        " --tests {output.tests:q} > {log:q} 2>&1"
