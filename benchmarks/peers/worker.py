"""How a worker is asked: one JSON line on standard input, one on standard output.

Only the standard library and numpy are used, so that it runs in every peer's environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np


def serve(actions: dict[str, Callable]) -> None:
    """Answer requests until standard input ends.

    Args:
        actions: name -> function of the request's options, which returns a JSON-able value.
    """
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": actions[request.pop("action")](**request)}
        except Exception as error:  # The benchmark that asked tells it.
            answer = {"error": repr(error)}
        print(json.dumps(answer), file=answers, flush=True)


def seconds_a_call(call: Callable, calls: int) -> float:
    """Return the median time of a call, after a tenth as many that do not count."""
    for _ in range(max(calls // 10, 2)):
        call()
    times = np.empty(calls)
    for number in range(calls):
        started = time.perf_counter()
        call()
        times[number] = time.perf_counter() - started
    return float(np.median(times))
