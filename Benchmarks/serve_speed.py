#!/usr/bin/env python3
"""What a server makes of many clients: the same requests one after another, then by several clients at once:

    python3 Benchmarks/serve_speed.py --falcon-serve PATH --target MODEL [--draft HEAD|lookup] [--precision stored]
        [--rounds 3] [--requests 100] [--clients 8] [--max-tokens 64] [--peer PYTHON [--peer-model FILE.gguf]]

Starts falcon-serve, and with --peer the server of llama-cpp-python (`PYTHON -m llama_cpp.server`, which must have it)
on the same GGUF file, and measures them alternately, one running at a time. The requests are chats, half of them greedy
and half drawn by a seed, all streamed. Prints a table and one JSON object: tokens a second alone and together, their
ratio, the time to the first token (median and worst), and how many answers are, byte for byte, the first lone one's.
Exit status 1 where falcon-serve's are not all. Needs nothing beside Python.
"""
import argparse, concurrent.futures, http.client, json, os, re, signal, socket, statistics, subprocess, sys
import tempfile, time

parser = argparse.ArgumentParser()
parser.add_argument("--falcon-serve", required=True)
parser.add_argument("--target", required=True)
parser.add_argument("--draft")
parser.add_argument("--precision")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--requests", type=int, default=100)
parser.add_argument("--clients", type=int, default=8)
parser.add_argument("--max-tokens", type=int, default=64)
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--peer", metavar="PYTHON")
parser.add_argument("--peer-model", metavar="FILE.gguf")
options = parser.parse_args()

TASKS = [
    "What is {a} plus {b}?", "Name {c} animals and say where they live.", "Write a sentence about the number {a}.",
    "Explain in a few words what a {w} is.", "Write a short story about a {w} and the number {b}.",
    "List {c} things that one can do with a {w}.", "Which is greater, {a} or {b}, and why?",
    "Translate '{w}' to French.",
]
WORDS = ["lighthouse", "bicycle", "river", "clock", "garden", "letter", "bridge", "kettle", "mirror", "ladder"]


def body(i, model):
    question = TASKS[i % len(TASKS)].format(a=7 * i + 3, b=5 * i + 11, c=3 + i % 4, w=WORDS[i % len(WORDS)])
    members = {"model": model, "messages": [{"role": "user", "content": question}], "max_tokens": options.max_tokens}
    members |= {"stream": True, "temperature": 0 if i // len(TASKS) % 2 == 0 else 0.8, "seed": i}
    return json.dumps(members | {"stream_options": {"include_usage": True}})


class Server:
    """A server as a process, from its start to its end."""

    def __init__(self, name):
        self.name, self.first = name, {}
        self.rounds = []

    def __enter__(self):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        if self.name == "falcon-serve":
            port, command = None, [options.falcon_serve, "--target", options.target, "--port", "0"]
            command += ["--served-model-name", "m", "--threads", str(options.threads)]
            command += ["--max-sequences", str(options.clients)]
            for option in ("draft", "precision"):
                if value := getattr(options, option):
                    command += ["--" + option, value]
        else:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            # Without the last option a request breaks off the one before it.
            command = [options.peer, "-m", "llama_cpp.server", "--model", options.peer_model or options.target]
            command += ["--port", str(port), "--model_alias", "m", "--n_threads", str(options.threads)]
            command += ["--n_threads_batch", str(options.threads), "--n_ctx", "2048", "--interrupt_requests", "false"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while True:
            said = open(self.log.name, errors="replace").read()
            if self.process.poll() is not None:
                sys.exit(f"serve_speed: {self.name} has ended: {said[-2000:]}")
            if port is None and (found := re.search(r"serving m at http://127\.0\.0\.1:(\d+)/v1\n", said)):
                port = int(found[1])
            if port is not None:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    pass
            time.sleep(0.05)
        self.port = port
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def ask(self, i):
        """Text, tokens and seconds to the first token of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        start, first, text, tokens = time.monotonic(), None, "", None
        connection.request("POST", "/v1/chat/completions", body(i, "m"), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"serve_speed: {self.name}: {answer.status} {answer.read()[:500]}")
        pieces = 0
        for line in answer:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                sys.exit(f"serve_speed: {self.name}: {event}")
            for choice in event["choices"]:
                if piece := choice["delta"].get("content"):
                    first = first or time.monotonic() - start
                    text += piece
                    pieces += 1
            if event.get("usage"):
                tokens = event["usage"]["completion_tokens"]
        connection.close()
        # llama-cpp-python tells no usage in a stream: a piece a token.
        return text, pieces if tokens is None else tokens, first or time.monotonic() - start

    def measure(self, clients):
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(self.ask, range(options.requests)))
        seconds = time.monotonic() - start
        for i, (text, _, _) in enumerate(answers):
            self.first.setdefault(i, text)
        waits = [wait for _, _, wait in answers]
        return {
            "clients": clients, "tokens": sum(tokens for _, tokens, _ in answers), "seconds": seconds,
            "tokens_per_second": sum(tokens for _, tokens, _ in answers) / seconds,
            "first_token_median": statistics.median(waits), "first_token_worst": max(waits),
            "equal": sum(text == self.first[i] for i, (text, _, _) in enumerate(answers)),
        }


servers = [Server("falcon-serve")] + ([Server("llama-cpp-python")] if options.peer else [])
for _ in range(options.rounds):
    for server in servers:
        with server:
            for i in range(min(4, options.requests)):
                server.ask(i)
            server.rounds.append([server.measure(1), server.measure(options.clients)])

result = {"target": os.path.basename(os.path.normpath(options.target)), "draft": options.draft and os.path.basename(
    os.path.normpath(options.draft)), "precision": options.precision, "threads": options.threads,
    "requests": options.requests, "max_tokens": options.max_tokens, "servers": {}}
print(f"{'':18}{'clients':>8}{'tokens/s':>10}{'ratio':>7}{'first token':>13}{'worst':>9}{'equal':>10}")
wrong = 0
for server in servers:
    def middle(place, key):
        return statistics.median(part[place][key] for part in server.rounds)

    ratio = statistics.median(many["tokens_per_second"] / one["tokens_per_second"] for one, many in server.rounds)
    for place in (0, 1):
        parts = [part[place] for part in server.rounds]
        equal, all_answers = sum(part["equal"] for part in parts), options.requests * len(parts)
        wrong += all_answers - equal if server.name == "falcon-serve" else 0
        print(f"{server.name:18}{parts[0]['clients']:8}{middle(place, 'tokens_per_second'):10.1f}"
              f"{ratio if place else 1:7.2f}{1000 * middle(place, 'first_token_median'):10.0f} ms"
              f"{1000 * max(part['first_token_worst'] for part in parts):6.0f} ms{equal:6}/{all_answers}")
    result["servers"][server.name] = {"ratio": ratio, "rounds": server.rounds}
print(json.dumps(result))
sys.exit(1 if wrong else 0)
