"""What can go wrong, in our words; each door renders these in its vendor's shape."""


class DomainError(Exception):
    """The root; `message` is one sentence for the person who asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(DomainError):
    """The thing does not exist, or belongs to another workspace."""


class NoSuchPage(DomainError):
    """A page number or cursor that leads nowhere in the list that is there."""


class Unauthorized(DomainError):
    """No credentials, or none that we know."""


class Forbidden(DomainError):
    """The credentials do not open this."""


class Invalid(DomainError):
    """A field is missing or wrong; `field` is its name on the wire, empty for the whole body."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Conflict(DomainError):
    """The state forbids it now, such as a sync while one runs."""


class Busy(DomainError):
    """Too much at once; worth trying again after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: int = 10) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Exhausted(DomainError):
    """A quota is spent; `retry_after_s` is when it opens again."""

    def __init__(self, message: str, retry_after_s: int = 3600) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLarge(DomainError):
    """A body, file or text over its limit."""


class Unavailable(DomainError):
    """Something we depend on (model, database, a site) can't be reached."""
