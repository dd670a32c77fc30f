"""The attention ranker's correction, one candidate and one entry of the history at a time."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Net:
    """The published tensors of the net."""

    def __init__(self, dense: Mapping[str, Any], prefix: str = "tower.ranker.") -> None:
        self.tensors = {
            name.removeprefix(prefix): value.astype(np.float64)
            for name, value in dense.items()
            if name.startswith(prefix)
        }

    def tower(self, side: str, inputs: Vector) -> Vector:
        tensors = self.tensors
        hidden = np.maximum(tensors[f"{side}.hidden.weight"] @ inputs + tensors[f"{side}.hidden.bias"], 0)
        skipped = tensors[f"{side}.skip.weight"] @ inputs + tensors[f"{side}.skip.bias"]
        output: Vector = skipped + tensors[f"{side}.out.weight"] @ hidden
        return output

    def correction(
        self,
        item_inputs: Vector,
        item_id: Vector,
        user_inputs: Vector,
        history: Sequence[Vector | None],
        index: Vector,
        heads: int = 4,
    ) -> Vector:
        """`history` is latest first, None for an id that nobody knows; `index` are the parts of the index's score."""
        tensors = self.tensors
        query = tensors["query.weight"] @ _unit(item_id)
        width = len(query) // heads
        heard, nearness = [], []
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            weights, values = [1.0], [np.zeros(width)]
            for place, entry in enumerate(history):
                if entry is None:
                    continue
                key, value = tensors["key.weight"] @ _unit(entry), tensors["value.weight"] @ _unit(entry)
                logit = tensors["sharpness"][head] * (query[part] @ key[part]) + tensors["position"][head, place]
                weights.append(math.exp(logit))
                values.append(value[part])
            total = sum(weights)
            heard.append(sum(weight / total * value for weight, value in zip(weights, values, strict=True)))
            nearness.append(math.log(total))
        said = np.concatenate(heard)
        x, y = self.tower("item", item_inputs), self.tower("user", user_inputs)
        agreement = query * said * math.sqrt(len(query))
        crossed = np.concatenate([said, x * y, agreement, nearness, 0.3 * index])
        hidden = np.maximum(tensors["hidden.weight"] @ crossed + tensors["hidden.bias"], 0)
        result: Vector = tensors["deep.weight"] @ hidden + tensors["deep.bias"] + tensors["wide.weight"] @ crossed
        return result


def _unit(vector: Vector) -> Vector:
    return vector / max(math.sqrt(vector @ vector), 1e-12)
