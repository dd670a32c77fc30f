"""A model that goes on under another configuration: what both have in common stays to the bit, the rest begins anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.axes import Axes, Axis, Column, item_row_axis, parameter_axes, state_axes
from pipeline.changes import Array, Changes
from pipeline.config import ModelConfig
from pipeline.layout import HISTORY_SLOTS, ITEM_SLOT, ITEM_TABLE, item_layout, table_dims, user_layout
from pipeline.model import Model

Dense = Mapping[str, Array]
INDEX, RANKER = "tower.", "tower.rank_"  # beginnings of the names of towers


@dataclass(frozen=True, slots=True)
class Migration:
    """What has to be written so that the stored model is one of the other configuration.

    Attributes:
        parameters, state: changes, as from a learner.
        gone: tensors of either that no longer exist, with their last values.
    """

    parameters: Changes = field(default_factory=Changes)
    state: Changes = field(default_factory=Changes)
    gone: dict[str, Array] = field(default_factory=dict)


def migrate(parameters: Changes, state: Changes, before: ModelConfig, after: ModelConfig) -> Migration:
    """Carry a stored model over to a configuration that shares its widths, codes and half-lives.

    What is new adds nothing at first: embeddings begin at 0 and so do weights of numbers and biases of tasks, so every
    score that existed is what it was, for inputs that existed. Vectors of a new task begin as in a new model.

    Args:
        parameters: all of the stored model.
        state: its learner's.
        before: what it was written with.
        after: with tasks and features in the order of `before` (`reconfiguration.arranged`).
    """
    found = Migration()
    _tables(found, parameters, state, before, after)
    old, new = parameter_axes(before), parameter_axes(after)
    dense = _carried(parameters.dense, _beginnings(parameters.dense, before, after), old, new)
    for name in new.keys() - old.keys():
        if name.startswith(RANKER):  # ranking begins as the index's own
            dense[name] = dense[name.replace(RANKER, INDEX)].copy()
    found.parameters.dense.update(dense)
    old_state, new_state = state_axes(before), state_axes(after)
    found.state.dense.update(_carried(state.dense, _still(new_state), old_state, new_state))
    for stored, lost in ((parameters, old.keys() - new.keys()), (state, old_state.keys() - new_state.keys())):
        found.gone.update({name: stored.dense[name] for name in sorted(lost)})
    return found


def carry(old: Array, before: Axes, new: Array, after: Axes) -> Array:
    """`new` with every entry that both have in common taken from `old`.

    >>> carry(np.array([1, 2]), (["a", "b"],), np.array([0, 0, 0]), (["b", "c", "a"],)).tolist()
    [2, 0, 1]
    """
    result = np.array(new)
    places = [_common(*axes) for axes in zip(before, after, strict=True)]
    result[np.ix_(*(to for _, to in places))] = old[np.ix_(*(of for of, _ in places))]
    return result


def _common(before: Axis, after: Axis) -> tuple[list[int], list[int]]:
    where = {label: place for place, label in enumerate(before)}
    pairs = [(where[label], place) for place, label in enumerate(after) if label in where]
    return [of for of, _ in pairs], [to for _, to in pairs]


def _carried(stored: Dense, begin: Dense, old: Mapping[str, Axes], new: Mapping[str, Axes]) -> dict[str, Array]:
    return {
        name: carry(stored[name], old[name], begin[name], axes) if name in old else begin[name]
        for name, axes in new.items()
    }


def _tables(found: Migration, parameters: Changes, state: Changes, before: ModelConfig, after: ModelConfig) -> None:
    """Rows of items where they have a bias more or less; rows of features that are gone or of another width."""
    columns = item_row_axis(before), item_row_axis(after)
    if columns[0] != columns[1] and ITEM_TABLE in parameters.rows:
        names, values = parameters.rows[ITEM_TABLE]
        of, to = _common(*columns)
        wider = np.zeros((len(names), len(columns[1])), values.dtype)
        wider[:, to] = values[:, of]
        found.parameters.put(ITEM_TABLE, names, wider)
    dims = table_dims(before, users=True, items=True), table_dims(after, users=True, items=True)
    for table in dims[0]:
        if table != ITEM_TABLE and dims[0][table] != dims[1].get(table):
            for stored, changes in ((parameters, found.parameters), (state, found.state)):
                changes.remove(table, stored.rows.get(table, ([], None))[0])


def _beginnings(stored: Dense, before: ModelConfig, after: ModelConfig) -> dict[str, Array]:
    """What every parameter begins with where nothing is carried over."""
    old, new, fresh = parameter_axes(before), parameter_axes(after), Model(after).dense()
    begin = {name: _quiet(fresh[name], old[name], axes) if name in old else fresh[name] for name, axes in new.items()}
    for prefix in (INDEX, RANKER):
        net = f"{prefix}user.net.skip"
        if f"{net}.weight" in old.keys() & new.keys():
            begin[f"{net}.bias"] = fresh[f"{net}.bias"]  # a vector needs a direction: 0 has none
            own = stored[f"{prefix}item.net.skip.weight"][: before.dim, item_layout(before).columns(ITEM_SLOT)]
            _begin_alike(begin[f"{net}.weight"], own, before, after)
    return begin


def _quiet(fresh: Array, before: Axes, after: Axes) -> Array:
    """Rows and columns that are new add nothing; columns of slots may, for the embeddings they multiply are 0."""
    begin = np.array(fresh)
    for axis, (known, labels) in enumerate(zip(map(set, before), after, strict=True)):
        new = [place for place, label in enumerate(labels) if label not in known and not isinstance(label, Column)]
        begin[(slice(None),) * axis + (new,)] = 0
    return begin


def _begin_alike(weights: Array, own: Array, before: ModelConfig, after: ModelConfig) -> None:
    """Let a new task's users be near what they liked, as `towers.begin_alike` does for a new model."""
    layout, known = user_layout(after), {task.name for task in before.tasks}
    for place, task in enumerate(after.tasks):
        if task.name not in known:
            for slot in HISTORY_SLOTS:
                weights[place * after.dim : (place + 1) * after.dim, layout.columns(slot)] = own / 2


def _still(axes: Mapping[str, Axes]) -> dict[str, Array]:
    """Moments and sums before anything has moved."""
    return {
        name: np.zeros([len(axis) for axis in each], np.float32 if name.startswith("adam.") else np.float64)
        for name, each in axes.items()
    }
