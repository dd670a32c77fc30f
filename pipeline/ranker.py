"""The ranking step: which nets score the candidates, and how."""

from torch import nn

from pipeline.config import ModelConfig
from pipeline.rankers.attention import AttentionNet
from pipeline.rankers.attentive import AttentiveRanker
from pipeline.rankers.ranker import DotRanker, Ranker, Towers
from pipeline.repeats import Repeats
from pipeline.towers import ItemTower, UserTower, begin_alike


def build_towers(config: ModelConfig) -> nn.ModuleDict:
    """The nets of both steps. A ranker of its own shares the embeddings and has towers of its own."""
    towers: dict[str, nn.Module] = {"repeats": Repeats(config), **_alike(config)}
    if config.ranker == "two_tower":
        towers |= {f"rank_{side}": tower for side, tower in _alike(config).items()}
    if config.ranker == "attention":
        towers["ranker"] = AttentionNet(config)
    return nn.ModuleDict(towers)


def build_ranker(model: Towers) -> Ranker:
    """The ranker of a model's configuration, over its towers."""
    if model.config.ranker == "attention":
        return AttentiveRanker(model)
    return DotRanker(model, "rank_" if model.config.ranker == "two_tower" else "")


def _alike(config: ModelConfig) -> dict[str, nn.Module]:
    user, item = UserTower(config), ItemTower(config)
    begin_alike(user, item, config)
    return {"user": user, "item": item}
