"""llama.cpp's own server, as the package xllamacpp has it in it: runs until it is killed.

python llamacpp_server.py FILE.gguf NAME PORT TOKENS_A_SLOT SLOTS
"""

from __future__ import annotations

import sys
import threading
from typing import Any


def serve(gguf: str, name: str, port: int, n_context: int, n_slots: int) -> Any:
    """Start it on the loopback interface, with two threads; it answers until what is returned is gone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = gguf, {name}
    params.hostnames, params.port = ["127.0.0.1"], port
    params.n_ctx, params.n_parallel = n_context * n_slots, n_slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.warmup = False
    return xllamacpp.Server(params)


if __name__ == "__main__":
    served = serve(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
    threading.Event().wait()
