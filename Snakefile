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


# Where features are given in tables there are no images.
IMAGES = ["preprocess", "regions", "habitats", "extract", "figures_images"]
for stage in IMAGES if STUDY.has_images else ["import"]:

    include: f"workflow/rules/{stage}.smk"


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
    include: "workflow/rules/bundle.smk"
    include: "workflow/rules/" + ("apply.smk" if STUDY.applied else "report.smk")


rule all:
    default_target: True
    input:
        final_files(),


rule features:
    input:
        expand(COLLECTED, part=PARTS),


onsuccess:
    print(settings.closing_line(RESULTS, applied=STUDY.applied))
