"""Streams whose truth is known."""
