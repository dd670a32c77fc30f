"""Durable state: the step as one transaction, restore, the tables."""
