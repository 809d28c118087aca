#!/usr/bin/env python3
"""Answers to question files by llama.cpp, plainly and with its own n-gram drafting, alternately:

    python3 Benchmarks/answer_llama_cpp.py MODEL.gguf FILE.jsonl... [--limit 10] [--max-new-tokens 128] [--threads 2]

Greedy, the model's own chat template, every turn of a question, as `falcon-infer --dataset` does it. `--ngram 2,4,10`
says how many tokens its n-gram drafter proposes (llama-cpp-python's LlamaPromptLookupDecoding). Prints one JSON object:
tokens a second by file and mode, over everything from the prompt on. Needs the package llama-cpp-python.
"""
import argparse, json, time
import llama_cpp
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding


def answer(model, turns, most):
    """Tokens that were made for a question's turns."""
    messages, tokens = [], 0
    for turn in turns:
        messages.append({"role": "user", "content": turn})
        reply = model.create_chat_completion(messages, temperature=0.0, max_tokens=most)
        tokens += reply["usage"]["completion_tokens"]
        messages.append(reply["choices"][0]["message"])
    return tokens


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ngram", default="2,4,10")
    arguments = parser.parse_args()
    modes = [0] + [int(n) for n in arguments.ngram.split(",") if n]
    models = {
        mode: llama_cpp.Llama(
            arguments.model, n_ctx=2048, n_threads=arguments.threads, n_threads_batch=arguments.threads, verbose=False,
            logits_all=mode > 0, draft_model=LlamaPromptLookupDecoding(num_pred_tokens=mode) if mode else None)
        for mode in modes
    }
    result = {}
    for path in arguments.files:
        questions = [json.loads(line)["turns"] for line in open(path, encoding="utf-8") if line.strip()]
        seconds, tokens = {mode: 0.0 for mode in modes}, {mode: 0 for mode in modes}
        for turns in questions[: arguments.limit]:
            for mode, model in models.items():
                began = time.perf_counter()
                tokens[mode] += answer(model, turns, arguments.max_new_tokens)
                seconds[mode] += time.perf_counter() - began
        result[path] = {
            f"ngram {mode}" if mode else "plain": {"tokens": tokens[mode], "tokens_per_second": tokens[mode] / seconds[mode]}
            for mode in modes
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
