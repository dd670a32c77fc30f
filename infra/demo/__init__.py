"""The demonstration: a year of a real shop's sales through the whole stack, with figures measured from outside."""
