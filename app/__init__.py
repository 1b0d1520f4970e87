"""Everything that speaks: HTTP, WebSocket, command line."""
