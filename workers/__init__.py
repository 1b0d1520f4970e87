"""The worker process: actors that do jobs."""
