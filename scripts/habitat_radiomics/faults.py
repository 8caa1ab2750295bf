"""What can be wrong with the input, as exceptions by cause."""


class DataFault(Exception):
    """Content of one patient that cannot be used; excludes or stops by the study's policy, never becomes a number.

    Parameters
    ----------
    code : str
        Short word for the reason, counted in the flow diagram, for example ``mask_empty``.
    message : str
        What was found, what is allowed and what to do, in one or two sentences.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class StudyFault(Exception):
    """The study as described cannot be run; the message lists every fault found, one per line."""


class LeakageError(Exception):
    """Something learnt has seen a patient outside the training cohort."""
