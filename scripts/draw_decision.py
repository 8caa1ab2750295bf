"""Draw the decision curves of some models in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_decision import STRATEGIES, draw_decision
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "curves", "figures*")
settings = read_json(a.settings)
names = [*(model["name"] for model in settings["models"]), *STRATEGIES]
curves = read_table(a.curves).query("cohort == @a.cohort and model in @names")
save_figure(draw_decision(curves, cohort=a.cohort, **settings), a.figures)
