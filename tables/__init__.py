"""Durable state: tables, restore, and the step: rows, records and offsets in one Kafka transaction.

`Shards` (who owns what), `Shard.step` (the transaction), `Table` (reading), `create_app` (a Faust app built on them).
"""
