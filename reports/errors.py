"""What is wrong with what the user gave."""


class InputError(ValueError):
    """A file, a quantity or a budget that cannot be understood.

    One line that names it and says what was expected, what was found, and the way out.
    """
