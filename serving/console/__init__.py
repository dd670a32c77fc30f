"""The console: what a server has seen since it began, as JSON and as pages."""
