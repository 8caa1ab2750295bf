"""Measure how the risk predicted by one model moves with each of its inputs, in the validation cohorts."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import model_predictors
from habitat_radiomics.partial_dependence import partial_dependence
from habitat_radiomics.persist import load_object
from habitat_radiomics.tables import read_by_patient, write_table

a = arguments("settings", "model", "outcome", "clinical", "quality*", "scores*", "table")
settings = read_json(a.settings)
predictors = model_predictors(settings, a.clinical, a.quality, a.scores)
cohorts = read_by_patient(a.outcome).loc[predictors.index, "cohort"]
unseen = cohorts != "train"
write_table(
    a.table,
    partial_dependence(load_object(a.model), predictors[unseen], cohorts[unseen], points=settings["points"]),
)
