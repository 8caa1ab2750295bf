"""Measure every classifier that one model chose from, in every cohort."""

from habitat_radiomics.classifier_tables import classifier_areas
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import score_table
from habitat_radiomics.model_inputs import model_inputs
from habitat_radiomics.persist import load_object
from habitat_radiomics.tables import read_by_patient, write_table

inputs = ("settings", "level", "model", "cross_validation", "outcome", "clinical", "quality*", "scores*")
a = arguments(*inputs, "areas")
settings = read_json(a.settings)
predictors, _ = model_inputs(settings, a.clinical, a.outcome, a.quality, a.scores)
fitted = load_object(a.model)
tables = (score_table(fitted, predictors), read_by_patient(a.cross_validation), read_by_patient(a.outcome))
write_table(a.areas, classifier_areas(settings["name"], fitted, *tables, level=read_json(a.level)["level"]))
