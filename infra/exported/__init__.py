"""The index in files: for other programs, and for the way back."""
