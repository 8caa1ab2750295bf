"""Guard against leakage: what is learnt carries digests of the patients it saw; they must be training patients."""

import hashlib

from habitat_radiomics.faults import LeakageError


def digests(patients):
    """Return sorted digests of patient identifiers, so that a model can be checked without naming anybody."""
    return sorted(hashlib.sha256(f"habitat-radiomics:{patient}".encode()).hexdigest()[:16] for patient in patients)


def require_training(name, fitted_on, training):
    """Stop when something learnt has seen a patient outside the training cohort, or does not say whom it saw.

    Parameters
    ----------
    name : str
        What was fitted, for the message.
    fitted_on : list of str or None
        Digests stored in the fitted object.
    training : iterable of str
        Identifiers of the training patients.

    Raises
    ------
    LeakageError
    """
    if not fitted_on:
        raise LeakageError(f"{name} does not say on which patients it was fitted. Fit it again with this version.")
    strangers = set(fitted_on) - set(digests(training))
    if strangers:
        raise LeakageError(
            f"{name} was fitted on {len(fitted_on)} patients, {len(strangers)} of them outside the training cohort. "
            "Nothing it produced can be used; delete it and run again."
        )
