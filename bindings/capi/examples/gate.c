/*
 * An answer that gets the last ferry wrong comes in pieces; each claim is held until
 * the facts have been asked, and the wrong one never leaves.
 *
 *     cargo build --release -p tidegate-capi
 *     cc -std=c11 -Iinclude examples/gate.c ../../target/release/libtidegate_capi.a -lpthread -ldl -lm -o gate
 *     ./gate
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidegate.h>

static const char POLICY[] =
    "version = 1\n"
    "[[halt]]\n"
    "name = \"facts\"\n"
    "score = { from = \"facts\", hold = true, on_unsupported = \"allow\" }\n";

static const char FACTS[] =
    "The first ferry sails at 6:30 and the last ferry sails at 21:30.\n"
    "A crossing takes 40 minutes.\n"
    "An adult ticket costs 12 euros.\n";

/* The answer, as a model streams it: cut anywhere. */
static const char *const DELTAS[] = {
    "The first fer", "ry sails at 6:", "30. A cross", "ing takes 40 minutes.",
    " The last ferry sails at 23", ":30, so there is", " no hurry.", " An adult ticket costs 12 euros.",
};

/* Text goes in and comes out by pointer and length. */
#define TEXT(text) (const uint8_t *)(text), strlen(text)

static void print(const char *before, tg_bytes text) {
    printf("%s%.*s\n", before, (int)text.len, text.data ? (const char *)text.data : "");
}

/* Nothing here is expected to fail: if it does, say why and stop. */
static void stop(const char *what) {
    tg_bytes why;
    if (tg_error(&why) == TG_OK) {
        print(what, why);
    }
    exit(EXIT_FAILURE);
}

static uint32_t made(uint32_t handle, const char *what) {
    if (handle == 0) {
        stop(what);
    }
    return handle;
}

/* What came of a call, without its status. */
static uint32_t done(uint32_t outcome, const char *what) {
    if ((outcome & 0xff) != TG_OK) {
        stop(what);
    }
    return outcome & ~UINT32_C(0xff);
}

/* Shows what may leave after a call. */
static void show(const tg_step *step) {
    for (uint32_t i = 0; i < step->releases_len; i++) {
        print("released: ", step->releases[i].text);
    }
}

int main(void) {
    if (tg_abi_version() != TG_ABI_VERSION) {
        fprintf(stderr, "the library is of ABI %u, the header of %d\n", tg_abi_version(), TG_ABI_VERSION);
        return EXIT_FAILURE;
    }

    uint32_t policy = made(tg_policy_new(TEXT(POLICY), 0), "policy: ");
    uint32_t facts = made(tg_facts_new(), "facts: ");
    done(tg_facts_add(facts, TEXT("ferry"), TEXT(FACTS), 0), "facts: ");

    uint32_t gate = made(tg_gate_new(policy, facts, TG_RECORD), "gate: ");
    /* it keeps what it needs of both */
    tg_drop(policy);
    tg_drop(facts);

    const tg_step *step = tg_gate_step(gate); /* stays at this address */
    uint32_t outcome = 0;
    for (size_t i = 0; i < sizeof DELTAS / sizeof *DELTAS && !(outcome & TG_HALTED); i++) {
        outcome = done(tg_gate_push(gate, 0, 0, TEXT(DELTAS[i])), "push: ");
        show(step);
    }
    done(tg_gate_finish(gate, TG_ALL_CHOICES), "finish: ");
    show(step);

    tg_bytes text;
    done(tg_gate_verdict(gate, 0, &text), "verdict: ");
    print("halted: ", text);

    /* what was decided can be decided again, from the records alone */
    tg_bytes trace;
    done(tg_gate_trace(gate, &trace), "trace: ");
    done(tg_replay(trace.data, trace.len, &text), "replay: ");
    print("replayed: ", text);

    tg_drop(gate);
    return EXIT_SUCCESS;
}
