"""Draw survival of the risk groups of one model, by cohort or within the levels of a clinical variable."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_kaplan_meier import draw_kaplan_meier, panels_of
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "model", "subgroup", "compared", "curves", "figures*")
settings = read_json(a.settings)
compared, curves = panels_of(read_table(a.compared), read_table(a.curves), model=a.model, subgroup=a.subgroup)
words = {name: settings[name] for name in ("time_unit", "outcome", "level")}
save_figure(draw_kaplan_meier(curves, compared, **words), a.figures)
