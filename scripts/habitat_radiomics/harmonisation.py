"""What the ComBat inside a signature does to its features: batches, tests between them, patients in two dimensions."""

import numpy as np
import pandas as pd

from habitat_radiomics.batch_tests import batch_summary, batch_tests, principal_components
from habitat_radiomics.combat import Combat, metadata_column, without_metadata

WHEN = ("before", "after")
COMPONENT_COLUMNS = ["when", "patient", "batch", "PC1", "PC2", "explained_1", "explained_2"]


def fitted_combat(signature):
    """Return the ComBat step of a fitted signature (of the best of several that of the one chosen), or None."""
    first = getattr(signature, "chosen_", signature)[0]
    return first if isinstance(first, Combat) else None


def harmonisation_tables(combat, features):
    """Describe patients before and after a ComBat that was fitted on some of them.

    Parameters
    ----------
    combat : combat.Combat
        Fitted on training patients.
    features : DataFrame, patients x columns
        Of all patients, with metadata columns.

    Returns
    -------
    batches : DataFrame
        batch, patients, in_training, action, note; further notes of the fit have an empty batch.
    summary : DataFrame
        See `batch_tests.batch_summary`.
    tests : DataFrame
        when, then as `batch_tests.batch_tests` (Kruskal and Wallis).
    components : DataFrame
        `COMPONENT_COLUMNS`; no rows for fewer than two features that vary.
    """
    columns = features[list(combat.feature_names_in_)]
    batch = columns[metadata_column(combat.batch)].astype(str)
    tables = {"before": without_metadata(columns).astype(float), "after": combat.transform(columns)}
    tests = {when: batch_tests(table, batch) for when, table in tables.items()}
    components = [_components(table, batch).assign(when=when) for when, table in tables.items()]
    together = pd.concat([tests[when].assign(when=when) for when in WHEN], ignore_index=True)
    return (
        _batches(combat, columns),
        batch_summary(tests["before"], tests["after"]),
        together[["when", *tests["before"].columns]],
        pd.concat(components, ignore_index=True)[COMPONENT_COLUMNS],
    )


def _batches(combat, columns):
    table = combat.report(columns)
    notes = pd.DataFrame({"batch": "", "note": combat.notes_, "action": "note"})
    return pd.concat([table, notes], ignore_index=True).astype({"patients": "Int64", "in_training": "boolean"})


def _components(table, batch):
    varying = table.columns[table.max() > table.min()]
    if len(varying) < 2:
        return pd.DataFrame(columns=COMPONENT_COLUMNS)
    coordinates, explained = principal_components(table[varying])
    places = dict(zip(("explained_1", "explained_2"), explained, strict=True))
    return coordinates.assign(batch=batch, **places).rename_axis("patient").reset_index()


def drawn_components(components, when):
    """Return what `batch_tests.principal_components` gave, from the stored table."""
    rows = components[components["when"] == when].set_index("patient")
    explained = rows[["explained_1", "explained_2"]].iloc[0] if len(rows) else np.full(2, np.nan)
    return rows[["PC1", "PC2"]], tuple(map(float, explained))
