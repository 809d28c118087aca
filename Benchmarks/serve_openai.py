#!/usr/bin/env python3
"""Asks a running falcon-serve through OpenAI's own client, each request alone and then eight at a time:

    falcon-serve --target Checkpoints/target --port 8080 &
    pip install openai && python3 Benchmarks/serve_openai.py http://127.0.0.1:8080/v1

Chats and completions, whole and streamed, greedy and drawn by a seed. Every answer must be the same text with the same
usage in company as alone; log-probabilities must belong to the text's tokens; wrong requests must be refused with
OpenAI's status codes. Exit status 1 where one is not.
"""

import concurrent.futures
import sys
import time

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
model = client.models.list().data[0].id
count, clients = 100, 8


def ask(i):
    options = dict(model=model, max_tokens=24, seed=i, temperature=0 if i % 2 else 0.8)
    question = f"What is {i} plus {3 * i + 1}?"
    messages = [{"role": "user", "content": question}]
    if i % 4 == 3:
        answer = client.completions.create(prompt=question, **options)
        return answer.choices[0].text, answer.usage.completion_tokens
    if i % 4 != 2:
        answer = client.chat.completions.create(messages=messages, **options)
        return answer.choices[0].message.content, answer.usage.completion_tokens
    text, tokens = "", None
    for event in client.chat.completions.create(
        messages=messages, stream=True, stream_options={"include_usage": True}, **options
    ):
        if event.choices:
            text += event.choices[0].delta.content or ""
        if event.usage:
            tokens = event.usage.completion_tokens
    return text, tokens


def timed(work):
    start = time.monotonic()
    answers = work()
    return answers, sum(tokens for _, tokens in answers) / (time.monotonic() - start)


def status(**options):
    try:
        client.chat.completions.create(messages=[{"role": "user", "content": "x"}], **options)
    except openai.APIStatusError as error:
        print(f"{error.status_code}: {error.message}")
        return error.status_code
    return 200


def scored(streams):
    """Whether a chat's log-probabilities are those of its text's tokens, most likely first."""
    options = dict(model=model, max_tokens=24, temperature=0, logprobs=True, top_logprobs=3)
    messages = [{"role": "user", "content": "What is 12 plus 7?"}]
    answer = client.chat.completions.create(messages=messages, stream=streams, **options)
    choices = [event.choices[0] for event in answer if event.choices] if streams else answer.choices
    told = [token for choice in choices if choice.logprobs for token in choice.logprobs.content]
    text = "".join((choice.delta if streams else choice.message).content or "" for choice in choices)
    best = all(token.top_logprobs[0].logprob == token.logprob <= 0 and len(token.top_logprobs) == 3 for token in told)
    return bool(told) and best and bytes(byte for token in told for byte in token.bytes).decode() == text


def scored_completion():
    answer = client.completions.create(model=model, prompt="What is", max_tokens=8, temperature=0, logprobs=2)
    told = answer.choices[0].logprobs
    return "".join(told.tokens) == answer.choices[0].text and all(len(top) == 2 for top in told.top_logprobs)


alone, slow = timed(lambda: [ask(i) for i in range(count)])
with concurrent.futures.ThreadPoolExecutor(clients) as pool:
    together, fast = timed(lambda: list(pool.map(ask, range(count))))
equal = sum(a == b for a, b in zip(alone, together))
print(f"{equal} of {count} answers of {clients} clients at once equal those alone")
print(f"{slow:.0f} tokens/s one after another, {fast:.0f} with {clients} clients: {fast / slow:.2f} times")
tool = {"type": "function", "function": {"name": "f"}}
refused = [
    status(model="no such model") == 404,
    status(model=model, tools=[tool]) == 400,
    status(model=model, max_tokens=-1) == 400,
    status(model=model, extra_body={"no such member": 1}) == 400,
]
probabilities = [scored(False), scored(True), scored_completion()]
print(f"log-probabilities of a chat, a streamed chat and a completion: {probabilities}")
sys.exit(0 if equal == count and all(refused) and all(probabilities) else 1)
