"""How fast each part is, beside what limits it and what a user would pick instead, in the same run."""
