"""What is wrong with a model or data that a person gave."""

from collections.abc import Sequence

from mirage.runtime.errors import MirageError


class AuditError(MirageError, ValueError):
    """A model or data that cannot be audited; the message says why and what to give instead.

    Attributes:
        readings: Where the range of pixels is asked for: what was read at each
            (`mirage.auditing.range.Reading`). The message shows them as a table.
    """

    def __init__(self, message: str, readings: Sequence = ()) -> None:
        """Keep the message and what it is about."""
        super().__init__(message)
        self.readings = tuple(readings)
