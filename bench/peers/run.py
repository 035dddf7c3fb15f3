#!/usr/bin/env python3
"""Tidegate's halt rule beside the two kernels published on PyPI, in one run.

    python3 bench/peers/run.py [--streams N] [--seed S] [--out FILE.json]

Makes a virtual environment, installs the peers, builds `halt-rule`, then prints
what a token costs with each, on which streams they disagree and why, and what
each does with scores that are none. `bench/peers/README.md` tells how to read it.

Exit codes: 0; 1 when a disagreement is explained by neither an exact tie nor the
rounding to 1e-9; 2 when something could not be installed, built or used.
"""

import argparse
import collections
import functools
import gc
import itertools
import json
import logging
import math
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import time
from fractions import Fraction

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
VENV = TARGET / "peers-venv"
DISAGREEMENTS = TARGET / "peers-disagreements.txt"
PEERS = {"backfire-kernel": "0.1.3", "director-ai": "3.15.0"}
IN_VENV = "TIDEGATE_PEERS_HALT_RULE"  # set to the program's path for the second start

# ---- first start, any Python: the environment and the program ----------------


def die(what):
    print(f"{pathlib.Path(sys.argv[0]).name}: {what}", file=sys.stderr)
    sys.exit(2)


def note(text):
    """Progress, for whoever watches a terminal."""
    if sys.stderr.isatty():
        print(f"... {text}", file=sys.stderr)


def attempt(what, command):
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError as error:
        die(f"could not {what}: {error}")
    if done.returncode != 0:
        die(f"could not {what}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def ensure_venv():
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    listing = f"from importlib.metadata import version as v; print(*map(v, {list(PEERS)}))"
    try:
        check = subprocess.run([python, "-c", listing], capture_output=True, text=True)
        if check.returncode == 0 and check.stdout.split() == list(PEERS.values()):
            return python
    except OSError:
        pass  # there is none yet, or a broken one
    note(f"making {VENV}")
    attempt(f"make the virtual environment {VENV}",
            [sys.executable, "-m", "venv", "--clear", VENV])
    for name, version in PEERS.items():
        wanted = f"{name}=={version}"
        attempt(f"install {wanted}", [python, "-m", "pip", "install", "-q",
                                      "--disable-pip-version-check", wanted])
    return python


def build(package, program):
    note(f"building {program}")
    out = attempt(f"build {program} with cargo",
                  ["cargo", "build", "--release", "-p", package, "--bin", program,
                   "--message-format=json-render-diagnostics"])
    for line in out.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == program:
            return message["executable"]
    die(f"could not build {program}: cargo named no executable")


# ---- configurations and streams ----------------------------------------------

NANOS = 1_000_000_000
FIELDS = ("hard_limit", "window_size", "window_threshold", "trend_window", "trend_threshold")
DEFAULT = (0.5, 10, 0.55, 5, 0.15)
# every check alone, all together; windows of 1, 2, 10 and 50, trends of 2, 5 and 20
CONFIGS = [dict(zip(FIELDS, row)) for row in (
    DEFAULT,
    (0.5, 1, 0.55, 2, 0.15),
    (0.5, 2, 0.55, 5, 0.2),
    (0.5, 50, 0.55, 20, 0.15),
    (0.0, 10, 0.55, 5, 1.0),
    (0.0, 50, 0.5, 20, 0.5),
    (0.0, 1, 0.0, 2, 0.05),
    (0.0, 1, 0.0, 20, 0.1),
    (1.0, 10, 1.0, 5, 0.15),
    (0.55, 10, 0.6, 5, 0.25),
    (0.0, 10, 1.0, 5, 1.0),
    (0.0, 2, 0.5, 2, 1.0),
)]
LONGEST = 120


def grid(value, step=1):
    """The multiple of `step` * 1e-9 nearest to `value`, within [0, 1]."""
    return min(max(round(value * NANOS / step) * step, 0), NANOS) / NANOS


def walk(rng, n, start, stride, step):
    scores, at = [], start
    for _ in range(n):
        at = min(max(at + rng.uniform(-stride, stride), 0.0), 1.0)
        scores.append(grid(at, step))
    return scores


def sine(rng, n):
    base, size, period = rng.uniform(0.5, 0.9), rng.uniform(0, 0.2), rng.uniform(4, 80)
    return [grid(base + size * math.sin(math.tau * i / period), 1000) for i in range(n)]


def like_recorded(rng, n):
    """Mostly sure, seldom not: exp(logprob) with logprobs in quarters, as one server sends."""
    return [grid(math.exp(-0.25 * int(rng.expovariate(2.0)))) for _ in range(n)]


def hairline(rng, n):
    """Floats of full precision, some within 1e-9 of a limit: the rounding can decide there."""
    return [rng.choice((0.5, 0.55, 0.6)) + rng.uniform(-1e-9, 1e-9) if rng.random() < 0.02
            else rng.uniform(0.62, 0.7) for _ in range(n)]


GENERATORS = {
    "uniform": lambda rng, n: [grid(rng.random()) for _ in range(n)],
    "high": lambda rng, n: [grid(rng.uniform(0.5, 1.0)) for _ in range(n)],
    "walk": lambda rng, n: walk(rng, n, rng.uniform(0.55, 0.7), 0.04, 1),
    "walk-0.01": lambda rng, n: walk(rng, n, 0.6, 0.02, NANOS // 100),
    "steps-0.05": lambda rng, n: [rng.randint(10, 20) / 20 for _ in range(n)],
    "steps-0.01": lambda rng, n: [rng.randint(52, 64) / 100 for _ in range(n)],
    "flat": lambda rng, n: [rng.choice((0.0, 0.5, 0.55, 0.6, 1.0))] * n,
    "sine": sine,
    "like-recorded": like_recorded,
    "full-f64": lambda rng, n: [rng.uniform(0.45, 1.0) for _ in range(n)],
    "hairline-f64": hairline,
}


def random_stream(seed, number):
    """The generator's name and the scores of one stream, from seed and number alone."""
    name = list(GENERATORS)[number % len(GENERATORS)]
    rng = random.Random(f"{seed}/{number}")
    return name, GENERATORS[name](rng, rng.randint(1, LONGEST))


def token_logprobs(event):
    """The `logprob` of every `{token, logprob}` in an event, in order."""
    if isinstance(event, list):
        return [p for item in event for p in token_logprobs(item)]
    if not isinstance(event, dict):
        return []
    if "token" in event and isinstance(event.get("logprob"), int | float):
        return [event["logprob"]]  # and not its alternatives
    return [p for item in event.values() for p in token_logprobs(item)]


def recorded_streams():
    """exp(logprob) per token of each recorded stream that has any; None without the data."""
    folder = pathlib.Path(os.environ.get("TIDEGATE_DATA") or ROOT.parent / "shared/data")
    if not (folder / "streams").is_dir():
        return None
    found = []
    for path in sorted((folder / "streams").rglob("*.txt")):
        scores = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            # events that close a part repeat all of its tokens
            if isinstance(event, dict) and ("choices" in event
                                            or str(event.get("type", "")).endswith(".delta")):
                scores += [math.exp(p) for p in token_logprobs(event)]
        if scores:
            found.append((f"recorded {path.name.split('.')[0]}", scores))
    return found


# ---- the three kernels -------------------------------------------------------


def halt_rule(mode, configs, streams):
    """Runs the Rust program; its answers as a list of split lines."""
    lines = ["config " + " ".join(f"{k}={v}" for k, v in c.items()) for c in configs]
    lines += ["stream " + " ".join(map(repr, s)) for s in streams]
    done = subprocess.run([os.environ[IN_VENV], *mode], input="\n".join(lines), text=True,
                          capture_output=True)
    if done.returncode != 0:
        die(f"halt-rule failed: {done.stderr}")
    return [line.split() for line in done.stdout.splitlines()]


def load_peers():
    """Only the second start, inside the environment, may call this."""
    global backfire_kernel, streaming
    try:
        import backfire_kernel
        import director_ai.core.runtime.streaming as streaming
    except ImportError as error:
        die(f"could not use the installed peers: {error}")
    # director-ai logs a line for every halt at the hard limit; the level is looked at
    # on such a halt only, so no timed stream is touched by this (the wheel logs nothing)
    logging.getLogger("DirectorAI").setLevel(logging.CRITICAL + 1)


def feed(scores):
    """A callback that returns the scores in turn, without a Python frame per call:
    `next(iterator, token)`."""
    return functools.partial(next, iter(scores))


def outcome(session):
    """(index, code) of a peer's session, or None."""
    return (session.halt_index, session.halt_reason.split(" ")[0]) if session.halted else None


def wheel(config, scores):
    kernel = backfire_kernel.RustStreamingKernel(backfire_kernel.BackfireConfig(**config))
    return kernel.stream_tokens(["t"] * len(scores), feed(scores))


def python_kernel(config, scores):
    return streaming.StreamingKernel(**config).stream_tokens(["t"] * len(scores), feed(scores))


def python_check_halt(config, scores):
    return any(map(streaming.StreamingKernel(**config).check_halt, scores))


def callback_alone(_config, scores):
    collections.deque(map(feed(scores), ["t"] * len(scores)), maxlen=0)


def rust_trend(on):
    """director-ai asks the wheel for its slope when that is installed; off: pure Python."""
    streaming._RUST_TREND = on


# ---- a. time per token -------------------------------------------------------

LENGTHS = {1_000: 7, 10_000: 5, 100_000: 3}  # tokens: repetitions
LEAST_S = 0.02  # each repetition repeats its stream for so long, ours too
ROWS = [  # name, held against, what is in the figure, function, with the wheel's slope
    ("Tidegate, endpoint", "endpoint", "native push, new rule per stream", None, None),
    ("Tidegate, endpoint, Session", "endpoint", "the same, scores kept", None, None),
    ("Tidegate, slope", "slope", "native push, new rule per stream", None, None),
    ("Tidegate, slope, Session", "slope", "the same, scores kept", None, None),
    ("backfire-kernel stream_tokens", "endpoint",
     "call into Rust, tokens copied in, C callback per token, session kept", wheel, True),
    ("director-ai check_halt, pure Python", "slope",
     "driven by map(), scores kept", python_check_halt, False),
    ("director-ai check_halt, as shipped", "slope",
     "the same, slope by the wheel", python_check_halt, True),
    ("director-ai stream_tokens, pure Python", "slope",
     "C callback per token with the text so far, session and events kept", python_kernel, False),
    ("director-ai stream_tokens, as shipped", "slope",
     "the same, slope by the wheel", python_kernel, True),
    ("(the callback alone)", None, "map() over the callback both stream_tokens get",
     callback_alone, True),
]


def ns_per_token(function, config, scores):
    gc.collect()
    passes, start = 0, time.perf_counter()
    while True:
        function(config, scores)
        passes += 1
        spent = time.perf_counter() - start
        if spent >= LEAST_S:
            return spent * 1e9 / (passes * len(scores))


def timing(seed):
    config = CONFIGS[0]
    ours = [config | {"trend": trend} for trend in ("endpoint", "slope")]
    samples = {row[0]: {n: [] for n in LENGTHS} for row in ROWS}
    for n, repetitions in LENGTHS.items():
        rng = random.Random(f"{seed}/timing")
        scores = [grid(rng.uniform(0.75, 0.85)) for _ in range(n)]
        calm = [line[2] == "-" for line in halt_rule(["judge"], ours, [scores])]
        for on in (False, True):
            rust_trend(on)
            calm.append(not python_check_halt(config, scores[:5000]))
        if not all(calm) or wheel(config, scores).halted:
            die("the timed stream halts, so not every token would be timed")
        for repetition in range(repetitions):
            note(f"timing {n} tokens, repetition {repetition + 1} of {repetitions}")
            answers = halt_rule(["time", str(round(LEAST_S * 1000))], ours, [scores])
            for row, answer in zip(ROWS, answers):
                samples[row[0]][n].append(float(answer[3]))
            for name, _, _, function, on in ROWS[len(answers):]:
                rust_trend(on)
                samples[name][n].append(ns_per_token(function, config, scores))
    return {name: {n: statistics.median(s) for n, s in by.items()} for name, by in samples.items()}


def short(x):
    """Three digits, and never an exponent."""
    return f"{x:.3g}" if x < 1000 else f"{float(f'{x:.3g}'):.0f}"


def print_timing(medians):
    print(f"\n## Nanoseconds per token (median of {list(LENGTHS.values())} interleaved "
          "repetitions), ratio to Tidegate\n")
    body = []
    for name, against, what, function, _ in ROWS:
        cells = []
        for n in LENGTHS:
            ns = medians[name][n]
            ratio = f" ({short(ns / medians[f'Tidegate, {against}'][n])}x)" if against else ""
            cells.append(short(ns) + ratio)
        body.append([name, against or "", *cells, what])
    table(["kernel", "ratio to", *(f"{n} tokens" for n in LENGTHS), "included"], body)


# ---- b. agreement ------------------------------------------------------------

CHECKS = ["hard_limit", "window_avg", "downward_trend"]


def nanos(x):
    """How Tidegate stores a score or a limit, float operation for float operation."""
    return int(x * 1e9 + 0.5)


def compared(check, trend, config, values):
    """What a check looks at after `values`: the exact quantity and how many of the last
    values it is made of."""
    if check == "hard_limit":
        return values[-1], 1
    if check == "window_avg":
        n = config["window_size"]
        return Fraction(sum(values[-n:])) / n, n
    n = config["trend_window"]
    last = values[-n:]
    if trend == "endpoint":
        return last[0] - last[-1], n
    middle = Fraction(n - 1, 2)
    slope = (sum((i - middle) * y for i, y in enumerate(last))
             / sum((i - middle) ** 2 for i in range(n)))
    return -slope * (n - 1), n


def explain(trend, config, scores, peer, ours):
    """The class of a disagreement, the check and index where the two first part, the exact
    value compared there and its limit."""
    place = lambda halt: (halt[0], CHECKS.index(halt[1])) if halt else (math.inf, 0)
    ours_halts = place(ours) < place(peer)
    index, check = ours if ours_halts else peer
    limit = config[{"hard_limit": "hard_limit", "window_avg": "window_threshold",
                    "downward_trend": "trend_threshold"}[check]]
    beyond = (lambda a, b: a > b) if check == "downward_trend" else (lambda a, b: a < b)
    taken = scores[: index + 1]
    # in 1e-9, as Tidegate stores them
    stored = [Fraction(nanos(x), NANOS) for x in taken]
    value, n = compared(check, trend, config, stored)
    stored_limit = Fraction(nanos(limit), NANOS)
    # as the floats are, bit for bit
    raw_value, _ = compared(check, trend, config, [Fraction(x) for x in taken])
    raw_halts = beyond(raw_value, Fraction(limit))
    on_grid = all(nanos(x) / NANOS == x for x in taken[-n:])
    if index + 1 < n or beyond(value, stored_limit) != ours_halts:
        kind = "other"  # Tidegate itself is wrong by exact arithmetic
    elif not on_grid and raw_halts != ours_halts:
        kind = "rounding"
    elif value == stored_limit:
        kind = "tie"
    else:
        kind = "other"
    shown = raw_value if kind == "rounding" else value
    return kind, check, index, shown, limit


PAIRS = [  # name, peer, trend, whether director-ai may ask the wheel
    ("Tidegate endpoint / backfire-kernel", wheel, "endpoint", True),
    ("Tidegate slope / director-ai, pure Python", python_kernel, "slope", False),
]


def said(halt):
    return f"{halt[1]} at {halt[0]}" if halt else "no halt"


def agreement(seed, count, show, sink):
    """Judges every stream under every configuration with both sides of every pair."""
    streams = [(f"{number} {name}", scores)
               for number in range(count) for name, scores in [random_stream(seed, number)]]
    recorded = recorded_streams()
    streams += recorded or []
    result = {"recorded": recorded and len(recorded), "configs": len(CONFIGS), "pairs": {}}
    for pair, peer, trend, on in PAIRS:
        note(f"agreement: {pair}")
        rust_trend(on)
        ours = halt_rule(["judge"], [c | {"trend": trend} for c in CONFIGS],
                         [s for _, s in streams])
        kinds, shown = collections.Counter(), collections.Counter()
        checks, sources, halted = (collections.Counter() for _ in range(3))
        for (c, s, index, code), (config, (name, scores)) in zip(
                ours, itertools.product(CONFIGS, streams), strict=True):
            our = None if index == "-" else (int(index), code)
            their = outcome(peer(config, scores))
            halted[code if our else "no halt"] += 1
            if our == their:
                kinds["agreed"] += 1
                continue
            kind, check, at, value, limit = explain(trend, config, scores, their, our)
            kinds[kind] += 1
            checks[f"{kind} {check}"] += 1
            sources[f"{kind} {name.split()[1]}"] += 1
            digits = str(value) if kind != "rounding" else f"{float(value):.17g}"
            line = (f"{kind}: {pair}: seed {seed} stream {name}, config {c}: {check} at {at}: "
                    f"exact value {digits}, limit {limit}; Tidegate {said(our)}, "
                    f"peer {said(their)}")
            print(line, file=sink)
            # all of them are in the file; those that explain nothing are shown too
            shown[kind, check] += 1
            if kind == "other" or shown[kind, check] <= show:
                print(line)
        result["pairs"][pair] = {
            "streams": len(streams), "judged": len(ours),
            **{kind: kinds[kind] for kind in ("agreed", "tie", "rounding", "other")},
            "disagreements_by_check": dict(checks), "by_generator": dict(sources),
            "tidegate_said": dict(halted)}
    return result


def print_agreement(result):
    print(f"\n## Agreement on halt index and code, {result['configs']} configurations\n")
    table(["pair", "streams", "judged", "agreed", "ties", "rounding", "other"],
          [[pair, *(r[k] for k in ("streams", "judged", "agreed", "tie", "rounding", "other"))]
           for pair, r in result["pairs"].items()])
    for pair, r in result["pairs"].items():
        print(f"\n{pair}")
        for key in ("disagreements_by_check", "by_generator", "tidegate_said"):
            print(f"- {key.replace('_', ' ')}: "
                  + (", ".join(f"{k} {v}" for k, v in sorted(r[key].items())) or "none"))
    found = result["recorded"]
    print("\nrecorded streams: "
          + ("not found, skipped" if found is None else f"{found} with logprobs, included"))


# ---- c. scores that are none -------------------------------------------------


def tried(peer, scores):
    """What a peer says; director-ai raises where a halt's own record refuses the score."""
    try:
        return said(outcome(peer(CONFIGS[0], scores)))
    except Exception as error:
        return f"raises {type(error).__name__}"


def invalid_scores():
    """Four good scores, the bad one at index 4, then ten of 0.9 or of 0.5: the default
    configuration halts on the fall to 0.5 when nothing is in its way."""
    rows = []
    for then, bad in itertools.product((0.9, 0.5), (math.nan, math.inf, -math.inf, 1.5, -0.5)):
        scores = [0.9] * 4 + [bad] + [then] * 10
        row = {"score": repr(bad), "then": then}
        for trend in ("endpoint", "slope"):
            [(_, _, index, code)] = halt_rule(
                ["judge"], [CONFIGS[0] | {"trend": trend}], [scores])
            row[f"Tidegate, {trend}"] = f"{code} at {index}"
        row["backfire-kernel"] = tried(wheel, scores)
        for how, on in (("pure Python", False), ("as shipped", True)):
            rust_trend(on)
            row[f"director-ai, {how}"] = tried(python_kernel, scores)
        rows.append(row)
    return rows


def print_invalid(rows):
    print("\n## Invalid scores at index 4, after four of 0.9, before ten of `then`; "
          "default configuration\n")
    table(list(rows[0]), [list(row.values()) for row in rows])


# ---- putting it together -----------------------------------------------------


def table(head, rows):
    rows = [list(map(str, row)) for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, ["-" * width for width in widths])
    for row in rows:
        print("| " + " | ".join(map(str.ljust, row, widths)) + " |")


def machine():
    return {"cpus": os.cpu_count(), "arch": platform.machine(), "python": platform.python_version(),
            "peers": PEERS, "date": time.strftime("%Y-%m-%d")}


def whole(text):
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"`{text}` is below 0")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=whole, default=10_000, metavar="N",
                        help="random streams for the agreement (default 10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE.json",
                        help="write all figures there")
    parser.add_argument("--show", type=whole, default=sys.maxsize, metavar="K",
                        help="print only so many disagreements of each class and check; "
                             f"all are in {DISAGREEMENTS.name} beside the environment")
    parser.add_argument("--no-timing", action="store_true", help="leave part a out")
    args = parser.parse_args()
    if sys.version_info < (3, 11):
        die("could not install the peers: they need Python 3.11 or later")
    if IN_VENV not in os.environ:
        python = ensure_venv()
        os.environ[IN_VENV] = build("tidegate-bench", "halt-rule")
        sys.stdout.flush()
        os.execv(python, [str(python), __file__, *sys.argv[1:]])
    load_peers()
    figures = {"seed": args.seed, "machine": machine()}
    print(f"# Tidegate beside {', '.join(f'{n} {v}' for n, v in PEERS.items())}")
    print("\n{cpus} CPUs, {arch}, Python {python}, {date}".format(**figures["machine"]))
    if not args.no_timing:
        figures["ns_per_token"] = timing(args.seed)
        print_timing(figures["ns_per_token"])
    print("\n## Disagreements\n")
    with open(DISAGREEMENTS, "w", encoding="utf-8") as sink:
        figures["agreement"] = agreement(args.seed, args.streams, args.show, sink)
    print(f"\nall of them: {DISAGREEMENTS}")
    print_agreement(figures["agreement"])
    figures["invalid"] = invalid_scores()
    print_invalid(figures["invalid"])
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    other = sum(r["other"] for r in figures["agreement"]["pairs"].values())
    if other:
        print(f"\n{other} disagreements are neither ties nor rounding")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
