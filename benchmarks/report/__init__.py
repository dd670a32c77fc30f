"""What was measured, for people to read: tables, plots, docs/quality.md."""
