"""Command line, broker, topics, local stack."""
