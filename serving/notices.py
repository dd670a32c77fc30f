"""What in a question had no effect: whoever misspelt a name should hear of it."""

from collections.abc import Iterable, Iterator

from pipeline.layout import ITEM_TABLE
from schemas.http import Notice, Person
from serving.replica import Replica


def notices_on(replica: Replica, person: Person) -> Iterator[Notice]:
    """Features that the model does not have, and items of a history that nobody knows."""
    model = replica.model
    if model is None:
        return
    sides = (
        ("user", person.features, model.config.side("user")),
        ("context", person.context, model.config.side("context")),
    )
    for side, given, features in sides:
        known = {feature.name for feature in features}
        if unknown := given.keys() - known:
            yield Notice(
                "unknown_feature", f"The model has no {side} feature {_listed(unknown)}; it has {_listed(known)}."
            )
    if person.history:
        table, slots = model.tables[ITEM_TABLE].ids, replica.items.slots
        strange = [name for name in person.history if name not in table and name not in slots]
        if strange:
            detail = f"{len(strange)} of {len(person.history)} items of the history are unknown: {_listed(strange)}."
            yield Notice("unknown_history", detail)


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(repr(name) for name in names[:3]) + (" and others" if len(names) > 3 else "") or "none"
