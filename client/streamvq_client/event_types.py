"""The fields of events as types with limits, checked while decoding or converting."""

from typing import Annotated, Any

from msgspec import Meta

from streamvq_client.limits import LIMITS

Text = Annotated[str, Meta(max_length=LIMITS.text_length)]
Name = Annotated[str, Meta(max_length=LIMITS.id_bytes)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Real = Annotated[float, Meta(ge=-LIMITS.number, le=LIMITS.number)]

Id = Name | Whole
FeatureValue = (
    Text | Whole | Real | bool | None | Annotated[list[Text | Whole | Real | bool], Meta(max_length=LIMITS.list_length)]
)
Features = Annotated[dict[Name, FeatureValue], Meta(max_length=LIMITS.features)]
Labels = Annotated[dict[Name, Real | bool | None], Meta(max_length=LIMITS.features)]
Attributes = Annotated[dict[Name, Any], Meta(max_length=LIMITS.features)]
