"""The chaos suite: a whole stack under faults, and the proof from Kafka that nothing was lost, doubled or stuck."""
