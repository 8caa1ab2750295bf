"""Habitat Radiomics: from images, masks and two tables to a validated study.

snakemake --cores 32                                          the embedded demo cohort
snakemake --cores 32 --configfile config/studies/STUDY.yaml   a study of your own
"""

from snakemake.utils import min_version

min_version("9.27")


# Used with --software-deployment-method apptainer only; built from envs/habitat.def.
container: "envs/habitat.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/regions.smk"
include: "workflow/rules/habitats.smk"
include: "workflow/rules/extract.smk"


if CONFIG["nested"]:

    include: "workflow/rules/nested.smk"


# Without an outcome a study ends with its habitats and features.
if STUDY.predicts:

    include: "workflow/rules/select.smk"
    include: "workflow/rules/harmonise.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/resample.smk"
    include: f"workflow/rules/resample_{OUTCOME_TYPE}.smk"
    include: "workflow/rules/validate.smk"
    include: f"workflow/rules/validate_{OUTCOME_TYPE}.smk"
    include: "workflow/rules/figures.smk"
    include: f"workflow/rules/figures_{OUTCOME_TYPE}.smk"
    include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        final_files(),


rule features:
    input:
        expand(rules.collect_features.output, part=PARTS),


onsuccess:
    print(settings.closing_line(RESULTS))
