"""What every entry of a dense tensor belongs to: a task, a column of an input, or nothing but its place.

Two configurations have in common what bears the same labels, wherever it lies in either.
"""

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from pipeline.config import ModelConfig
from pipeline.layout import Layout, item_layout, user_layout
from pipeline.numbers import MOMENTS
from pipeline.rankers.attention import HEADS
from pipeline.rankers.calibration import BINS, INFORMATION, N_BINS
from pipeline.repeats import BUCKETS

Axis = list[Hashable]
Axes = tuple[Axis, ...]


class Column(NamedTuple):
    """A column of a tower's slot; of another width it is another slot's."""

    slot: str
    dim: int
    place: int


def parameter_axes(config: ModelConfig) -> dict[str, Axes]:
    """Tensor of a model -> labels of each of its axes; not those of codebook and popularity, which have none."""
    return dict(_parameters(config))


def state_axes(config: ModelConfig) -> dict[str, Axes]:
    """The same of a learner's state."""
    tasks = _tasks(config)
    moments = {
        f"adam.{name.removeprefix('tower.')}": (_places(2), *axes)
        for name, axes in _parameters(config)
        if name.startswith("tower.")
    }
    return {**moments, INFORMATION: (tasks, _places(2), _places(2)), BINS: (tasks, _places(N_BINS), _places(2))}


def item_row_axis(config: ModelConfig) -> Axis:
    """Labels of an item's row: its embedding, then one bias a task."""
    return [*_places(config.id_dim), *_tasks(config)]


def input_axis(layout: Layout) -> Axis:
    """Labels of a tower's input: columns of each slot, then numbers, then whether each is there."""
    columns: Axis = [Column(slot.name, slot.dim, place) for slot in layout.slots for place in range(slot.dim)]
    return columns + [(kind, name) for kind in ("value", "presence") for name in layout.numbers]


def _parameters(config: ModelConfig) -> Iterator[tuple[str, Axes]]:
    of_users, of_items = input_axis(user_layout(config)), input_axis(item_layout(config))
    user_vectors: Axis = [(task, column) for task in _tasks(config) for column in range(config.dim)]
    for prefix in ("", "rank_") if config.ranker == "two_tower" else ("",):
        yield from _tower(f"tower.{prefix}user.net", of_users, config, user_vectors)
        yield f"tower.{prefix}user.log_length", ()
        yield from _tower(f"tower.{prefix}item.net", of_items, config, [*_places(config.dim), *_tasks(config)])
    if config.ranker == "attention":
        yield from _attention(config, of_users, of_items)
    yield "tower.repeats.bonus_tb", (_tasks(config), _places(BUCKETS))
    yield "calibration.values", (_tasks(config), _places(2))
    yield "numbers.user", (list(user_layout(config).numbers), _places(MOMENTS))
    yield "numbers.item", (list(item_layout(config).numbers), _places(MOMENTS))


def _tower(name: str, inputs: Axis, config: ModelConfig, outputs: Axis) -> Iterator[tuple[str, Axes]]:
    hidden = _places(config.hidden)
    yield f"{name}.skip.weight", (outputs, inputs)
    yield f"{name}.skip.bias", (outputs,)
    yield f"{name}.hidden.weight", (hidden, inputs)
    yield f"{name}.hidden.bias", (hidden,)
    yield f"{name}.out.weight", (outputs, hidden)


def _attention(config: ModelConfig, of_users: Axis, of_items: Axis) -> Iterator[tuple[str, Axes]]:
    width, heads, hidden, tasks = _places(config.id_dim), _places(HEADS), _places(config.hidden), _tasks(config)
    parts = [(part, column) for part in ("heard", "crossed", "agreement") for column in width]
    said = [*[("match", task) for task in tasks], *[("bias", task) for task in tasks], "prior"]
    crossed: Axis = [*parts, *[("nearness", head) for head in heads], *said]
    yield from _tower("tower.ranker.item", of_items, config, width)
    yield from _tower("tower.ranker.user", of_users, config, width)
    for projection in ("query", "key", "value"):
        yield f"tower.ranker.{projection}.weight", (width, width)
    yield "tower.ranker.sharpness", (heads,)
    yield "tower.ranker.position", (heads, _places(config.rank_history))
    yield "tower.ranker.hidden.weight", (hidden, crossed)
    yield "tower.ranker.hidden.bias", (hidden,)
    yield "tower.ranker.deep.weight", (tasks, hidden)
    yield "tower.ranker.deep.bias", (tasks,)
    yield "tower.ranker.wide.weight", (tasks, crossed)


def _tasks(config: ModelConfig) -> Axis:
    return [task.name for task in config.tasks]


def _places(n: int) -> Axis:
    return list(range(n))
