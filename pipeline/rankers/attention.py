"""The net of the attention ranker: a candidate asks the user's history, and what it hears corrects its score."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.config import ModelConfig
from pipeline.layout import item_layout, user_layout
from pipeline.towers import Tower

HEADS = 4
SHARPNESS = 9.0  # of attention at the start: e^9 between an equal and an unrelated direction, shared among the heads
INDEX_SCALE = 0.3  # the parts of a score, mostly within -10..10, are as large as the other inputs then


class Attending(NamedTuple):
    """Users as the candidates see them: y (B, d), keys and values (B, L, d) of their history, whether there (B, L)."""

    y_bd: Tensor
    keys_bld: Tensor
    values_bld: Tensor
    known_bl: Tensor

    def of(self, rows_r: Tensor) -> "Attending":
        """Some rows of them, in another order or several times."""
        return Attending(*(part[rows_r] for part in self))


class AttentionNet(nn.Module):
    """Candidate as query of multi-head attention over the history, cross features, one output a task (Streaming VQ).

    Keys, values and the query are the ids' own embeddings, normalised and linearly mapped, from the identity on: that a
    candidate resembles something taken before counts from the first step. A slot of logit 0 stands for none of all.
    No gradient goes through the normalisation, which would be without bounds for ids that start at zero; it goes to the
    shared embeddings through the ranker's own towers.
    The outputs start at zero, so an untrained ranker changes nothing.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, crossed = config.id_dim, 3 * config.id_dim + HEADS + 2 * config.n_tasks + 1
        self.item = Tower(item_layout(config).width, config.hidden, dim)
        self.user = Tower(user_layout(config).width, config.hidden, dim)
        self.query, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        for projection in (self.query, self.key, self.value):
            nn.init.eye_(projection.weight)
        self.sharpness = nn.Parameter(torch.full((HEADS,), SHARPNESS))
        self.position = nn.Parameter(torch.zeros(HEADS, config.rank_history))
        self.hidden = nn.Linear(crossed, config.hidden)
        self.deep = nn.Linear(config.hidden, config.n_tasks)
        self.wide = nn.Linear(crossed, config.n_tasks, bias=False)
        for output in (self.deep.weight, self.deep.bias, self.wide.weight):
            nn.init.zeros_(output)

    def asking(self, inputs_ni: Tensor, ids_nd: Tensor) -> Tensor:
        """Query and vector of items side by side, (N, 2 id_dim), from the tower's inputs and the ids' embeddings."""
        return torch.cat([self.query(F.normalize(ids_nd.detach(), dim=-1)), self.item.forward(inputs_ni)], dim=-1)

    def attending(self, inputs_bi: Tensor, ids_ud: Tensor, places_bl: Tensor, known_bl: Tensor) -> Attending:
        """Users, from the tower's inputs and places of their history among the embeddings of distinct ids."""
        ids_ud = F.normalize(ids_ud.detach(), dim=-1)
        keys, values = F.embedding(places_bl, self.key(ids_ud)), F.embedding(places_bl, self.value(ids_ud))
        return Attending(self.user.forward(inputs_bi), keys, values, known_bl)

    def forward(self, asking_bne: Tensor, attending: Attending, index_bnf: Tensor) -> Tensor:
        """Corrections of n candidates a user, (B, n, T).

        Args:
            asking_bne: from `asking`.
            attending: from `attending`.
            index_bnf: what the index says of each: u·v and bias a task, gamma log p; (B, n, 2T + 1).
        """
        query, x = asking_bne.chunk(2, dim=-1)
        heard, nearness = self._attention(query, attending)
        y = attending.y_bd.unsqueeze(1)
        agreement = query * heard * query.shape[-1] ** 0.5
        crossed = torch.cat([heard, x * y, agreement, nearness, INDEX_SCALE * index_bnf], dim=-1)
        corrections: Tensor = self.deep(torch.relu(self.hidden(crossed))) + self.wide(crossed)
        return corrections

    def _attention(self, query_bnd: Tensor, attending: Attending) -> tuple[Tensor, Tensor]:
        """What each candidate hears, (B, n, id_dim), and log(1 + Σ exp) of each head's logits, (B, n, heads)."""
        length = attending.known_bl.shape[1]
        query, key, value = map(_by_head, (query_bnd, attending.keys_bld, attending.values_bld))
        absent = torch.where(attending.known_bl, 0.0, -torch.inf)
        bias = self.position[:, :length] + absent.unsqueeze(1)
        logits = query @ key.transpose(-1, -2) * self.sharpness.view(-1, 1, 1) + bias.unsqueeze(2)
        nearness = torch.logsumexp(F.pad(logits, (1, 0)), dim=-1, keepdim=True)
        heard = torch.exp(logits - nearness) @ value
        return heard.transpose(1, 2).flatten(2), nearness.squeeze(-1).transpose(1, 2)


def _by_head(vectors_bnd: Tensor) -> Tensor:
    """(B, n, d) to (B, heads, n, d / heads)."""
    n, dim = vectors_bnd.shape[1:]
    return vectors_bnd.reshape(-1, n, HEADS, dim // HEADS).transpose(1, 2)
