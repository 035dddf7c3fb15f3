/*
 * Tidegate: decides, token by token, what a language model's output may leave.
 *
 *     uint32_t policy = tg_policy_new(text, text_len, 0); // TOML
 *     uint32_t gate = tg_gate_new(policy, 0, 0);
 *     uint32_t outcome = tg_gate_push(gate, 0, 0, delta, delta_len);
 *     const tg_step *step = tg_gate_step(gate); // step->releases may leave
 *
 * Handles: policies, facts and gates are numbers, never 0. One whose object was let go
 * stands for nothing, for good. What a gate needs of its policy and facts it keeps.
 *
 * What calls give: the lowest eight bits are a tg_status; the others, of calls on gates,
 * are TG_HALTED, TG_RELEASED, TG_DECIDED, TG_WANTS_SCORES and TG_WARNED. Calls that make
 * an object give its handle, or 0; tg_error says why.
 *
 * Text: in UTF-8, by pointer and length, without an end mark. What a call gives out is
 * the library's and stays until the next call on the same object.
 *
 * Threads: calls may come from any; two at once on one object fail with TG_BUSY.
 *
 * Written by cbindgen from the library's sources; do not edit.
 */

#ifndef TIDEGATE_H
#define TIDEGATE_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of the functions and structures here. Another one is another ABI.
 */
#define TG_ABI_VERSION 1

/**
 * `tg_capabilities`: built with SIMD.
 */
#define TG_CAN_SIMD 1

/**
 * Reads policies in TOML, YAML and JSON.
 */
#define TG_CAN_POLICIES 2

/**
 * Reads providers' streams: `tg_gate_push_bytes`.
 */
#define TG_CAN_WIRE 4

/**
 * Runs text rules.
 */
#define TG_CAN_TEXT 8

/**
 * Scores claims by facts.
 */
#define TG_CAN_FACTS 16

/**
 * Reads facts from Markdown, CSV and JSON Lines.
 */
#define TG_CAN_FORMATS 32

/**
 * `tg_gate_new`: keep records for `tg_gate_trace`.
 */
#define TG_RECORD 1

/**
 * `tg_gate_finish`: every choice.
 */
#define TG_ALL_CHOICES UINT32_MAX

/**
 * So much of a trace is kept while nobody takes it: 64 MiB.
 */
#define TG_TRACE_BYTES_MAX (64 << 20)

/**
 * Set in what a call on a gate gives, beside its status in the lowest eight bits:
 * the choice that was named, or whose claim was answered (0, where there is none), is halted.
 */
#define TG_HALTED (1 << 8)

/**
 * Text was released: see `tg_step`.
 */
#define TG_RELEASED (1 << 9)

/**
 * Something was decided: see `tg_gate_events`.
 */
#define TG_DECIDED (1 << 10)

/**
 * Claims want scores: see `tg_gate_request`.
 */
#define TG_WANTS_SCORES (1 << 11)

/**
 * The last score that was judged passed below its soft limit.
 */
#define TG_WARNED (1 << 12)

/**
 * The most bytes that one call takes: 1 GiB.
 */
#define TG_BYTES_MAX (1 << 30)

/**
 * There is no such rule.
 */
#define TG_KERNEL_NO_RULE 255

/**
 * An earlier call of this module trapped; no later one works.
 */
#define TG_KERNEL_BROKEN 254

/**
 * What became of a call. 0 and 1 are no failures.
 */
enum tg_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    TG_OK = 0,
    /**
     * There is nothing to give.
     */
    TG_NONE = 1,
    /**
     * The handle stands for nothing of this kind, or for nothing any more.
     */
    TG_BAD_HANDLE = 2,
    /**
     * A pointer is null, not aligned, or outside the memory.
     */
    TG_BAD_POINTER = 3,
    /**
     * A length is above `TG_BYTES_MAX`.
     */
    TG_BAD_LENGTH = 4,
    /**
     * A text is not UTF-8.
     */
    TG_BAD_TEXT = 5,
    /**
     * A number stands for none of what it should name.
     */
    TG_BAD_ARGUMENT = 6,
    /**
     * The policy cannot be used.
     */
    TG_BAD_POLICY = 7,
    /**
     * The facts cannot be used.
     */
    TG_BAD_FACTS = 8,
    /**
     * The trace cannot be read.
     */
    TG_BAD_TRACE = 9,
    /**
     * The replay decides otherwise than the trace says.
     */
    TG_REPLAY_DIFFERS = 10,
    /**
     * The policy names something that this build lacks.
     */
    TG_LACKS = 11,
    /**
     * A check has nobody to give its scores.
     */
    TG_NOT_READY = 12,
    /**
     * No request had this number.
     */
    TG_UNKNOWN_REQUEST = 13,
    /**
     * The trace was not taken for too long; take it and call again.
     */
    TG_TRACE_FULL = 14,
    /**
     * Another call is at work on this object.
     */
    TG_BUSY = 15,
    /**
     * There are too many objects.
     */
    TG_NO_ROOM = 16,
    /**
     * There is not so much memory.
     */
    TG_NO_MEMORY = 17,
    /**
     * An earlier call died half-way: nothing here works any more.
     */
    TG_BROKEN = 18,
    /**
     * The model's files cannot be used, or it has no answer.
     */
    TG_BAD_MODEL = 19,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tg_status tg_status;
#else
typedef uint32_t tg_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Bytes that this library keeps and the caller reads.
 */
typedef struct tg_bytes {
    /**
     * Where they are; null if there are none.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t len;
} tg_bytes;

/**
 * A token as the provider cut it.
 */
typedef struct tg_token {
    /**
     * How many bytes of the text it is.
     */
    uint64_t bytes;
    /**
     * The natural logarithm of its probability.
     */
    double logprob;
    /**
     * The entropy of the choice among all tokens in nats; NaN if not known.
     */
    double entropy;
} tg_token;

/**
 * A claim that wants a score; of a blend, one of its parts. Its texts stay until the next
 * request of its gate is taken.
 */
typedef struct tg_request {
    /**
     * The claim.
     */
    struct tg_bytes text;
    /**
     * The check that asks.
     */
    struct tg_bytes check;
    /**
     * Where the claim stands in the channel's text, in bytes.
     */
    uint64_t start;
    /**
     * Its end.
     */
    uint64_t end;
    /**
     * The number of the claim, from 0.
     */
    uint64_t index;
    /**
     * What to name in `tg_gate_resolve`.
     */
    uint32_t id;
    /**
     * The choice.
     */
    uint32_t choice;
    /**
     * The channel, as in `tg_release`.
     */
    uint32_t channel;
    /**
     * Who is to give the score: 0 host, 1 facts, 2 logprob, 3 embed, 4 nli, 5 blend.
     */
    uint32_t source;
    /**
     * How long the claim may wait for its score, in milliseconds.
     */
    uint32_t deadline_ms;
    /**
     * 0.
     */
    uint32_t reserved;
} tg_request;

/**
 * Text that may leave.
 */
typedef struct tg_release {
    /**
     * The text, in UTF-8, never empty.
     */
    struct tg_bytes text;
    /**
     * The part of the channel's text, in bytes, that this is or stands for.
     */
    uint64_t start;
    /**
     * Its end.
     */
    uint64_t end;
    /**
     * The choice.
     */
    uint32_t choice;
    /**
     * The channel: 0 content, 1 reasoning, 2 refusal, 3 + i the tool i.
     */
    uint32_t channel;
    /**
     * 1 if this stands for text that a rule masked.
     */
    uint32_t is_masked;
    /**
     * 0.
     */
    uint32_t reserved;
} tg_release;

/**
 * What the last call on a gate led to.
 */
typedef struct tg_step {
    /**
     * The releases, in the order in which they may leave.
     */
    const struct tg_release *releases;
    /**
     * How many.
     */
    uint32_t releases_len;
    /**
     * How many things were decided.
     */
    uint32_t events_len;
    /**
     * How many claims want scores and were not handed out.
     */
    uint32_t requests_len;
    /**
     * What the call gave.
     */
    uint32_t outcome;
} tg_step;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * `TG_ABI_VERSION` of the library.
 */
uint32_t tg_abi_version(void);

/**
 * The version of the library, as a text that ends with a zero.
 */
const char *tg_version(void);

/**
 * What this build can do: bits `TG_CAN_…`.
 */
uint32_t tg_capabilities(void);

/**
 * Makes a policy ready. `format` is 0 for TOML, 1 for YAML, 2 for JSON. The handle of
 * the policy, or 0.
 */
uint32_t tg_policy_new(const uint8_t *text,
                       size_t len,
                       uint32_t format);

/**
 * A policy that `tg_policy_save` or `tidegate compile` made ready. It is ready at once.
 * The handle, or 0.
 */
uint32_t tg_policy_load(const uint8_t *data,
                        size_t len);

/**
 * The policy made ready, as bytes for `tg_policy_load`.
 */
uint32_t tg_policy_save(uint32_t policy,
                        struct tg_bytes *out);

/**
 * What a reader of the policy should know though it is no error: a list of texts in
 * JSON.
 */
uint32_t tg_policy_notices(uint32_t policy,
                           struct tg_bytes *out);

/**
 * The policy with its defaults filled in, as JSON.
 */
uint32_t tg_policy_json(uint32_t policy,
                        struct tg_bytes *out);

/**
 * No facts yet: the handle of a store for `tg_facts_add`, or 0.
 */
uint32_t tg_facts_new(void);

/**
 * Facts that `tg_facts_save` or `tidegate facts` wrote. The handle, or 0.
 */
uint32_t tg_facts_load(const uint8_t *data,
                       size_t len);

/**
 * Adds facts under the name of their source. `format` is 0 for text, 1 for
 * Markdown, 2 for CSV, 3 for JSON Lines.
 */
uint32_t tg_facts_add(uint32_t facts,
                      const uint8_t *source,
                      size_t source_len,
                      const uint8_t *data,
                      size_t len,
                      uint32_t format);

/**
 * How many passages there are; 0 for a handle that stands for no facts.
 */
size_t tg_facts_len(uint32_t facts);

/**
 * The facts as bytes, for `tg_facts_load`.
 */
uint32_t tg_facts_save(uint32_t facts,
                       struct tg_bytes *out);

/**
 * A gate for one response under a policy. `facts` is their handle, or 0 for none;
 * `flags` are `TG_RECORD` or 0. The handle, or 0.
 */
uint32_t tg_gate_new(uint32_t policy,
                     uint32_t facts,
                     uint32_t flags);

/**
 * Takes the next piece of a channel's text: 0 content, 1 reasoning, 2 refusal, 3 + i
 * the tool i. What came of it, and whether the choice is halted.
 */
uint32_t tg_gate_push(uint32_t gate,
                      uint32_t choice,
                      uint32_t channel,
                      const uint8_t *text,
                      size_t len);

/**
 * `tg_gate_push` with the text's tokens and their logprobs. They must be as long
 * as the text.
 */
uint32_t tg_gate_push_tokens(uint32_t gate,
                             uint32_t choice,
                             uint32_t channel,
                             const uint8_t *text,
                             size_t len,
                             const struct tg_token *tokens,
                             size_t tokens_len);

/**
 * The host's score of the next token, of so many bytes of text that was pushed. No
 * text crosses: what came of it is the number that is given.
 */
uint32_t tg_gate_push_token(uint32_t gate,
                            uint32_t choice,
                            uint32_t channel,
                            uint32_t bytes,
                            double score);

/**
 * There is no score of the next token: `error` as in `tg_gate_resolve_error`.
 */
uint32_t tg_gate_push_token_error(uint32_t gate,
                                  uint32_t choice,
                                  uint32_t channel,
                                  uint32_t bytes,
                                  uint32_t error);

/**
 * Takes the next bytes of a provider's stream, cut anywhere: Server-Sent Events, JSON
 * Lines or plain text, in any format that the project knows.
 */
uint32_t tg_gate_push_bytes(uint32_t gate,
                            const uint8_t *data,
                            size_t len);

/**
 * Something is wrong with the stream itself: `code` names it in a word, `detail` says
 * more.
 */
uint32_t tg_gate_fault(uint32_t gate,
                       const uint8_t *code,
                       size_t code_len,
                       const uint8_t *detail,
                       size_t detail_len);

/**
 * A choice has ended, or with `TG_ALL_CHOICES` the stream has. When its last claims are
 * scored, all that may ever leave has left.
 */
uint32_t tg_gate_finish(uint32_t gate,
                        uint32_t choice);

/**
 * Takes the next claim that wants a score; `TG_NONE` if there is none.
 */
uint32_t tg_gate_request(uint32_t gate,
                         struct tg_request *out);

/**
 * Answers a claim with a score from 0 to 1. A second answer changes nothing.
 */
uint32_t tg_gate_resolve(uint32_t gate,
                         uint32_t id,
                         double score);

/**
 * Answers a claim with a score and what the facts say to it: 0 nothing, 1 supported, 2
 * unsupported, 3 contradicted.
 */
uint32_t tg_gate_resolve_found(uint32_t gate,
                               uint32_t id,
                               double score,
                               uint32_t finding);

/**
 * Says that there is no score of a claim: `error` is 0 if there is none to be had, 1 if
 * its scorer failed (`why` says how), 2 if it did not come by its deadline.
 */
uint32_t tg_gate_resolve_error(uint32_t gate,
                               uint32_t id,
                               uint32_t error,
                               const uint8_t *why,
                               size_t why_len);

/**
 * Where the step of a gate stands; null if there is no such gate. What is there is
 * written anew by each call on the gate that is done, and stays at its address as long
 * as the gate lives. After a call that failed, what is there is old.
 */
const struct tg_step *tg_gate_step(uint32_t gate);

/**
 * What was decided in the last call, in order: a list in JSON. Its entries have an
 * `event`: `scored`, `passed`, `match`, `shadow`, `allowed` or `halted`.
 */
uint32_t tg_gate_events(uint32_t gate,
                        struct tg_bytes *out);

/**
 * What is decided of a choice so far, in JSON: `null`, or why and where it was halted.
 */
uint32_t tg_gate_verdict(uint32_t gate,
                         uint32_t choice,
                         struct tg_bytes *out);

/**
 * How many bytes of a channel are held back now; 0 for a handle that stands for no gate.
 */
size_t tg_gate_held(uint32_t gate,
                    uint32_t choice,
                    uint32_t channel);

/**
 * The records since the last call of this function, one JSON object a line.
 */
uint32_t tg_gate_trace(uint32_t gate,
                       struct tg_bytes *out);

/**
 * Decides a trace again. Its halts, as a list in JSON, are this thread's until its next
 * replay. `TG_REPLAY_DIFFERS` if something else is decided, and `tg_error` has the line.
 */
uint32_t tg_replay(const uint8_t *trace,
                   size_t len,
                   struct tg_bytes *out);

/**
 * Lets a policy, facts or a gate go.
 */
uint32_t tg_drop(uint32_t handle);

/**
 * Memory for a caller's bytes, aligned to 16; null if there is none or `len` is 0
 * or above `TG_BYTES_MAX`. Natively a caller may as well use memory of its own.
 */
uint8_t *tg_alloc(size_t len);

/**
 * Takes back what `tg_alloc` gave; `TG_BAD_POINTER` if it gave no such thing, or
 * it was taken back.
 */
uint32_t tg_dealloc(uint8_t *data);

/**
 * Why the last failed call of this thread failed, as JSON: `code`, `message`, and
 * where they are known `help`, `line`, `column` and `offset`. The text stays until the
 * next call of this thread that fails.
 */
uint32_t tg_error(struct tg_bytes *out);

/**
 * Makes a rule. Limits are scores from 0 to 1; `trend` is 0 for `endpoint` and 1
 * for `slope`. Gives its handle, or 0 if a field is out of range or there is no
 * room: then `tg_kernel_text` says which and why.
 */
uint32_t tg_kernel_new(double hard_limit,
                       double soft_limit,
                       uint32_t window_size,
                       double window_threshold,
                       uint32_t trend_window,
                       double trend_threshold,
                       uint32_t trend);

/**
 * Takes the score of the next token; the decision as a number. Its lowest eight
 * bits: 0 pass, 1 warn, 2 this score halts, 3 halted before, 254 broken, 255 no such
 * rule. The next eight, what halted: 1 `invalid_score`, 2 `hard_limit`, 3
 * `window_avg`, 4 `downward_trend`.
 */
uint32_t tg_kernel_push(uint32_t rule,
                        double score);

/**
 * The number of the score that halted, from 0; -1 if none did or there is no such
 * rule. Whole, and exact below 2^53.
 */
double tg_kernel_halt_index(uint32_t rule);

/**
 * What was measured when it halted: the number that was no score, the score, the
 * mean or the drop; NaN if nothing halted or there is no such rule.
 */
double tg_kernel_value(uint32_t rule);

/**
 * Writes why the rule halted, such as `hard_limit (0.3000 < 0.5)`, for
 * `tg_kernel_text` and `tg_kernel_text_len`; empty if it did not. The number of
 * bytes.
 */
size_t tg_kernel_reason(uint32_t rule);

/**
 * Where the text that was last asked for stands, in UTF-8. It stays until the
 * next call of this module.
 */
const uint8_t *tg_kernel_text(void);

/**
 * How long it is, in bytes.
 */
size_t tg_kernel_text_len(void);

/**
 * Lets a rule go: 1, or 0 if there is no such rule.
 */
uint32_t tg_kernel_free(uint32_t rule);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TIDEGATE_H */
