"""Draw the time-dependent AUC of the models in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_over_time import draw_time_auc
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "predictions", "metrics", "areas", "figures*")
settings = read_json(a.settings)
patients, metrics, areas = (
    read_table(path).query("cohort == @a.cohort") for path in (a.predictions, a.metrics, a.areas)
)
areas = areas[areas["model"].isin([model["name"] for model in settings["models"]])]
medians = metrics[metrics["metric"] == "auc_median"]
words = {name: settings[name] for name in ("models", "time_unit", "level")}
save_figure(draw_time_auc(areas, medians, patients, cohort=a.cohort, **words), a.figures)
