"""Train `mini`, the GPT-2-architecture model that ships with the project.

    python -m tools.training.train --out tools/mini/weights --tokens 30e6 --threads 2

The text is the training part of the standard library (see `tools.mini.text`); held-out loss is measured on the other
part. With `--corpus FOLDER` it is a second model, of any texts:

    python -m tools.training.train --out second --corpus texts --held-out second-held-out --seed 1 --tokens 4e6

The texts of the folder whose SHA-256 begins with an even byte are learnt from; the others are held out, those that
share too much with the training part are left out, and `used.json` beside the weights says which is which.

Every window begins with `<|endoftext|>`, because that is how excerpts are read later. A state file beside the
weights makes the run resumable: the same command goes on where it stopped. The learning rate is constant and falls
linearly to zero over the last fifth of `--tokens`. The best checkpoint by held-out loss is what is written.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tools.evidence.texts.corpus import load_texts
from tools.mini.text import texts_of
from tools.training.train_split import TrainSplit, split_texts, without_near_copies, write_texts

BOS = "<|endoftext|>"
VOCAB, N_POSITIONS, D_MODEL, N_LAYERS, N_HEADS = 4096, 256, 192, 6, 6
BATCH = 16
WARMUP_STEPS = 200
HELD_OUT_WINDOWS = 64
EVAL_EVERY = 100


def train_tokenizer(texts: list[str], out: Path) -> Any:
    """Train a byte-level BPE tokenizer on `texts`, write it to `out` in Hugging Face's format and return it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[BOS], initial_alphabet=alphabet, show_progress=False, max_token_length=16
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS, unk_token=BOS, model_max_length=N_POSITIONS
    )
    fast.save_pretrained(out)
    return tokenizer


def encode(tokenizer: Any, texts: list[str]) -> list[NDArray[np.int64]]:
    """Token ids of each text, without BOS."""
    return [np.array(e.ids, dtype=np.int64) for e in tokenizer.encode_batch(texts)]


def windows(texts: list[NDArray[np.int64]], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `n` windows, texts in proportion to their length. Shape [n, N_POSITIONS]; -1 pads on the right."""
    lengths = np.array([len(t) for t in texts], dtype=np.float64)
    out = np.full((n, N_POSITIONS), -1, dtype=np.int64)
    out[:, 0] = 0
    for row, pick in enumerate(rng.choice(len(texts), size=n, p=lengths / lengths.sum())):
        ids = texts[pick]
        start = int(rng.integers(-N_POSITIONS // 2, max(1, len(ids) - N_POSITIONS // 2)))
        piece = ids[max(0, start) : max(0, start) + N_POSITIONS - 1]
        out[row, 1 : 1 + len(piece)] = piece
    return out


def loss_of(model: Any, batch: NDArray[np.int64], device: str) -> torch.Tensor:
    """Mean next-token cross-entropy in nats over the non-padding positions of `batch` [n, pos]."""
    ids = torch.from_numpy(batch).to(device)
    with torch.autocast(device, dtype=torch.bfloat16):
        logits = model(ids.clamp(min=0)).logits
    flat = logits[:, :-1].float().reshape(-1, logits.shape[-1])
    return torch.nn.functional.cross_entropy(flat, ids[:, 1:].reshape(-1), ignore_index=-1)


def held_out_loss(model: Any, batches: NDArray[np.int64], device: str) -> float:
    """Mean loss in nats per token over fixed held-out windows [n, pos]."""
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for chunk in np.array_split(batches, max(1, len(batches) // BATCH)):
            n = int((chunk[:, 1:] >= 0).sum())
            total += float(loss_of(model, chunk, device)) * n
            count += n
    model.train()
    return total / count


def ngram_losses(train: list[NDArray[np.int64]], held_out: NDArray[np.int64]) -> tuple[float, float]:
    """Unigram and bigram held-out loss in nats per token, on the windows that the model is measured on.

    The bigram is interpolated with the unigram by Witten-Bell: a context seen n times with k distinct successors
    keeps n / (n + k) of its own counts.
    """
    unigram = np.ones(VOCAB)
    pairs = np.zeros((VOCAB, VOCAB), dtype=np.float64)
    for ids in train:
        np.add.at(unigram, ids, 1)
        np.add.at(pairs, (np.concatenate([[0], ids[:-1]]), ids), 1)
    p_unigram = unigram / unigram.sum()
    seen, distinct = pairs.sum(1), (pairs > 0).sum(1)
    previous, current = held_out[:, :-1].ravel(), held_out[:, 1:].ravel()
    keep = current >= 0
    previous, current = previous[keep], current[keep]
    n, k = seen[previous], np.maximum(distinct[previous], 1)
    p_bigram = (pairs[previous, current] + k * p_unigram[current]) / (n + k)
    return float(-np.log(p_unigram[current]).mean()), float(-np.log(p_bigram).mean())


def model_card(facts: dict[str, Any]) -> str:
    """The README.md beside the weights, from what `training.json` holds."""
    return f"""# mini

A GPT-2-architecture language model of Python's own standard library, small enough to ship: {N_LAYERS} layers,
width {D_MODEL}, {4 * D_MODEL} neurons a layer, {N_HEADS} heads, {N_POSITIONS} positions, a byte-level BPE vocabulary of
{VOCAB} tokens of its own, weights in 16 bits. It exists so that the agent can be tried and tested without a network.

| | |
|---|---|
| Text | non-test modules and help topics of Python {facts["python"]}'s standard library |
| Trained on | the texts whose SHA-256 begins with an even byte: {facts["training_tokens"]:,} tokens |
| Held out, and the default corpus | the other texts |
| Tokens seen | {facts["tokens_seen"]:,} |
| Held-out loss, nats per token | **{facts["held_out_loss"]:.3f}** |
| Bigram on the same text (Witten-Bell) | {facts["bigram_loss"]:.3f} |
| Unigram on the same text | {facts["unigram_loss"]:.3f} |
| Seed, peak learning rate | {facts["seed"]}, {facts["lr"]} |

Held-out loss is measured on {HELD_OUT_WINDOWS} fixed windows of {N_POSITIONS} tokens; `training.json` has the curve.
`seen.npy` holds hashed runs of 12 tokens of the training text, so that texts much like it are left out of the default
corpus on every version of Python.

Train it again, and hash what it saw:

    python -m tools.training.train --out tools/mini/weights --tokens {facts["tokens_seen"] / 1e6:.0f}e6
    python -m tools.training.seen --out tools/mini/weights
"""


def corpus_card(facts: dict[str, Any]) -> str:
    """The README.md beside the weights of a model of `--corpus`, from what `training.json` holds."""
    return f"""# A model of {facts["corpus"]}

A GPT-2-architecture language model trained as `mini` is, on texts of its own: {facts["layers"]} layers, width
{D_MODEL}, {4 * D_MODEL} neurons a layer, {N_HEADS} heads, {N_POSITIONS} positions, a byte-level BPE vocabulary of
{VOCAB} tokens of its own.

| | |
|---|---|
| Corpus | {facts["corpus"]}, fingerprint {facts["fingerprint"]} |
| Trained on | the texts whose SHA-256 begins with an even byte: {facts["training_tokens"]:,} tokens |
| Held out | the other texts, but for near copies: {facts["held_out_tokens"]:,} tokens; names in `used.json` |
| Tokens seen | {facts["tokens_seen"]:,} |
| Held-out loss, nats per token | **{facts["held_out_loss"]:.3f}** |
| Bigram on the same text (Witten-Bell) | {facts["bigram_loss"]:.3f} |
| Unigram on the same text | {facts["unigram_loss"]:.3f} |
| Seed, peak learning rate | {facts["seed"]}, {facts["lr"]} |
| Windows a step, dropout | {facts["batch"]}, {facts["dropout"]} |

Held-out loss is measured on {HELD_OUT_WINDOWS} fixed windows of {N_POSITIONS} tokens; `training.json` has the curve.
"""


def learning_rate(tokens: int, limit: int, peak: float, step: int) -> float:
    """Warm up, hold at `peak`, fall linearly to zero over the last fifth of `limit` tokens."""
    return peak * min(1.0, (step + 1) / WARMUP_STEPS, max(0.0, (limit - tokens) / (0.2 * limit)))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and tokenizer")
    parser.add_argument("--corpus", help="texts to learn from: a folder or a file (default: the standard library)")
    parser.add_argument("--held-out", type=Path, help="write the held-out texts of --corpus to this folder")
    parser.add_argument("--layers", type=int, default=N_LAYERS)
    parser.add_argument("--batch", type=int, default=BATCH, help="windows of 256 tokens a step")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--tokens", type=float, default=30e6, help="training tokens in all")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def main() -> None:
    """Train, or go on training, and write the best checkpoint."""
    args = parse_arguments()
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    state_path = args.out / "training_state.pt"
    if args.corpus:
        corpus = load_texts(args.corpus, "")
        used = split_texts(corpus.name, list(corpus.texts), corpus.fingerprint)
    else:
        used = TrainSplit("standard library", list(texts_of("training")), list(texts_of("corpus")))
    training_texts = [text for _, text in used.training]
    tokenizer = train_tokenizer(training_texts, args.out)
    train = encode(tokenizer, training_texts)
    held_out_texts = encode(tokenizer, [text for _, text in used.held_out])
    if args.corpus:
        used, held_out_texts = without_near_copies(used, train, held_out_texts)
        used.save(args.out)
    if args.held_out:
        write_texts(used.held_out, args.held_out)
    train = [ids for ids in train if len(ids) > 1]
    held_out_texts = [ids for ids in held_out_texts if len(ids) > 1]
    held_out = windows(held_out_texts, HELD_OUT_WINDOWS, np.random.default_rng(1))
    n_train = sum(map(len, train))
    unigram, bigram = ngram_losses(train, held_out)
    print(f"training tokens {n_train:,}; held-out texts {sum(map(len, held_out_texts)):,} tokens", flush=True)
    print(f"held-out nats per token: unigram {unigram:.3f}, bigram {bigram:.3f}", flush=True)

    torch.manual_seed(args.seed)
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=N_POSITIONS, n_embd=D_MODEL, n_layer=args.layers, n_head=N_HEADS,
        bos_token_id=0, eos_token_id=0, resid_pdrop=args.dropout, embd_pdrop=args.dropout,
        attn_pdrop=0.0,  # dropout inside attention falls back to a path several times slower on a CPU
        activation_function="gelu_pytorch_tanh",  # the same function as GPT-2's gelu_new, in one fused kernel
    )  # fmt: skip
    model = GPT2LMHeadModel(config).to(args.device)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), fused=True)
    rng = np.random.default_rng(args.seed)
    tokens, step, best, history = 0, 0, math.inf, []
    limit = int(args.tokens)
    if state_path.exists():
        state = torch.load(state_path, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"])
        tokens, step, best, history = state["tokens"], state["step"], state["best"], state["history"]

    started, since = time.monotonic(), tokens
    while tokens < limit:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(tokens, limit, args.lr, step)
        loss = loss_of(model, windows(train, args.batch, rng), args.device)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += args.batch * (N_POSITIONS - 1)
        step += 1
        if step % EVAL_EVERY == 0 or tokens >= limit:
            value = held_out_loss(model, held_out, args.device)
            rate = (tokens - since) / (time.monotonic() - started)
            history.append({"tokens": tokens, "train": float(loss.detach()), "held_out": value})
            print(f"{tokens:>12,} tokens  train {float(loss.detach()):.3f}  held out {value:.3f}  {rate:,.0f} tokens/s",
                  flush=True)  # fmt: skip
            if value < best:
                best = value
                # 16-bit weights keep the model small in the repository; the copy leaves the trained ones alone
                half = copy.deepcopy(model).half()
                half.config.activation_function = "gelu_new"
                half.save_pretrained(args.out)
                card = {
                    "tokens_seen": tokens, "training_tokens": n_train, "held_out_loss": value, "unigram_loss": unigram,
                    "bigram_loss": bigram, "python": platform.python_version(), "seed": args.seed, "lr": args.lr,
                    "history": history,
                }  # fmt: skip
                if args.corpus:
                    card |= {
                        "corpus": used.name, "fingerprint": used.fingerprint, "layers": args.layers,
                        "batch": args.batch, "dropout": args.dropout,
                        "held_out_tokens": sum(map(len, held_out_texts)),
                    }  # fmt: skip
                (args.out / "training.json").write_text(json.dumps(card, indent=1) + "\n")
                (args.out / "README.md").write_text(corpus_card(card) if args.corpus else model_card(card))
            torch.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": rng.bit_generator.state,
                 "torch_rng": torch.get_rng_state(), "tokens": tokens, "step": step, "best": best, "history": history},
                state_path,
            )  # fmt: skip


if __name__ == "__main__":
    main()
