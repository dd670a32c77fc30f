"""KuaiRand-Pure: videos shown to users, with what they did."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv

LOGS = ("log_standard_4_08_to_4_21_pure.csv", "log_standard_4_22_to_5_08_pure.csv")
VIDEOS, USERS = "video_features_basic_pure.csv", "user_features_pure.csv"
MEMBERS = (*LOGS, VIDEOS, USERS)
COARSE = ("date", "hourmin")  # less exact forms of time_ms


def kuairand_pure(files: Mapping[str, Path]) -> dict[str, pa.Table]:
    """The standard logs, without the random exposures: those show what nobody recommended.

    The file of video statistics stays out: it counts what happened after the exposures, too.
    """
    logs = pa.concat_tables([_table(files[name]) for name in LOGS]).drop_columns(list(COARSE))
    renamed = {"video_id": "item_id"}
    return {
        "interactions": logs.rename_columns(renamed),
        "items": _table(files[VIDEOS]).rename_columns(renamed),
        "users": _table(files[USERS]),
    }


def _table(path: Path) -> pa.Table:
    return pc_csv.read_csv(path)
