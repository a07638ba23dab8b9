"""The one exception that a user can mend."""


class InputError(ValueError):
    """Something the user gave (a file, a row, an option, a name) cannot be used.

    The message is one line: what it is about, what was received, and what to do. The command line
    prints it without a traceback and exits with status 2.
    """
