"""Made-up traffic: events of a small shop that never ends, for whatever has to be kept busy."""
