"""Draw hazard ratios of scores and clinical variables, alone and together, in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_forest import draw_forest, factor_rows
from habitat_radiomics.labels import percent, score_cohort
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "factors", "figures*")
settings = read_json(a.settings)
rows = factor_rows(read_table(a.factors).query("cohort == @a.cohort"), labels=settings["labels"])
blocks = [{"name": "univariable", "label": "Univariable"}, {"name": "multivariable", "label": "Multivariable"}]
title = f"Scores and clinical variables: {score_cohort(a.cohort).lower()}"
save_figure(draw_forest(rows, columns=blocks, title=title, level_text=f"{percent(settings['level'])} CI"), a.figures)
