"""Draw the prediction error of the models over time in one cohort, for the training patients .632+ beside apparent."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_over_time import draw_prediction_error, integrated_errors, with_corrected
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

inputs = ("settings", "cohort", "predictions", "metrics", "errors", "corrected*", "bootstrap*")
a = arguments(*inputs, "figures*")
settings = read_json(a.settings)
names = [model["name"] for model in settings["models"]]
patients, metrics, errors = (
    read_table(path).query("cohort == @a.cohort") for path in (a.predictions, a.metrics, a.errors)
)
corrected, bootstrap = (dict(zip(names, map(read_table, paths), strict=False)) for paths in (a.corrected, a.bootstrap))
errors = with_corrected(errors[errors["model"].isin(names)], corrected, cohort=a.cohort)
integrated = integrated_errors(metrics, bootstrap, cohort=a.cohort)
words = {name: settings[name] for name in ("models", "time_unit", "level")}
save_figure(draw_prediction_error(errors, integrated, patients, cohort=a.cohort, **words), a.figures)
