"""What the operator sees: logs without secrets, one access line a request, and metrics."""
