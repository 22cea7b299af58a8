"""`agent index`: every neuron of a model over a corpus, built once and then looked up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.option_types import whole
from agent.cli.options import CORPUS, Part, engine_part, model_part, neuron_part, output_part
from agent.cli.output import progress, say, say_json
from agent.cli.parsing import Commands, command, group

if TYPE_CHECKING:
    from tools.index.neuron_report import NeuronReport, ReadExcerpt
    from tools.index.store import ActivationIndex


_LOADS = ("agent.setup.indexes",)


def add(commands: Commands) -> None:
    """Mount them."""
    under = group(
        commands, "index", "Index all neurons of a model on a corpus, and look them up.",
        "agent index build --model gpt2\n  agent index neuron gpt2/L5N131",
    )  # fmt: skip
    model, engine, output = model_part(), engine_part(), output_part()
    texts = Part("text")
    texts.add_argument("--corpus", help=f"{CORPUS} (default: the model's own)")
    where = Part("text")
    where.add_argument(
        "--index", metavar="DIR", default="auto", help="the index's folder (default: found by model and corpus)"
    )

    building = command(
        under, "build", build,
        "Make an index, or go on making it. It holds every neuron's top excerpts, excerpts by quantile of activation, "
        "moments and firing rate.",
        "agent index build --model gpt2 --corpus my-texts/ --workers 2\n"
        "  agent index build --model gpt2-xl --device cuda --dtype bfloat16", [model, texts, engine, output], _LOADS,
    )  # fmt: skip
    building.add_argument("--corpus-tokens", type=whole(1), metavar="N", help="read at most N tokens (default: all)")
    building.add_argument(
        "--out", metavar="DIR", help="where the index goes (default: the cache, where explain finds it)"
    )
    building.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of every worker (default: cpu)")
    building.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32",
        help="bfloat16 only screens: it keeps twice as many excerpts and reads their values again in float32",
    )  # fmt: skip
    building.add_argument(
        "--batch-excerpts",
        type=whole(1),
        metavar="N",
        help="excerpts per batch (default: what fits in 128 MB, or 4 GB on a GPU)",
    )

    about = command(
        under, "info", info, "Show what an index holds.",
        "agent index info --model gpt2 --check", [model, texts, where, output], _LOADS,
    )  # fmt: skip
    about.add_argument("--check", action="store_true", help="read every file and compare its checksum")

    look = command(
        under, "neuron", show_neuron,
        "Show how often a neuron fires, and where. It prints top excerpts, and others by quantile of activation; "
        "--json prints OpenAI's NeuronRecord.",
        "agent index neuron gpt2/L5N131", [neuron_part(), texts, where, output], _LOADS,
    )  # fmt: skip
    look.add_argument("-n", type=whole(1), default=10, metavar="N", help="top excerpts, at most 20 (default: 10)")


def build(arguments: argparse.Namespace) -> None:
    """Build an index, or go on with one, and print where it is."""
    from agent.setup.indexes import IndexRequest
    from agent.setup.indexes import build as build_index

    request = IndexRequest(
        model=arguments.model,
        trust_remote_code=arguments.trust_remote_code,
        corpus=arguments.corpus,
        corpus_tokens=arguments.corpus_tokens,
        out=Path(arguments.out) if arguments.out else None,
        device=arguments.device,
        dtype=arguments.dtype,
        batch_excerpts=arguments.batch_excerpts,
        engine=arguments.engine,
        workers=arguments.workers,
        ray_address=arguments.ray_address,
    )
    with progress(quiet=arguments.quiet) as display:
        index = build_index(request, display)
    if arguments.json:
        say_json({"folder": str(index.folder), "fingerprint": index.fingerprint, **_about(index)})
    else:
        say(_described(index))


def info(arguments: argparse.Namespace) -> None:
    """Show what an index holds."""
    from agent.setup.indexes import opened

    with progress(quiet=arguments.quiet) as display:
        index = opened(arguments.index, arguments.model, arguments.corpus, display, arguments.trust_remote_code)
        if arguments.check:
            index.check_all()
    if arguments.json:
        say_json({"folder": str(index.folder), "fingerprint": index.fingerprint, **_about(index)})
    else:
        say(_described(index) + ("\n  all files are as they were written" if arguments.check else ""))


def show_neuron(arguments: argparse.Namespace) -> None:
    """Print what an index says about one neuron."""
    from agent.setup.indexes import show as look_up

    with progress(quiet=arguments.quiet) as display:
        index, name, shown = look_up(
            arguments.target,
            arguments.index,
            arguments.model,
            arguments.corpus,
            arguments.n,
            display,
            arguments.trust_remote_code,
        )
    if arguments.json:
        say_json(shown.exported().model_dump(mode="json"))
    else:
        say("\n".join([f"{name}/{shown.neuron} on {index.manifest['corpus']['name']}, explore text", *_lines(shown)]))


def _about(index: ActivationIndex) -> dict[str, object]:
    hidden = ("files", "token_blocks", "token_type", "counts", "version")
    return {name: value for name, value in index.manifest.items() if name not in hidden} | {"bytes": index.n_bytes}


def _described(index: ActivationIndex) -> str:
    from tools.sizes import size_text

    about = index.manifest
    excerpts, values, shape = about["excerpts"], about["values"], index.shape
    n_read, n_summed = about["corpus"]["n_tokens"], about["statistics"]["tokens"]
    rounding = about.get("against_float32")
    lines = [
        f"index of {about['model']['name']} on {about['corpus']['name']}",
        f"  {shape.n_layers} layers of {shape.d_mlp:,} neurons, {n_read:,} tokens of text",
        f"  excerpts   {', '.join(f'{part} {n:,}' for part, n in excerpts.items())}",
        f"  of each    its {shape.top} top excerpts in every split; moments and firing rate on {n_summed:,} tokens",
        f"  values     {values['dtype']} on {values['device']}, {values['batch_excerpts']} excerpts at once",
        f"  on disk    {size_text(index.n_bytes)} in {index.folder}",
    ]
    if rounding:
        lines.append(
            f"  rounding   {rounding['median_relative_error']:.2%} in the median, "
            f"{rounding['largest_relative_error']:.2%} at most, against float32 on {rounding['n_values']:,} values"
        )
    return "\n".join(lines)


def _lines(shown: NeuronReport) -> list[str]:
    about = shown.distribution
    moments = [f"mean {about.mean:.4g}", f"variance {about.variance:.4g}"]
    if about.skewness is not None and about.kurtosis is not None:
        moments += [f"skewness {about.skewness:.3g}", f"kurtosis {about.kurtosis:.3g}"]
    lines = [
        f"  {', '.join(moments)} over {about.n_tokens:,} tokens",
        f"  fires above about {about.theta:.3g}, on {about.firing_rate:.3%} of the tokens",
        "",
    ]
    lines += [_line(excerpt, about.theta) for excerpt in shown.top]
    lines.append("\ndrawn at random, one for each octave of the largest value")
    for _, _, excerpts in reversed(shown.bins):
        lines.append(_line(excerpts[0], about.theta))
    return lines


def _line(excerpt: ReadExcerpt, theta: float) -> str:
    from traces.text.tokens import around_peak

    return f"{max(excerpt.values):8.3f}  {around_peak(excerpt.tokens, excerpt.values, theta)}"
