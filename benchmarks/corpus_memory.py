"""How much memory and time it takes to split a corpus, and that the memory does not grow with the corpus.

python benchmarks/corpus_memory.py                          # 2, 8 and 32 million tokens
python benchmarks/corpus_memory.py --tokens 1,4 --against OLDER_CHECKOUT

Each size is read and split in a process of its own, then read again from the cache in another; what each needs beyond
its imports and its tokenizer (that of `mini`) is printed. `--against` does the same with another checkout's code.
The text is made up: words of Python's help topics, one text in ten with a common header, one in fifty a near copy.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

ROOT = Path(__file__).resolve().parent.parent
TOKENS_PER_WORD = 1.6  # a little less than mini's tokenizer makes of these words

_CHILD = """
import json, resource, sys, time
from pathlib import Path
root, file, tokens, cache = sys.argv[1:]
sys.path.insert(0, root)
from tools.evidence.texts.corpus import load_texts
from tools.evidence.progress import NoProgress
from tools.evidence.splits.split_corpus import split_corpus
from tools.subject.tokenizer import load_tokenizer
def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
tokenizer = load_tokenizer(Path(root) / "tools/mini/weights")
tokenizer.encode(["to load what it loads late"])
before, began, cpu = megabytes(), time.perf_counter(), cpu_s()
texts = load_texts(file, "mini")
read = time.perf_counter()
corpus = split_corpus(texts, tokenizer, int(tokens), Path(cache), NoProgress())
done = time.perf_counter()
print(json.dumps({"n": corpus.n_tokens, "fingerprint": corpus.fingerprint, "before": before,
                  "peak": megabytes(), "read_s": read - began, "split_s": done - read,
                  "cpu_s": cpu_s() - cpu}))
"""


def write_corpus(path: Path, n_tokens: int) -> None:
    """A `.jsonl` file of about `n_tokens` tokens."""
    rng = random.Random(0)
    words = " ".join(topics.values()).split()
    header = " ".join(rng.choices(words, k=25))

    def texts() -> Iterator[str]:
        last, n_left = "", n_tokens / TOKENS_PER_WORD
        while n_left > 0:
            drawn = rng.choices(words, k=min(3000, 20 + int(rng.expovariate(1 / 400))))
            text = " ".join(drawn)
            if rng.random() < 0.1:
                text = f"{header} {text}"
            yield text
            n_left -= len(drawn)
            if rng.random() < 0.02:
                yield f"{last} {drawn[0]}"
                n_left -= len(last.split())
            last = text

    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts())


def measured(root: Path, file: Path, tokens: int, cache: Path) -> dict[str, float]:
    """What a fresh process says of itself."""
    command = [sys.executable, "-c", _CHILD, str(root), str(file), str(tokens), str(cache)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    out = subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(out.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", default="2,8,32", help="millions of tokens of each corpus")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout of this project")
    given = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        print("      tokens      of  peak MB  read s  split s  both, CPU s  cached: MB      s  GB on disk")
        for millions in map(float, given.tokens.split(",")):
            tokens = int(millions * 1e6)
            file = Path(folder) / "corpus.jsonl"
            write_corpus(file, tokens)
            seen = set()
            for root in filter(None, [given.against and given.against.resolve(), ROOT]):
                cache = Path(folder) / f"cache-{tokens}-{root == ROOT}"
                made, again = (measured(root, file, tokens, cache) for _ in range(2))
                n_bytes = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
                peak, mapped = (run["peak"] - run["before"] for run in (made, again))
                print(
                    f"{made['n']:12,} {'here' if root == ROOT else 'there':>7} {peak:8.0f} {made['read_s']:7.2f} "
                    f"{made['split_s']:8.1f} {made['cpu_s']:12.1f} {mapped:11.0f} {again['split_s']:6.2f} "
                    f"{n_bytes / 1e9:11.3f}",
                    flush=True,
                )
                seen.add(made["fingerprint"])
            if len(seen) > 1:
                raise SystemExit("the two checkouts split this corpus differently.")
            peaks.append(peak)
    print(f"peak of the largest over peak of the smallest: {peaks[-1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
