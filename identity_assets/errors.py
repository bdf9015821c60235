"""What all errors that speak to the operator have in common."""


class OperatorError(Exception):
    """The message is one line that says what happened, why, and what to do; a command ends with `exit_code`.

    1: it was tried and failed. 2: it was called wrongly, or a setting or an input file is not valid.
    """

    exit_code = 1
