"""What the ComBat inside a signature does to its features: batches, tests between them, patients in two dimensions."""

import numpy as np
import pandas as pd

from habitat_radiomics.batch_tests import batch_summary, batch_tests, principal_components
from habitat_radiomics.combat import Combat, metadata_column

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
    batch = features[metadata_column(combat.batch)].astype(str)
    before = _described(features[combat.features_].astype(float, copy=False), batch)
    after = _described(combat.transform(features), batch)
    tests, components = (
        [part.assign(when=when) for when, part in zip(WHEN, pair, strict=True)]
        for pair in zip(before, after, strict=True)
    )
    together = pd.concat(tests, ignore_index=True)
    return (
        _batches(combat, features),
        batch_summary(before[0], after[0]),
        together[["when", *before[0].columns]],
        pd.concat(components, ignore_index=True)[COMPONENT_COLUMNS],
    )


def _described(table, batch):
    """Tests between batches and places of the patients; a large table is gone before the next one is made."""
    return batch_tests(table, batch), _components(table, batch)


def _batches(combat, columns):
    table = combat.report(columns)
    notes = pd.DataFrame({"batch": "", "note": combat.notes_, "action": "note"})
    return pd.concat([table, notes], ignore_index=True).astype({"patients": "Int64", "in_training": "boolean"})


def _components(table, batch):
    if (table.max() > table.min()).sum() < 2:
        return pd.DataFrame(columns=COMPONENT_COLUMNS)
    coordinates, explained = principal_components(table)
    places = dict(zip(("explained_1", "explained_2"), explained, strict=True))
    return coordinates.assign(batch=batch, **places).rename_axis("patient").reset_index()


def drawn_components(components, when):
    """Return what `batch_tests.principal_components` gave, from the stored table."""
    rows = components[components["when"] == when].set_index("patient")
    explained = rows[["explained_1", "explained_2"]].iloc[0] if len(rows) else np.full(2, np.nan)
    return rows[["PC1", "PC2"]], tuple(map(float, explained))
