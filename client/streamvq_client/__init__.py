"""Wire formats and live index reader of streamvq."""
