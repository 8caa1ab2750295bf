"""Draw the decision curves of all models in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_decision import draw_decision
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "curves", "figures*")
curves = read_table(a.curves).query("cohort == @a.cohort")
save_figure(draw_decision(curves, cohort=a.cohort, **read_json(a.settings)), a.figures)
