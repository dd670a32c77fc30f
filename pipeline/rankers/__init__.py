"""The ranking step: what scores the candidates that the index found."""
