"""Predict every patient by a fitted model, and put the cross-validated training predictions beside."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import model_prediction
from habitat_radiomics.model_inputs import model_inputs, read_cutoff
from habitat_radiomics.persist import load_object
from habitat_radiomics.tables import read_by_patient, write_table
from habitat_radiomics.validation import combine_predictions

a = arguments(
    "settings", "model", "cutoff", "cross_validation", "outcome", "clinical", "quality*", "scores*", "predictions"
)
predictors, _ = model_inputs(read_json(a.settings), a.clinical, a.outcome, a.quality, a.scores)
prediction = model_prediction(load_object(a.model), predictors)
table = combine_predictions(
    prediction,
    read_by_patient(a.cross_validation),
    read_by_patient(a.outcome),
    threshold=read_cutoff(a.cutoff),
)
write_table(a.predictions, table)
