"""Moments as programs exchange them."""

from datetime import datetime


def epoch_ms(moment: datetime) -> str:
    """Milliseconds since 1970, as MaiAgent's clients and webhook receivers read them.

    Shape: 13 digits.
    """
    return str(int(moment.timestamp() * 1000)).zfill(13)
