#!/usr/bin/env python3
"""The gate and the halt rule as WebAssembly modules in Python, by PyPI's `wasmtime`.

    python3 host.py tidegate.wasm tidegate-kernel.wasm [--cases fixtures]

Does what `bindings/capi/examples/gate.c` does and prints the same. With `--cases`, runs
the contract cases of `kernel/` and `gate/` instead, whole and by characters; exit code 1
if one fails.
"""

import json
import pathlib
import struct
import sys

import wasmtime

STATUS = 0xFF
NONE = 1
HALTED = 1 << 8
RECORD = 1
ALL_CHOICES = 0xFFFFFFFF

POLICY = """\
version = 1
[[halt]]
name = "facts"
score = { from = "facts", hold = true, on_unsupported = "allow" }
"""
FACTS = """\
The first ferry sails at 6:30 and the last ferry sails at 21:30.
A crossing takes 40 minutes.
An adult ticket costs 12 euros.
"""
# the answer, as a model streams it: cut anywhere
DELTAS = [
    "The first fer", "ry sails at 6:", "30. A cross", "ing takes 40 minutes.",
    " The last ferry sails at 23", ":30, so there is", " no hurry.", " An adult ticket costs 12 euros.",
]


class Failure(Exception):
    """A call failed; `why` is what `tg_error` says, or what the halt rule says."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why


class Module:
    """An instance, whose functions are its attributes."""

    def __init__(self, engine, path):
        self.store = wasmtime.Store(engine)
        module = wasmtime.Module.from_file(engine, str(path))
        assert not module.imports, "the modules import nothing"
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.memory = self.exports["memory"]

    def __getattr__(self, name):
        function = self.exports[name]

        # numbers of WebAssembly have no sign of their own; those of the ABI have none
        def call(*of):
            given = function(self.store, *of)
            return given & 0xFFFFFFFF if isinstance(given, int) else given

        setattr(self, name, call)
        return call

    def read(self, at, size):
        return bytes(self.memory.read(self.store, at, at + size))


class Tidegate(Module):
    """An instance of `tidegate.wasm`."""

    def __init__(self, engine, path):
        super().__init__(engine, path)
        assert self.tg_abi_version() == 1
        self.out = self.tg_alloc(64)
        self.room, self.room_len = 0, 0

    def lay(self, *texts):
        """Lays texts down one after the other: where each is, and its length."""
        pieces = [text.encode() for text in texts]
        size = sum(map(len, pieces))
        if size > self.room_len:
            if self.room:
                self.done(self.tg_dealloc(self.room))
            self.room_len = max(4096, 2 * size)
            self.room = self.made(self.tg_alloc(self.room_len))
        at, places = self.room, []
        for piece in pieces:
            self.memory.write(self.store, piece, at)
            places += [at, len(piece)]
            at += len(piece)
        return places

    def done(self, given):
        """What a call gave, if it was done."""
        if given & STATUS:
            raise self.failure()
        return given

    def made(self, handle):
        """The handle that a call gave, if it made an object."""
        if handle == 0:
            raise self.failure()
        return handle

    def failure(self):
        self.tg_error(self.out)
        return Failure(json.loads(self.bytes_at(self.out)))

    def bytes_at(self, at):
        """What a `tg_bytes` points at."""
        return self.read(*struct.unpack("<II", self.read(at, 8))).decode()

    def text(self, function, *of):
        """Calls a function that gives out a text by its last argument."""
        self.done(function(*of, self.out))
        return self.bytes_at(self.out)

    def policy(self, text, form):
        return self.made(self.tg_policy_new(*self.lay(text), form))

    def facts(self, source, text):
        facts = self.made(self.tg_facts_new())
        self.done(self.tg_facts_add(facts, *self.lay(source, text), 0))
        return facts

    def push(self, gate, choice, channel, text):
        return self.done(self.tg_gate_push(gate, choice, channel, *self.lay(text)))

    def releases(self, gate):
        """What may leave after a call: choice, channel and text."""
        at, count = struct.unpack("<II", self.read(self.tg_gate_step(gate), 8))
        for number in range(count):
            release = at + 40 * number
            yield *struct.unpack("<II", self.read(release + 24, 8)), self.bytes_at(release)

    def request(self, gate):
        """The number of the next claim that wants a score, or None."""
        given = self.tg_gate_request(gate, self.out)
        if given & STATUS == NONE:
            return None
        self.done(given)
        return struct.unpack("<I", self.read(self.out + 40, 4))[0]


# in the order of `tg_kernel_new`
DEFAULTS = {
    "hard_limit": 0.5, "soft_limit": 0.6, "window_size": 10, "window_threshold": 0.55,
    "trend_window": 5, "trend_threshold": 0.15, "trend": "endpoint",
}


class Kernel(Module):
    """An instance of `tidegate-kernel.wasm`."""

    def rule(self, config):
        # others are those of older configurations, which change nothing
        fields = {name: type(default)(config.get(name, default)) for name, default in DEFAULTS.items()}
        fields["trend"] = ["endpoint", "slope"].index(fields["trend"])
        rule = self.tg_kernel_new(*fields.values())
        if rule == 0:
            raise Failure(self.said())
        return rule

    def said(self):
        return self.read(self.tg_kernel_text(), self.tg_kernel_text_len()).decode()


def example(tidegate):
    policy, facts = tidegate.policy(POLICY, 0), tidegate.facts("ferry", FACTS)
    gate = tidegate.made(tidegate.tg_gate_new(policy, facts, RECORD))
    tidegate.done(tidegate.tg_drop(policy))
    tidegate.done(tidegate.tg_drop(facts))

    def show():
        for _, _, text in tidegate.releases(gate):
            print(f"released: {text}")

    for delta in DELTAS:
        outcome = tidegate.push(gate, 0, 0, delta)
        show()
        if outcome & HALTED:
            break
    tidegate.done(tidegate.tg_gate_finish(gate, ALL_CHOICES))
    show()
    print("halted:", tidegate.text(tidegate.tg_gate_verdict, gate, 0))
    trace = tidegate.text(tidegate.tg_gate_trace, gate)
    print("replayed:", tidegate.text(tidegate.tg_replay, *tidegate.lay(trace)))
    tidegate.done(tidegate.tg_drop(gate))


# ---- the contract cases: see fixtures/README.md --------------------------------

# mistakes that a call of the halt rule cannot make: a number that is a text, a field that there is not
NOT_IN_C = {"config-type", "config-unknown"}
# what the module has no parts for: it blends only what it can score itself
LACKS = {"claims-blend"}
COUNTS = {"kernel": 54, "gate": 183}
CODES = ["", "invalid_score", "hard_limit", "window_avg", "downward_trend"]
CHANNELS = ["content", "reasoning", "refusal"]
FINDINGS = ["", "supported", "unsupported", "contradicted"]
ERRORS = {"missing": 0, "late": 2}


def answers(entries):
    """Entries of `scores`: a score, (score, finding) or the name of an error each."""
    for entry in entries:
        if isinstance(entry, dict) and "repeat" in entry:
            yield from [entry["score"]] * entry["repeat"]
        elif isinstance(entry, dict):
            yield float(entry["score"]), FINDINGS.index(entry["finding"])
        else:
            yield entry if entry in ERRORS else float(entry)


def run(tidegate, policy, case, cut):
    """The calls of a case, with the text of each push cut by `cut`; what came of it."""
    facts = tidegate.facts("facts", case["facts"]) if "facts" in case else 0
    gate = tidegate.made(tidegate.tg_gate_new(policy, facts, RECORD))
    result = {"released": {}, "halts": [], "passed": 0, "warnings": 0}
    scores, manual, trace = answers(case.get("scores", [])), False, ""

    def note(given):
        nonlocal trace
        tidegate.done(given)
        for choice, channel, text in tidegate.releases(gate):
            name = CHANNELS[channel] if channel < 3 else f"tool:{channel - 3}"
            key = f"{choice} {name}"
            result["released"][key] = result["released"].get(key, "") + text
        for event in json.loads(tidegate.text(tidegate.tg_gate_events, gate)):
            kind = event.pop("event")
            if kind == "passed":
                result["passed"] += 1
                result["warnings"] += event["warn"]
                if "finding" in event:
                    found = result.setdefault("findings", {})
                    found[event["finding"]] = found.get(event["finding"], 0) + 1
            elif kind != "scored":
                key = {"match": "matches", "halted": "halts"}.get(kind, kind)
                result.setdefault(key, []).append(event)
        trace += tidegate.text(tidegate.tg_gate_trace, gate)

    def resolve(request, answer):
        if answer in ERRORS:
            note(tidegate.tg_gate_resolve_error(gate, request, ERRORS[answer], 0, 0))
        elif isinstance(answer, tuple):
            note(tidegate.tg_gate_resolve_found(gate, request, *answer))
        else:
            note(tidegate.tg_gate_resolve(gate, request, answer))

    def answer():
        while not manual and (request := tidegate.request(gate)) is not None:
            resolve(request, next(scores, "missing"))

    for step in case.get("steps", []):
        name = step.get("channel", "content")
        channel = CHANNELS.index(name) if name in CHANNELS else 3 + int(name.removeprefix("tool:"))
        choice = step.get("choice", 0)
        if "push" in step:
            for piece in cut(step["push"]):
                note(tidegate.push(gate, choice, channel, piece))
                answer()
        elif "token" in step:
            [score] = answers([step["score"]])
            if score in ERRORS:
                note(tidegate.tg_gate_push_token_error(gate, choice, channel, step["token"], ERRORS[score]))
            else:
                note(tidegate.tg_gate_push_token(gate, choice, channel, step["token"], score))
        elif "manual" in step:
            manual = step["manual"]
        elif "resolve" in step:
            resolve(step["resolve"], *answers([step["score"]]))
        elif "fault" in step:
            note(tidegate.tg_gate_fault(gate, *tidegate.lay(step["fault"], step["detail"])))
        else:
            note(tidegate.tg_gate_finish(gate, step["finish"]))
            answer()
    replayed = json.loads(tidegate.text(tidegate.tg_replay, *tidegate.lay(trace)))
    same("replayed from its trace", replayed, result["halts"])
    tidegate.done(tidegate.tg_drop(gate))
    if facts:
        tidegate.done(tidegate.tg_drop(facts))
    return result


def same(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}\n  expected {json.dumps(expected)}\n  got      {json.dumps(got)}")


def gate_case(tidegate, name, case):
    try:
        policy = tidegate.policy(json.dumps(case["policy"]), 2)
    except Failure as failure:
        got = {"error": failure.why["message"], "help": failure.why.get("help")}
        return same("the error", got, case["expect"])
    if name in LACKS:
        same("the handle of a gate", tidegate.tg_gate_new(policy, 0, 0), 0)
        return same("its error", tidegate.failure().why["code"], "not_ready")
    same("whole", run(tidegate, policy, case, lambda text: [text]), case["expect"])
    if not case.get("uncut"):
        same("by characters", run(tidegate, policy, case, list), case["expect"])
    return tidegate.done(tidegate.tg_drop(policy))


def kernel_case(kernel, name, case):
    config, expect = case["kernel"]["config"], case["expect"]
    if "error" in expect:
        if name in NOT_IN_C:
            return
        try:
            kernel.rule(config)
        except Failure as failure:
            field = failure.why.split("`")[1]
            same("the field", f"`{field}`" in expect["error"] and field in config, True)
            same("the range", expect["error"].endswith(failure.why.split(": expected ")[1]), True)
            return
        raise AssertionError("no error")
    rule = kernel.rule(config)
    decisions = [kernel.tg_kernel_push(rule, score) for score in answers(case["kernel"]["scores"])]
    first = next((at for at, decision in enumerate(decisions) if decision & STATUS == 2), None)
    halt = None
    if first is not None:
        # once halted, always halted, and for the first reason
        same("the rest", {decision for decision in decisions[first + 1:]} - {decisions[first] + 1}, set())
        kernel.tg_kernel_reason(rule)
        reason, code = kernel.said(), CODES[decisions[first] >> 8]
        if code == "invalid_score":
            # the number that is no score is given as a number
            number = float(expect["halt"]["reason"].split("(")[1].rstrip(")"))
            same("the value", repr(kernel.tg_kernel_value(rule)), repr(number))
            reason = expect["halt"]["reason"] if reason == code else reason
        halt = {"code": code, "index": int(kernel.tg_kernel_halt_index(rule)), "reason": reason}
    same("the rule", {"halt": halt, "warnings": decisions.count(1)}, expect)
    same("it is let go", kernel.tg_kernel_free(rule), 1)


def all_cases(tidegate, kernel, folder):
    failed = 0
    for kind, check in [("kernel", lambda *of: kernel_case(kernel, *of)), ("gate", lambda *of: gate_case(tidegate, *of))]:
        paths = sorted((folder / kind).glob("*.json"))
        for path in paths:
            try:
                check(path.stem, json.loads(path.read_text()))
            except (AssertionError, Failure) as error:
                failed += 1
                print(f"{kind}/{path.stem}: {error}", file=sys.stderr)
        if len(paths) != COUNTS[kind]:
            failed += 1
            print(f"{kind}/: {len(paths)} cases, expected {COUNTS[kind]}", file=sys.stderr)
        print(f"{kind}/: {len(paths)} cases")
    return failed


def main():
    match sys.argv[1:]:
        case [gate, kernel]:
            engine = wasmtime.Engine()
            example(Tidegate(engine, gate))
        case [gate, kernel, "--cases", folder]:
            engine = wasmtime.Engine()
            modules = Tidegate(engine, gate), Kernel(engine, kernel)
            sys.exit(1 if all_cases(*modules, pathlib.Path(folder)) else 0)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
