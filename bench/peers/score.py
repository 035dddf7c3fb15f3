#!/usr/bin/env python3
"""Tidegate's scores of claims beside those of `director-ai`, in one run.

    python3 bench/peers/score.py [--seed S] [--format text|json] [--tidegate PROGRAM]

Makes the virtual environment of `run.py`, then has every scorer score the same
answers of three published datasets, and prints how well each tells right
answers from wrong ones. `bench/peers/README.md` tells how to read it.

Exit codes: 0; 2 when something could not be installed, built, found or used.
"""

import argparse
import bisect
import json
import logging
import math
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time

import run

DATA = pathlib.Path(os.environ.get("TIDEGATE_DATA") or run.ROOT / "../shared/data")
IN_VENV = "TIDEGATE_PEERS_SCORE"  # set to the program's path for the second start
FOLDS = 5
FALSE_HALTS_MAX = 0.02
KEY = "context"  # of the fact; director-ai finds it when the prompt has this word

# ---- answers -----------------------------------------------------------------
# One is {facts, question, answer, label}: the names of `tidegate eval`'s columns.


def answer(facts, question, text, is_right):
    return {"facts": facts, "question": question, "answer": text, "label": is_right}


def rows(name):
    path = DATA / name
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except OSError as error:
        run.die(f"could not read the answers: {error}; set TIDEGATE_DATA to their folder")


def fever():
    return [answer(row["evidence"], "", row["claim"], row["label"] == "SUPPORTS")
            for row in rows("fever-symmetric/dev.jsonl")]


def wice():
    """All claims are partly wrong. What comes before the first wrong word is right, if it is
    anything; the whole is wrong."""
    answers = []
    for row in rows("wice/tokens-dev.jsonl"):
        tokens, facts = row["claim_tokens"], " ".join(row["evidence"])
        right = tokens[:row["non_supported"].index(True)]
        if right:
            answers.append(answer(facts, "", " ".join(right), True))
            answers.append(answer(facts, "", " ".join(tokens), False))
    return answers


def halueval():
    return [answer(row["knowledge"], row["question"], row[column], column == "right_answer")
            for row in rows("halueval/qa-250.jsonl")
            for column in ("right_answer", "hallucinated_answer")]


DATASETS = {"fever-symmetric": fever, "wice": wice, "halueval qa": halueval}

# ---- scorers -----------------------------------------------------------------


def words(text):
    return re.findall(r"\w+", text.lower())


def overlap(row):
    said, known = words(row["answer"]), set(words(row["facts"]))
    return sum(word in known for word in said) / max(len(said), 1)


def length(row):
    """The facts are not looked at: the longer, the worse."""
    return -len(words(row["answer"]))


def director(profile, asks):
    """director-ai's `score()`; `asks` says what follows the key in the prompt."""
    from director_ai import score

    def scorer(row):
        prompt = f"{KEY}: {row[asks]}" if row[asks] else KEY
        return score(prompt, row["answer"], facts={KEY: row["facts"]}, profile=profile).score

    return scorer


def scorers():
    return {
        "director-ai, default profile": director(None, "question"),
        "director-ai, default profile, facts in the prompt": director(None, "facts"),
        "director-ai, lite profile": director("lite", "question"),
        "director-ai, lite profile, facts in the prompt": director("lite", "facts"),
        "word overlap": overlap,
        "length alone": length,
    }


def tidegate(program, name, answers):
    """The figures that `tidegate eval` gives for the same answers, and `tidegate calibrate` for a
    limit that keeps false halts to 2 %, measured on answers not used to find it."""
    path = run.TARGET / f"peers-score-{name.split()[0]}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in answers), encoding="utf-8")

    def ask(*args):
        try:
            done = subprocess.run([program, *args, "--format", "json"],
                                  capture_output=True, text=True)
            return json.loads(done.stdout)
        except OSError as error:
            return {"error": f"could not start `{program}`: {error}"}
        except ValueError:
            said = done.stderr.strip().splitlines() or ["nothing"]
            return {"error": f"`tidegate {args[0]}` gave no figures; it says: {said[0]}"}

    figures = ask("eval", path)
    fragment = run.TARGET / "peers-score-fragment.toml"
    limits = ask("calibrate", path, "--false-halts", "0.02", "-o", fragment)
    for answer in (figures, limits):
        if "error" in answer:
            return answer
    return {
        "auc": figures["auc"]["value"],
        "balanced_accuracy": figures["at_policy"]["balanced_accuracy"]["value"],
        "recall": limits["recall"]["value"],
        "false_halts": limits["false_halts"]["value"],
        "median_us": figures["latency_us"]["p50"],
    }


# ---- figures -----------------------------------------------------------------


def auc(right, wrong):
    """How often a right answer scores above a wrong one; ties count half."""
    ranked = sorted(wrong)
    below = sum(bisect.bisect_left(ranked, x) + bisect.bisect_right(ranked, x) for x in right)
    return below / (2 * len(right) * len(wrong))


def rates(halted):
    """The shares of right and of wrong answers that were halted."""
    shares = []
    for kind in (True, False):
        of_kind = [was_halted for was_halted, label in halted if label == kind]
        shares.append(sum(of_kind) / max(len(of_kind), 1))
    return shares


def rates_at(scored, limit):
    return rates([(score < limit, label) for score, label in scored])


def limits(scored):
    return sorted({score for score, _ in scored}) + [math.inf]


def best_limit(scored):
    """The one of the greatest balanced accuracy; of several, the lowest."""
    def accuracy(limit):
        false_halts, recall = rates_at(scored, limit)
        return recall - false_halts
    return max(limits(scored), key=accuracy)


def safe_limit(scored):
    """The greatest that halts at most so many right answers."""
    return max(limit for limit in limits(scored) if rates_at(scored, limit)[0] <= FALSE_HALTS_MAX)


def folds(answers, seed):
    """A fold for each answer; those that share their facts share it."""
    groups = sorted({row["facts"] for row in answers})
    random.Random(f"{seed}/folds").shuffle(groups)
    number = {facts: place % FOLDS for place, facts in enumerate(groups)}
    return [number[row["facts"]] for row in answers]


def cross_validated(scores, labels, fold_of, choose):
    """The rates over all folds, each with a limit that was chosen on the others."""
    halted = []
    for fold in range(FOLDS):
        rest = [(s, l) for s, l, f in zip(scores, labels, fold_of) if f != fold]
        limit = choose(rest)
        halted += [(s < limit, l) for s, l, f in zip(scores, labels, fold_of) if f == fold]
    return rates(halted)


def judge(scorer, answers, fold_of):
    scorer(answers[0])  # what is loaded once is not timed
    scores, times = [], []
    for row in answers:
        start = time.perf_counter()
        scores.append(scorer(row))
        times.append((time.perf_counter() - start) * 1e6)
    labels = [row["label"] for row in answers]
    by_label = {kind: [s for s, l in zip(scores, labels) if l == kind] for kind in (True, False)}
    best = cross_validated(scores, labels, fold_of, best_limit)
    safe = cross_validated(scores, labels, fold_of, safe_limit)
    return {
        "auc": auc(by_label[True], by_label[False]),
        "balanced_accuracy": (best[1] + 1 - best[0]) / 2,
        "recall": safe[1],
        "false_halts": safe[0],
        "median_us": statistics.median(times),
        "p99_us": sorted(times)[int(0.99 * (len(times) - 1))],
    }


# ---- putting it together -----------------------------------------------------

COLUMNS = {"auc": ("AUC", 3), "balanced_accuracy": ("balanced accuracy", 3),
           "recall": ("recall", 3), "false_halts": ("false halts", 3),
           "median_us": ("µs, median", 0), "p99_us": ("µs, p99", 0)}


def shown(figures):
    def cell(key, digits):
        value = figures.get(key)
        return "-" if value is None else f"{value:.{digits}f}"
    return [cell(key, digits) for key, (_, digits) in COLUMNS.items()]


def show(datasets):
    for name, dataset in datasets.items():
        print("\n{}: {right} right, {wrong} wrong, {groups} groups\n".format(name, **dataset))
        body = [[scorer, *shown(figures)] for scorer, figures in dataset["scorers"].items()]
        run.table(["scorer", *(head for head, _ in COLUMNS.values())], body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the folds, default 1")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default text")
    parser.add_argument("--tidegate", metavar="PROGRAM",
                        help="the program to call; without it, it is built")
    args = parser.parse_args()
    if sys.version_info < (3, 11):
        run.die("could not install the peers: they need Python 3.11 or later")
    if IN_VENV not in os.environ:
        python = run.ensure_venv()
        os.environ[IN_VENV] = args.tidegate or run.build("tidegate-cli", "tidegate")
        sys.stdout.flush()
        os.execv(python, [str(python), __file__, *sys.argv[1:]])
    logging.disable(logging.CRITICAL)  # director-ai logs a line for every answer
    result = {"seed": args.seed, "machine": run.machine(), "datasets": {}}
    for name, read in DATASETS.items():
        answers = read()
        fold_of = folds(answers, args.seed)
        figures = {}
        for scorer, function in scorers().items():
            run.note(f"{name}: {scorer}")
            figures[scorer] = judge(function, answers, fold_of)
        figures["Tidegate"] = tidegate(os.environ[IN_VENV], name, answers)
        right = sum(row["label"] for row in answers)
        result["datasets"][name] = {"right": right, "wrong": len(answers) - right,
                                    "groups": len({row["facts"] for row in answers}),
                                    "scorers": figures}
    if args.format == "json":
        print(json.dumps(result, indent=1))
    else:
        show(result["datasets"])
    errors = {figures["error"] for dataset in result["datasets"].values()
              for figures in dataset["scorers"].values() if "error" in figures}
    if errors:
        run.die("; ".join(sorted(errors)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
