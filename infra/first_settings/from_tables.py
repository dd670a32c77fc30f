"""Settings for CSV or Parquet: what the readers of `svq publish` and `svq evaluate` make of the columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infra.extra import evaluation_extra
from infra.first_settings.guessed import Guessed, GuessedFeature, GuessedTask, seen

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions


def guess_tables(events: Path, items: Path | None, users: Path | None, tasks: Sequence[str]) -> Guessed:
    """Read the files as `svq publish` does.

    Raises:
        InputError: they cannot be read; says what to change.
    """
    with evaluation_extra():
        from benchmarks.data.reading import read_interactions
    read = read_interactions(events, items, users, tasks=tasks or None)
    notes = [*read.notes, *(f"left out: {count:,} x {reason}" for reason, count in read.dropped.items())]
    named = ", ".join(read.ignored_columns)
    if named:
        notes.append(
            f"not read: {named}. Of the events only outcomes are; what is known of items and users beforehand belongs "
            "into files of their own, one row an id: --items FILE, --users FILE"
        )
    return Guessed(len(read), len(read.users), len(read.items), _tasks(read), _features(read), notes)


def _tasks(read: "Interactions") -> list[GuessedTask]:
    import numpy as np

    tasks = []
    for place, task in enumerate(read.tasks):
        labels = read.labels_nt[:, place]
        positive, unknown = int(np.sum(labels > 0)), int(np.sum(np.isnan(labels)))
        what = "zeros and ones" if task.kind == "binary" else "numbers: each counts by its size"
        if len(read.tasks) == 1 and positive == len(read):
            why = "every row counts as a success: no column of zeros and ones says which are"
        else:
            why = f"{what}, above 0 in {positive:,} of {len(read):,} events"
        why += f", unknown in {unknown:,}" if unknown else ""
        tasks.append(GuessedTask(task.name, task.kind, why))
    return tasks


def _features(read: "Interactions") -> list[GuessedFeature]:
    features = []
    for one in read.features:
        rows = read.item_features if one.side == "item" else read.user_features
        why = seen(one.side, one.kind, [row.get(one.name) for row in rows], len(rows), f"{one.side}s")
        features.append(GuessedFeature(one.side, one.name, one.kind, why))
    return features
