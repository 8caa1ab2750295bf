# Features come from tables of the study: there are no images, regions, habitats or readings.
HABITATS, NESTED, SETS = [], [], []
LEARNT_SCALES = []
SCAN_STATES = {}
IMPORT_STATES = {
    part: state(f"import_features.{part}", settings.imported_features(STUDY, patients))
    for part, patients in PARTS.items()
}
if workflow.is_main_process:
    FACTS.save()


rule import_features:
    """Features of the training (or validation) patients from the tables of the study."""
    input:
        settings=lambda wildcards: IMPORT_STATES[wildcards.part],
        tables=ancient([sheet.path for sheet in STUDY.feature_sheets.values()]),
        code=code("import_features"),
    output:
        features=f"{RESULTS}/features/{{part}}.parquet",
        quality=f"{RESULTS}/quality/{{part}}.csv",
    log:
        f"{RESULTS}/logs/import_features/{{part}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --tables {input.tables:q} --features {output.features:q}"
        " --quality {output.quality:q} > {log:q} 2>&1"


COLLECTED = rules.import_features.output
