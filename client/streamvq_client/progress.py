"""How far a reader is."""

from collections.abc import Mapping

Place = tuple[str, int]


class Progress:
    """Positions of a reader, against where its topics ended when it started.

    >>> progress = Progress(positions={("t", 0): 5}, ends={("t", 0): 7})
    >>> progress.ready, progress.waiting_for()
    (False, {'t': 2})
    >>> progress.move({("t", 0): 9})
    >>> progress.ready, progress.lag({("t", 0): 10})
    (True, {'t': 1})
    """

    def __init__(self, positions: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        self.positions = dict(positions)
        self.ends = dict(ends)
        self._behind = set(self.positions)
        self.move({})

    def move(self, positions: Mapping[Place, int]) -> None:
        """Take over these positions, each the offset of the next record."""
        self.positions.update(positions)
        self._behind = {place for place in self._behind if self.positions[place] < self.ends[place]}

    @property
    def ready(self) -> bool:
        """Whether every place has been read up to its end; stays true."""
        return not self._behind

    def waiting_for(self) -> dict[str, int]:
        """Topic -> offsets missing until `ready`, only topics that miss some."""
        waiting: dict[str, int] = {}
        for place in self._behind:
            waiting[place[0]] = waiting.get(place[0], 0) + self.ends[place] - self.positions[place]
        return waiting

    def lag(self, ends: Mapping[Place, int | None]) -> dict[str, int]:
        """Topic -> offsets missing until these ends; None for an end that is not known better than at the start."""
        lag = {topic: 0 for topic, _ in self.positions}
        for place, position in self.positions.items():
            end = ends.get(place)
            lag[place[0]] += max(0, (self.ends[place] if end is None else end) - position)
        return lag
