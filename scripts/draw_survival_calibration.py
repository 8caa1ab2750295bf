"""Draw the calibration of the models by one horizon in one cohort."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_survival_calibration import draw_survival_calibration
from habitat_radiomics.style import save_figure
from habitat_radiomics.survival_validation import risk_column
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "horizon", "predictions*", "measures", "curves", "groups", "figures*")
settings, horizon = read_json(a.settings), float(a.horizon)
names = [model["name"] for model in settings["models"]]
predictions = [read_table(path).assign(model=name) for name, path in zip(names, a.predictions, strict=True)]
patients = pd.concat(predictions).query("cohort == @a.cohort").rename(columns={risk_column(horizon): "risk"})
curves, groups, measures = (
    read_table(path).query("cohort == @a.cohort and horizon == @horizon") for path in (a.curves, a.groups, a.measures)
)
words = {name: settings[name] for name in ("models", "time_unit", "level")}
figure = draw_survival_calibration(curves, groups, measures, patients, cohort=a.cohort, horizon=horizon, **words)
save_figure(figure, a.figures)
