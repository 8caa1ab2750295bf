"""Measure what the tumour's volume alone predicts, and how the selected features follow it."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import usable_patients
from habitat_radiomics.outcome import outcome_of
from habitat_radiomics.tables import read_by_patient, read_table, write_table
from habitat_radiomics.volume import tumour_volumes, volume_alone, volume_proxies

a = arguments("settings", "quality*", "outcome", "features", "coefficients*", "alone", "proxies")
settings = read_json(a.settings)
quality = list(map(read_table, a.quality))
volumes = tumour_volumes(pd.concat(quality), settings["sequences"]).loc[usable_patients(quality)]
table = read_by_patient(a.outcome)
coefficients = dict(zip(settings["signatures"], map(read_table, a.coefficients), strict=True))
write_table(a.alone, volume_alone(volumes, outcome_of(table), table["cohort"], level=settings["level"]))
write_table(a.proxies, volume_proxies(volumes, read_by_patient(a.features), coefficients))
