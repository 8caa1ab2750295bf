"""Measure how far every patient lies from the training patients."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.review_outliers import far_table, outlier_table
from habitat_radiomics.tables import read_by_patient, read_table, write_table

a = arguments("settings", "features*", "quality*", "outliers", "far")
settings = read_json(a.settings)
features = pd.concat(map(read_by_patient, a.features))
quality = pd.concat(map(read_table, a.quality))
write_table(a.outliers, outlier_table(features, quality, settings["cohorts"], settings["sequences"]))
write_table(a.far, far_table(features, settings["cohorts"]))
