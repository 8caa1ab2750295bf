"""Names of scores in figures and tables; imports nothing, as the rules need them too."""


def score_label(signature):
    """Return the score of a signature in words; a label that says what it is needs no second ``score``."""
    return signature if signature.lower().endswith("score") else f"Score {signature}"
