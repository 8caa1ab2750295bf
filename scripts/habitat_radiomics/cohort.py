"""Who is in the study, and why others are not."""

import pandas as pd

COHORTS = ("train", "internal", "external")
REASONS = {
    "excluded_by_hand": "excluded by hand (column exclude)",
    "outcome_missing": "outcome missing",
    "sequence_missing": "sequence missing",
    "reading_missing": "mask of the primary reader missing",
}


def patient_table(outcome, clinical, quality, settings):
    """Return one row per screened patient: cohort, outcome (or time and event), site, clinical, included, reason.

    Parameters
    ----------
    outcome, clinical : DataFrame
        With ``patient``; clinical variables as text, see `tables.read_text`.
    quality : list of DataFrame
        Quality of scans, see `collect.collect_features`.
    settings : dict
        As `settings.cohort`: patients excluded before the first job, and the site of the others.
    """
    table = outcome.merge(clinical, on="patient")
    table.insert(2, "site", table["patient"].map(settings["sites"]))
    faults = pd.concat(quality).query("not usable").drop_duplicates("patient").set_index("patient")
    table["included"] = ~table["patient"].isin(faults.index)
    table["reason_code"] = table["patient"].map(faults["code"])
    table["reason"] = table["patient"].map(faults["message"])
    early = pd.DataFrame(
        [
            {"patient": patient, "included": False, "reason_code": code, "reason": reason}
            for patient, (code, reason) in settings["excluded"].items()
        ]
    )
    happened = "event" if "event" in table else "outcome"
    whole = table.astype({happened: "Int64"})  # unknown of those excluded early, and still 0 or 1 of the others
    return pd.concat([whole, early], ignore_index=True) if len(early) else whole


def exclusion_flow(patients, settings):
    """Return the flow of the cohort (step, reason, patients); the counts close: screened = excluded + included."""
    excluded = patients[~patients["included"]]["reason_code"].value_counts(sort=False)
    rows = [{"step": "screened", "reason": "", "patients": settings["screened"]}]
    rows += [
        {"step": "excluded", "reason": REASONS.get(code, code.replace("_", " ")), "patients": int(n)}
        for code, n in excluded.items()
    ]
    included = patients[patients["included"]]
    rows.append({"step": "included", "reason": "", "patients": len(included)})
    rows += [
        {"step": "cohort", "reason": cohort, "patients": int((included["cohort"] == cohort).sum())}
        for cohort in COHORTS
        if (included["cohort"] == cohort).any()
    ]
    return pd.DataFrame(rows)
