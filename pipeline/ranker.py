"""The ranking step: which towers score the candidates."""

from torch import nn

from pipeline.config import ModelConfig
from pipeline.towers import ItemTower, UserTower


def build_towers(config: ModelConfig) -> nn.ModuleDict:
    """The towers of both steps. The two-tower ranker shares the embeddings and has towers and item bias of its own."""
    towers = {"user": UserTower(config), "item": ItemTower(config)}
    if config.ranker == "two_tower":
        towers |= {"rank_user": UserTower(config), "rank_item": ItemTower(config)}
    return nn.ModuleDict(towers)
