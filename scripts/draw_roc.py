"""Draw the ROC curves of all models in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_roc import draw_roc, roc_table
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "predictions*", "metrics", "figures*")
settings = read_json(a.settings)
names = list(dict.fromkeys(model["name"] for group in settings["groups"] for model in group["models"]))
predictions = {name: read_table(path) for name, path in zip(names, a.predictions, strict=True)}
curves = roc_table(predictions, a.cohort)
save_figure(draw_roc(curves, read_table(a.metrics), cohort=a.cohort, **settings), a.figures)
