"""Write the univariable and multivariable logistic (or Cox) table of the clinical variables, from training patients."""

from habitat_radiomics.cox_tables import cox_tables
from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.logistic_tables import logistic_tables
from habitat_radiomics.model_inputs import model_inputs
from habitat_radiomics.outcome import is_survival
from habitat_radiomics.tables import write_table

a = arguments("settings", "outcome", "clinical", "quality*", "table", "summary")
settings = read_json(a.settings)
predictors, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
variables = {name: settings["variables"][name] for name in settings["order"]}
chosen = {name: settings[name] for name in ("flow", "alpha", "level")}
tables = cox_tables if is_survival(outcome) else logistic_tables
table, summary = tables(predictors, outcome, variables, **chosen)
write_table(a.table, table)
write_json(a.summary, summary or {})
