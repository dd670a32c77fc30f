"""A whole stack under steady load for an hour, or under far too much of it: what grows, what waits, what is lost."""
