"""Faust apps: trainer and indexer."""
