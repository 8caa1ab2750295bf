"""Draw the decision curves of the models by one horizon in one cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_survival_decision import draw_survival_decision
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "cohort", "horizon", "curves", "figures*")
settings, horizon = read_json(a.settings), float(a.horizon)
curves = read_table(a.curves).query("cohort == @a.cohort and horizon == @horizon").drop(columns="horizon")
words = {name: settings[name] for name in ("models", "time_unit", "level")}
save_figure(draw_survival_decision(curves, cohort=a.cohort, horizon=horizon, **words), a.figures)
