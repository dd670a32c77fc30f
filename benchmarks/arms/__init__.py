"""Ways to answer the same questions: the index, its ceiling and its rivals."""
