"""Predict patients by a model of a bundle; their outcome need not be known."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import predict_alone
from habitat_radiomics.model_inputs import model_predictors, read_cutoff
from habitat_radiomics.persist import load_object
from habitat_radiomics.tables import write_table
from habitat_radiomics.validation import patient_predictions, patient_survival

a = arguments("settings", "model", "cutoff", "clinical", "quality*", "scores*", "predictions", "survival*")
settings = read_json(a.settings)
predictors = model_predictors(settings, a.clinical, a.quality, a.scores)
prediction = predict_alone(load_object(a.model), predictors)
chosen = {"threshold": read_cutoff(a.cutoff), "survival": "horizons" in settings}
write_table(a.predictions, patient_predictions(prediction, **chosen))
for path in a.survival:
    write_table(path, patient_survival(prediction))
