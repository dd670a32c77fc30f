"""A first `svq.toml` from a sample of the user's own events: what was guessed, and why."""
