"""What genmo raises on purpose.

GenmoError                 anything below; the command line prints its one line and exits 2
|-- InputError             a file, array or option from the user is not what was wanted
|-- EngineError            an engine folder is incomplete, altered, or not for this runtime
`-- BackendError           the inference library asked for is not installed or not usable here
"""


class GenmoError(Exception):
    """Base of all errors that carry a message meant for the user: what it got, what it wanted, what to do."""

    exit_status = 2
    """of a command that ends with this error"""


class InputError(GenmoError):
    """A file, an array or an option of the user cannot be used as it is."""


class EngineError(GenmoError):
    """An engine folder cannot be loaded: missing or altered files, wrong version, wrong shapes."""


class BackendError(GenmoError):
    """The requested inference library is missing or does not work on this machine."""


def first_line(error: BaseException) -> str:
    """What an error says first, at most 200 characters of it; its type when it says nothing."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
