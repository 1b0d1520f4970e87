"""The engine: knows text, vectors and models; nothing of assistants, HTTP or queues."""
