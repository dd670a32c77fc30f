"""docs/recovery.md gives a reason for every setting of every topic, and no other."""

from pathlib import Path

from schemas.kafka import KafkaSettings
from schemas.topics import Topics

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text()
CHANGELOGS, ALL = "changelogs", "all"


def reasons() -> list[list[str]]:
    """Setting, value, topics, why."""
    section = PAGE.split("\n## Why the topics are as they are\n", 1)[1]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_setting_of_every_topic_has_a_reason() -> None:
    used = set()
    for spec in Topics("").specs(KafkaSettings()):
        topic = spec.name.removeprefix("-")
        assert f"`{topic}`" in PAGE, topic
        for key, value in spec.config.items():
            fitting = [
                number
                for number, (setting, found, topics, why) in enumerate(reasons())
                if (setting, found) == (f"`{key}`", f"`{value}`")
                and (f"`{topic}`" in topics or topics == ALL or (CHANGELOGS in topics and topic.endswith("-changelog")))
                and why
            ]
            assert len(fitting) == 1, f"{topic}: {key}={value}"
            used.update(fitting)
    assert used == set(range(len(reasons()))), "a reason for what is set nowhere"
