"""Events of the applications, bytes to checked values, or to a reason for the dead letters.

Checked once, here; nothing behind this module checks an event again. Exposures and candidates are decoded in
`schemas.exposures` and `schemas.candidates`; their limits are `schemas.limits`, their fields `schemas.event_fields`.
"""

from schemas.candidates import Candidate, Deletion, decode_candidate
from schemas.event_fields import FeatureValue
from schemas.exposures import Exposure, decode_exposures
from schemas.limits import LIMITS, EventLimits
from schemas.rejection import EventError, Reason, Rejected
from schemas.tally import Tally

__all__ = [
    "LIMITS",
    "Candidate",
    "Deletion",
    "EventError",
    "EventLimits",
    "Exposure",
    "FeatureValue",
    "Reason",
    "Rejected",
    "Tally",
    "decode_candidate",
    "decode_exposures",
]
