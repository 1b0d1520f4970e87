"""What went wrong, in the REST framework's forms.

Source: contracts/README.md, "Django REST Framework forms".
"""

from typing import Any

from litestar import Request, Response

from app.api import drf

CHALLENGE = "Api-Key"


def render(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The reply to a request that failed."""
    return drf.render(request, error, CHALLENGE)
