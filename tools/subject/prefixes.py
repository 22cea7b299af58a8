"""Texts that begin alike, read together: every beginning once.

The texts form a tree of tokens with BOS at its root. What stands at a node depends on nothing but the way to it, so the
residual streams of all nodes are the rows of one matrix; only attention looks back along the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tools.subject.network import Network
from tools.subject.protocol import FloatArray, TokenArray

_MOST_NODES = 4096
_ROWS = 512
_MOST_KEYS = 4096
_WORTH_IT = 0.85


@dataclass(frozen=True)
class Texts:
    """Texts in the order of a dictionary, so that each shares most with the one before it.

    Attributes:
        rows: int64 [n], which text of the batch each is; texts without tokens are left out.
        ids: int64 [n, pos], token ids, -1 past the end.
        lengths: int64 [n], at least 1.
        shared: int64 [n], how many tokens each begins with that the one before it begins with too.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    shared: NDArray[np.int64]

    @property
    def are_alike(self) -> bool:
        """Whether they share so much that to read each beginning once is worth the looking back."""
        return 1 + int((self.lengths - self.shared).sum()) <= _WORTH_IT * int((self.lengths + 1).sum())


def in_order(tokens: TokenArray, lengths: NDArray[np.int64]) -> Texts:
    """Order a batch of texts, int [batch, pos] and [batch]; see `Texts`."""
    ids = np.where(np.arange(tokens.shape[1]) < lengths[:, None], tokens, -1).astype(np.int64)
    keys = np.ascontiguousarray((ids + 1).astype(">u4"))  # bytes in the order of the numbers
    rows = np.array(sorted(np.flatnonzero(lengths).tolist(), key=lambda row: keys[row].tobytes()), dtype=np.int64)
    ids = ids[rows]
    same = np.zeros(ids.shape, dtype=bool)
    same[1:] = ids[1:] == ids[:-1]
    return Texts(rows, ids, lengths[rows], np.minimum(np.cumprod(same, axis=1).sum(axis=1), lengths[rows]))


@torch.inference_mode()
def read_alike(model: Network, texts: Texts, shape: tuple[int, ...], layer: int) -> FloatArray:
    """What the MLP of `layer` gets as input, float32 [*shape, d_model] for a batch of `shape` [batch, pos], else 0."""
    out = np.zeros((*shape, model.d_model), dtype=np.float32)
    for tree in _trees(texts, model.bos):
        groups = tree.groups(model.device)
        positions = torch.from_numpy(tree.positions)
        x = model.embed_at(torch.from_numpy(tree.ids), positions)
        for i in range(layer):
            _attend(model, x, positions, groups, i)
            for part in torch.split(x, _ROWS):
                model.feed_forward(part, i)
        _attend(model, x, positions, groups, layer)
        inputs = model.mlp_norm(x, layer).float().cpu().numpy()
        for row, path in zip(tree.rows, tree.paths, strict=True):
            out[row, : len(path) - 1] = inputs[path[1:]]
    return out


def _attend(model: Network, x: torch.Tensor, positions: torch.Tensor, groups: list[_Group], layer: int) -> None:
    """Add attention's output to the residual streams `x` [n_nodes, d_model] at `positions` [n_nodes] in place."""
    queries, keys, values = model.queries_keys_values(x, layer, positions)
    mixed = values.repeat_interleave(queries.shape[1] // values.shape[1], 1)  # the root sees itself alone
    for group in groups:
        q = queries[group.queries].transpose(1, 2)
        k, v = (part[group.keys].transpose(1, 2) for part in (keys, values))
        out = model.mix(q, k, v, layer, group.sees).transpose(1, 2).flatten(0, 1)
        mixed[group.nodes] = out[group.is_own]
    model.add_attention(x, mixed, layer)


@dataclass(frozen=True)
class _Group:
    """Texts that bring about as many nodes each, for one call of attention.

    Attributes:
        queries: int64 [n, most own nodes], each text's own nodes, the last one again past the end.
        keys: int64 [n, longest way], the nodes on the way to each text's end, 0 past the end.
        sees: bool [n, 1, queries, keys].
        is_own: int64 [k], which of the queries, counted through, are nodes and not padding.
        nodes: int64 [k], which nodes those are.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    sees: torch.Tensor
    is_own: torch.Tensor
    nodes: torch.Tensor


@dataclass(frozen=True)
class _Tree:
    """A tree of some texts, its nodes numbered from 0, the root.

    Attributes:
        ids: int64 [n_nodes], each node's token.
        positions: int64 [n_nodes], how far from the root it stands.
        rows: int64 [n], which text of the batch ends each way.
        paths: n ways from the root, each int64 [1 + length].
        own: int64 [n], how many nodes at its end a way shares with none before it.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    rows: NDArray[np.int64]
    paths: list[NDArray[np.int64]]
    own: NDArray[np.int64]

    def groups(self, device: torch.device) -> list[_Group]:
        """Every node but the root in one group."""
        size = np.frexp(self.own)[1]  # bits
        order = np.lexsort((np.array([len(path) for path in self.paths]), size))
        groups: list[list[int]] = []
        for i in order[self.own[order] > 0].tolist():
            full = groups and (len(groups[-1]) + 1) * len(self.paths[i]) > _MOST_KEYS
            if not groups or full or size[groups[-1][0]] != size[i]:
                groups.append([])
            groups[-1].append(i)
        return [self._group(members, device) for members in groups]

    def _group(self, members: list[int], device: torch.device) -> _Group:
        own, lengths = self.own[members], np.array([len(self.paths[i]) for i in members])
        keys = np.zeros((len(members), lengths.max()), dtype=np.int64)
        for k, i in enumerate(members):
            keys[k, : lengths[k]] = self.paths[i]
        step = np.arange(own.max())
        at = np.minimum((lengths - own)[:, None] + step, lengths[:, None] - 1)
        queries = np.take_along_axis(keys, at, 1)
        is_own = np.flatnonzero(step < own[:, None])
        sees = np.arange(keys.shape[1]) <= at[:, None, :, None]
        arrays = queries, keys, sees, is_own, queries.ravel()[is_own]
        return _Group(*(torch.from_numpy(array).to(device) for array in arrays))


def _trees(texts: Texts, bos: int) -> Iterator[_Tree]:
    """Trees of at most `_MOST_NODES` nodes, or of one text."""
    first, last = 0, 0
    while first < len(texts.rows):
        n_nodes = 1 + int(texts.lengths[first])
        last = first + 1
        while last < len(texts.rows):
            n_nodes += int(texts.lengths[last] - texts.shared[last])
            if n_nodes > _MOST_NODES:
                break
            last += 1
        yield _tree(texts, bos, first, last)
        first = last


def _tree(texts: Texts, bos: int, first: int, last: int) -> _Tree:
    n_nodes = 1
    root = np.zeros(1, dtype=np.int64)
    ids, positions = [root + bos], [root]
    paths: list[NDArray[np.int64]] = []
    own = []
    for i in range(first, last):
        shared, length = (int(texts.shared[i]) if i > first else 0), int(texts.lengths[i])
        new = np.arange(n_nodes, n_nodes + length - shared)
        paths.append(np.concatenate([paths[-1][: 1 + shared] if paths else root, new]))
        ids.append(texts.ids[i, shared:length])
        positions.append(np.arange(shared + 1, length + 1))
        own.append(len(new))
        n_nodes += len(new)
    return _Tree(np.concatenate(ids), np.concatenate(positions), texts.rows[first:last], paths, np.array(own))
