"""Histories that forget nothing."""


class Histories:
    def __init__(self) -> None:
        self.events: list[tuple[int, int, str, str]] = []

    def append(self, user: str, item: str, time: int) -> None:
        self.events.append((time, len(self.events), user, item))

    def as_of(self, user: str, time: int, length: int) -> list[tuple[str, int]]:
        before = [(item, when) for when, _, name, item in sorted(self.events) if name == user and when < time]
        return before[-length:]
