"""Experiments that keep or drop parts of the method: named, and run again by one command."""
