"""Measure how much of one model's AUC rests on each of its inputs, in cross-validation and in validation cohorts."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.importance import cohort_importance, cross_validated_importance
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, model_signatures
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature_inputs import read_features, resampling
from habitat_radiomics.tables import read_by_patient, write_table

training = ("training_outcome", "training_clinical", "training_quality*", "features*", "batches*", "icc*")
a = arguments("settings", *training, "model", "outcome", "clinical", "quality*", "scores*", "table")
settings = read_json(a.settings)
permutations, seed = settings["permutations"], settings["seed"]
clinical, outcome = model_inputs(settings, a.training_clinical, a.training_outcome, a.training_quality, [])
features = read_features(a.features, *a.batches)
data = {"features": features, "clinical": clinical, "outcome": outcome, "scores": settings["scores"]}
chains = (model_signatures(settings, features, a.icc), model_pipeline(settings))
tables = [cross_validated_importance(*chains, {**data, **resampling(settings)}, permutations=permutations)]
predictors, everybody = model_inputs(settings, a.clinical, a.outcome, a.quality, a.scores)
cohorts = read_by_patient(a.outcome).loc[everybody.index, "cohort"]
for cohort in [name for name in ("internal", "external") if (cohorts == name).any()]:
    rows, options = cohorts == cohort, {"cohort": cohort, "permutations": permutations, "seed": seed}
    tables.append(cohort_importance(load_object(a.model), predictors[rows], everybody[rows], **options))
write_table(a.table, pd.concat(tables, ignore_index=True))
