"""A failure that belongs to the script."""

import contextlib


@contextlib.contextmanager
def fails(*errors):
    """What is within must fail like this: a call that suddenly works is not what the script says."""
    try:
        yield
    except errors:
        return
    raise AssertionError(f"this should have failed: {errors}")
