"""The retriever itself, pure: arrays in, arrays out."""
