"""Predict every patient by a fitted model, and put the cross-validated training predictions beside."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import predict_alone
from habitat_radiomics.model_inputs import model_inputs, read_cutoff
from habitat_radiomics.persist import load_object
from habitat_radiomics.tables import read_by_patient, write_table
from habitat_radiomics.validation import combine_predictions, combine_survival

inputs = ("settings", "model", "cutoff", "cross_validation", "outcome", "clinical", "quality*", "scores*")
a = arguments(*inputs, "predictions", "survival*")
predictors, _ = model_inputs(read_json(a.settings), a.clinical, a.outcome, a.quality, a.scores)
prediction = predict_alone(load_object(a.model), predictors)
tables = (prediction, read_by_patient(a.cross_validation), read_by_patient(a.outcome))
write_table(a.predictions, combine_predictions(*tables, threshold=read_cutoff(a.cutoff)))
for path in a.survival:
    write_table(path, combine_survival(*tables))
