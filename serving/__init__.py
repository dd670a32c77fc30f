"""The server: replica, query, HTTP API."""
