"""The split by its definition, in plain Python: no hashed runs, no arrays, no files: slow, and short enough to read."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations

RUN, SECTION, GAP = 12, 512, 64
SHARES = [0.40, 0.15, 0.15, 0.10, 0.10, 0.10]


@dataclass(frozen=True)
class Kept:
    """An excerpt that is kept."""

    part: int
    number: int
    document: int
    text: int
    tokens: tuple[int, ...]


def reference_split(
    texts: list[tuple[str, list[int], str]], max_tokens: int, width: int
) -> tuple[list[Kept], list[str]]:
    """The excerpts in order, and the documents' names. `texts` are (name, tokens, text)."""
    documents, names, whole = _documents(texts, max_tokens)
    clusters = _clusters(documents, whole)
    part_of = _parts([tokens for _, tokens in documents], clusters)
    excerpts = [
        (part_of[number], number, text, tuple(tokens[at : at + width]))
        for number, (text, tokens) in enumerate(documents)
        for at in range(0, len(tokens), width)
        if at == 0 or len(tokens) - at >= 16
    ]
    dropped: set[int] = set()
    taken: set[tuple[int, ...]] = set()
    for part in range(len(SHARES)):
        mine = [i for i, excerpt in enumerate(excerpts) if excerpt[0] == part]
        dropped.update(i for i in mine if _runs(excerpts[i][3]) & taken)
        taken.update(*(_runs(excerpts[i][3]) for i in mine if i not in dropped))
    kept = [
        Kept(part, i, number, text, tokens)
        for i, (part, number, text, tokens) in enumerate(excerpts)
        if i not in dropped
    ]
    return kept, names


def _runs(tokens):
    return {tuple(tokens[i : i + RUN]) for i in range(len(tokens) - RUN + 1)}


def _documents(texts, max_tokens):
    distinct = {}
    for name, tokens, text in sorted(texts):
        distinct.setdefault(hashlib.sha256(text.encode()).digest(), (name, tokens))
    documents, names, lengths = [], [], []
    left = max_tokens
    for _, (name, tokens) in sorted(distinct.items()):
        tokens = tokens[: max(0, left)]
        if len(tokens) < 8:
            continue
        left -= len(tokens)
        n = -(-(len(tokens) + GAP) // (SECTION + GAP))
        ends = [round((len(tokens) - (n - 1) * GAP) * i / n) for i in range(n + 1)]
        for i in range(n):
            documents.append((len(lengths), tokens[ends[i] + i * GAP : ends[i + 1] + i * GAP]))
            names.append(name if n == 1 else f"{name} ({i + 1} of {n})")
        lengths.append(len(tokens))
    short = min(2048, 0.02 * sum(lengths))
    return documents, names, [n <= short for n in lengths]


def _clusters(documents, whole):
    """The number of the first document of each document's cluster."""
    cluster = list(range(len(documents)))
    sizes = [len(tokens) for _, tokens in documents]
    most = 0.02 * sum(sizes)

    def join(a, b, always):
        a, b = sorted((cluster[a], cluster[b]))
        size = sum(n for n, home in zip(sizes, cluster, strict=True) if home in (a, b))
        if a != b and (always or size <= most):
            cluster[:] = [a if home == b else home for home in cluster]

    for number in range(1, len(documents)):
        text = documents[number][0]
        if text == documents[number - 1][0] and whole[text]:
            join(number - 1, number, True)
    runs = [_runs(tokens) for _, tokens in documents]
    holders = defaultdict(list)
    for number, found in enumerate(runs):
        for run in found:
            holders[run].append(number)
    strength = Counter(pair for found in holders.values() if len(found) <= 20 for pair in combinations(found, 2))
    same = {(a, b) for (a, b), n in strength.items() if n > 0.5 * min(len(runs[a]), len(runs[b]))}
    pairs = [pair for pair in strength if pair in same or documents[pair[0]][0] != documents[pair[1]][0]]
    for a, b in sorted(pairs, key=lambda pair: (pair not in same, -strength[pair], pair)):
        join(a, b, (a, b) in same)
    return cluster


def _parts(documents, clusters):
    members = defaultdict(list)
    for number, cluster in enumerate(clusters):
        members[cluster].append(number)

    def content(cluster):
        digest = hashlib.sha256()
        for number in members[cluster]:
            spelled = b"".join(token.to_bytes(4, "little") for token in documents[number])
            digest.update(len(spelled).to_bytes(8, "little") + spelled)
        return digest.digest()

    total = sum(map(len, documents))
    lacking = [share * total for share in SHARES]
    part_of = {}
    for cluster in sorted(members, key=content):
        part = lacking.index(max(lacking))
        lacking[part] -= sum(len(documents[number]) for number in members[cluster])
        part_of.update(dict.fromkeys(members[cluster], part))
    return part_of
