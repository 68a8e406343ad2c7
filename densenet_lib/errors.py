"""One kind of error for everything a caller can put right."""


class InputError(ValueError):
    """A value that cannot be used: what it is, what was expected, what to do.

    The command line prints it as one line and exits with status 2.
    """

    def __init__(self, what, value, expected, remedy):
        super().__init__(f"{what} is {value!r}; expected {expected}. {remedy}")
        self.parts = (what, value, expected, remedy)

    def of(self, name):
        """The same error, with the name of what it is about before it."""
        what, *others = self.parts
        return InputError(f"{name}: {what}", *others)


def expect(condition, what, value, expected, remedy):
    """Raise :class:`InputError` unless ``condition`` holds."""
    if not condition:
        raise InputError(what, value, expected, remedy)


def expect_choice(what, value, choices):
    """Raise :class:`InputError` unless ``value`` is one of ``choices``."""
    names = ", ".join(repr(choice) for choice in choices)
    expect(
        value in choices, what, value, f"one of {names}", "Choose one of them."
    )
