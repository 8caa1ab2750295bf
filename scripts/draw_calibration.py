"""Draw the calibration curves of some models in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_calibration import draw_calibration
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "predictions*", "bootstrap*", "measures", "curves", "figures*")
settings = read_json(a.settings)
names = [model["name"] for model in settings["models"]]
predictions = {name: read_table(path) for name, path in zip(names, a.predictions, strict=True)}
curves = read_table(a.curves).query("cohort == @a.cohort and model in @names")
optimism = dict(zip(names, map(read_table, a.bootstrap if a.cohort == "train" else []), strict=False))
measures = read_table(a.measures)
figure = draw_calibration(curves, predictions, measures, cohort=a.cohort, optimism=optimism, **settings)
save_figure(figure, a.figures)
