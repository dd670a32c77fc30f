"""Examples of what the console's endpoints answer, for /docs."""

from typing import Any, Final

from schemas.http_console import (
    ActiveUser,
    ActiveUsers,
    ClusterHistory,
    CodebookMap,
    Delays,
    Foreseen,
    Foresight,
    Immediacy,
    ItemBrief,
    Letter,
    Letters,
    Move,
    Moves,
    Neighbour,
    Series,
    Surroundings,
)
from serving.console.timeline import COLUMNS
from serving.examples import BEGIN, VERSION

_TIMES: Final = [BEGIN, BEGIN + 1000]
_COLUMNS: Final[dict[str, Any]] = {name: [0.0, 0.0] for name in COLUMNS} | {
    "exposures": [396_100.0, 396_370.0],
    "learnt": [396_300.0, 396_590.0],
    "version_age_s": [0.3, 0.2],
    "items": [3659.0, 3659.0],
    "codes": [64.0, 64.0],
    "codes_used": [64.0, 64.0],
    "perplexity": [50.1, 50.1],
}
_MOVE: Final = Move(BEGIN, "i42", "A mug", 7, 12, VERSION)
_LETTER: Final[dict[str, Any]] = {
    "time": BEGIN,
    "reason": "unknown_task",
    "detail": "labels.clicks: no task is configured for it",
    "place": "svq-exposures[3]@1042#7",
    "replayed": False,
    "key": "u17",
    "value": '{"user_id": "u17", "item_id": "i42", "labels": {"clicks": 1}}',
    "value_bytes": 61,
}

SERIES: Final = Series(1.0, BEGIN - 60_000, _TIMES, **_COLUMNS)
IMMEDIACY: Final = Immediacy(
    Delays("from an indexer's taking it up to its being found", 300.0, [0.05, 0.1], [90, 9, 1], 100, 0.05, 0.1),
    Delays("from the candidate's own time to its being found", 300.0, [0.05, 0.1], [8, 2, 0], 10, 0.05, 0.1),
)
FORESIGHT: Final = Foresight(
    share=0.01,
    samples=310,
    unclear=12,
    judged=1200,
    hit_10=0.09,
    hit_100=0.273,
    popular_10=0.07,
    popular_100=0.236,
    latest=[Foreseen(BEGIN, "u17", "i42", "A mug", 12, 230)],
)
MAP: Final = CodebookMap(
    version=VERSION,
    codes=64,
    shown=2,
    explained=[0.31, 0.14],
    id=[7, 12],
    x=[0.41, -0.2],
    y=[0.1, 0.32],
    items=[140, 97],
    exposures=[20_100, 9_400],
    exposures_s=[81.5, 40.2],
    sizes_from=[0, 6, 12],
    sizes=[10, 30, 24],
)
SURROUNDINGS: Final = Surroundings(
    id=7,
    items=140,
    exposures=20_100,
    exposures_s=81.5,
    best=[ItemBrief("i42", "A mug", 120)],
    neighbours=[Neighbour(12, 0.83, 97, 40.2)],
    history=ClusterHistory(_TIMES, [139, 140], [20_020, 20_100]),
    moves=[_MOVE],
)
MOVES: Final = Moves(BEGIN - 60_000, 20_000, 3, 41, [_MOVE])
USERS: Final = ActiveUsers([ActiveUser("u17", 34, BEGIN)], 4372)
LETTERS: Final = Letters([Letter(**_LETTER)], {"unknown_task": 1}, looked=2, complete=True, foreign=0)
