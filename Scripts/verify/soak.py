#!/usr/bin/env python3
"""Asks a falcon-serve of its own many times, by many clients at once, and looks whether all is right:

    python3 Scripts/verify/soak.py --falcon-serve PATH [--target Checkpoints/target] [--requests 20000]

A set of requests (chats and completions, whole and streamed, greedy and drawn by a seed) is asked alone first. Then
clients ask them in random order, on kept and on new connections, among others that break off, send what is no request,
read slowly, or do not read at all. At the end the server gets SIGTERM with answers in flight. Exit status 1 where an
answer differs from the one got alone, memory or descriptors have grown, the server has ended, or an answer in flight
was lost. Needs Linux (/proc) and nothing beside Python.
"""

import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

parser = argparse.ArgumentParser(description="Many requests of all manners against one falcon-serve.")
parser.add_argument("--falcon-serve", required=True)
parser.add_argument("--target", default="Checkpoints/target")
parser.add_argument("--draft")
parser.add_argument("--requests", type=int, default=20000)
parser.add_argument("--prompts", type=int, default=200)
parser.add_argument("--clients", type=int, default=16)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()

PATIENCE = 2  # --client-timeout, seconds


class Server:
    def __init__(self):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        command = [options.falcon_serve, "--target", options.target, "--served-model-name", "m", "--port", "0"]
        command += ["--client-timeout", str(PATIENCE), "--cache-bytes", "16MB"]
        if options.draft:
            command += ["--draft", options.draft]
        self.process = subprocess.Popen(command, stderr=self.log, stdin=subprocess.DEVNULL)
        self.port = None
        while self.port is None:
            if self.process.poll() is not None:
                sys.exit(f"soak: falcon-serve has ended: {self.said()}")
            found = re.search(r"serving m at http://127\.0\.0\.1:(\d+)/v1\n", self.said())
            self.port = found and int(found[1])
            time.sleep(0.02)

    def said(self):
        return open(self.log.name).read()

    def memory(self):
        """VmRSS in KiB."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", "/metrics", headers={"Connection": "close"})
        page = connection.getresponse().read().decode()
        connection.close()
        return int(re.search(rf"^{name} (\d+)$", page, re.M)[1])

    def settle(self, condition):
        """Waits half a minute at most until something is true."""
        for _ in range(600):
            if condition():
                return True
            time.sleep(0.05)
        return False


def request(i, draw, tokens):
    """Path and members of the i-th request."""
    members = {"model": "m", "max_tokens": tokens}
    members["temperature"] = draw.choice([0, 0, 0.7, 1.2])
    if members["temperature"]:
        members["seed"] = i
    if draw.random() < 0.2:
        members["n"] = 2
    if draw.random() < 0.2:
        members["stop"] = [draw.choice(["e", ".", "the", "\n"])]
    question = f"What is {draw.randrange(100)} plus {draw.randrange(100)}?"
    if draw.random() < 0.3:
        return "/v1/completions", members | {"prompt": question}
    messages = [{"role": "user", "content": question}]
    if draw.random() < 0.3:
        messages = [{"role": "system", "content": "Answer briefly, " * draw.randrange(1, 20)}] + messages
    return "/v1/chat/completions", members | {"messages": messages}


def told(body, streams):
    """An answer's texts, why they ended, and its tokens, whichever way they were told; None where it is broken off."""
    texts, reasons, usage = collections.defaultdict(str), {}, None
    if streams:
        frames = body.decode().split("\n\n")
        if frames[-2:] != ["data: [DONE]", ""]:
            return None
        events = [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]
    else:
        events = [json.loads(body)]
    for event in events:
        for choice in event["choices"]:
            part = choice.get("delta") or choice.get("message") or choice
            texts[choice["index"]] += part.get("content") or part.get("text") or ""
            if choice["finish_reason"]:
                reasons[choice["index"]] = choice["finish_reason"]
        usage = event.get("usage") or usage
    return dict(texts), reasons, usage["prompt_tokens"], usage["completion_tokens"]


def encoded(members, streams):
    if streams:
        members = members | {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(members).encode()


def raw(path, body, fields=()):
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def whole(path, members, streams):
    body = encoded(members, streams)
    return raw(path, body, [f"Content-Length: {len(body)}", "Connection: close"])


def content(answer):
    """Status and body of an answer's bytes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" not in head.lower():
        return status, body
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return status, b"".join(parts)


def broken(draw):
    """Bytes that are no request, or a wrong one."""
    good = b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'
    path = "/v1/chat/completions"
    return draw.choice(
        [
            raw(path, b"zz\r\n{}\r\n", ["Transfer-Encoding: chunked"]),
            raw(path, b"2\r\n{}{}\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"]),
            raw(path, good, ["Content-Length: -1"]),
            raw(path, good, ["Content-Length: 5", "Content-Length: 6"]),
            raw(path, good, [f"Content-Length: {len(good) + 100}"]),
            raw(path, good, ["Content-Length: 999999999"]),
            raw(path, good[:-2], [f"Content-Length: {len(good) - 2}"]),
            raw(path, b"[" * 5000, ["Content-Length: 5000"]),
            raw(path, b'{"model": "m", "tools": []}', ["Content-Length: 27"]),
            raw("/no/such", good, [f"Content-Length: {len(good)}"]),
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
            b"NONSENSE\r\n\r\n" * 20,
            bytes(draw.randrange(256) for _ in range(300)),
        ]
    )


server = Server()
plan = random.Random(options.seed)
requests = [request(i, plan, plan.randrange(1, 25)) for i in range(options.prompts)]
# Answers that are still under way when SIGTERM comes, and that no system holds for a client that does not read.
warm = {"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 2, "n": 16, "max_tokens": 1500}
warm |= {"logprobs": True, "top_logprobs": 20}
long = [("/v1/chat/completions", warm | {"seed": i}) for i in range(8)]


def ask(connection, path, members, streams):
    connection.request("POST", path, encoded(members, streams), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    return told(body, streams) if answer.status == 200 else (answer.status, body)


def connect(receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(120)
    client.connect(("127.0.0.1", server.port))
    return client


def read_all(client, piece=65536, pause=0.0):
    data = b""
    while more := client.recv(piece):
        data += more
        if pause:
            time.sleep(pause)
    return data


start = time.monotonic()
connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
alone = [ask(connection, *item, streams=False) for item in requests]
alone_long = [ask(connection, *item, streams=False) for item in long]
connection.close()
if any(answer is None or not isinstance(answer[0], dict) for answer in alone + alone_long):
    sys.exit(f"soak: a request was refused: {[a for a in alone + alone_long if not isinstance(a[0], dict)][0]}")
print(f"{len(requests)} requests alone: {time.monotonic() - start:.1f} s", flush=True)
server.settle(lambda: server.metric("falcon_requests_in_flight") == 0)
descriptors = server.descriptors()

lock = threading.Lock()
counts = collections.Counter()
problems = []
stalled = []
memory = {}
done = 0


def problem(text):
    with lock:
        problems.append(text)


def compare(i, answer, manner):
    with lock:
        counts["compared"] += 1
        counts["equal"] += answer == alone[i]
    if answer != alone[i]:
        problem(f"request {i}, {manner}: {answer} instead of {alone[i]}")


def take_part(manner, draw, kept):
    i = draw.randrange(len(requests))
    path, members = requests[i]
    streams = draw.random() < 0.5
    if manner == "kept":
        try:
            answer = ask(kept, path, members, streams)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server ends connections that were idle, or had 1000 requests.
            kept.close()
            answer = ask(kept, path, members, streams)
        return compare(i, answer, manner)
    if manner == "stalled":
        client = connect(4096)
        client.sendall(whole("/v1/chat/completions", warm, True))
        first = client.recv(1000)
        with lock:
            stalled.append((client, first))
        return
    with connect() as client:
        if manner == "new":
            client.sendall(whole(path, members, streams))
            status, body = content(read_all(client))
            compare(i, told(body, streams) if status == 200 else (status, body), manner)
        elif manner == "slow":
            data = whole(path, members, True)
            client.sendall(data[:40])
            time.sleep(0.005)
            client.sendall(data[40:])
            status, body = content(read_all(client, draw.randrange(50, 1000), 0.002))
            compare(i, told(body, True) if status == 200 else (status, body), manner)
        elif manner == "broken":
            client.sendall(broken(draw))
            client.shutdown(socket.SHUT_WR)
            try:
                answer = read_all(client)
            except ConnectionResetError:
                answer = b""
            if answer and not re.match(rb"HTTP/1\.1 4\d\d ", answer):
                problem(f"what is no request got {answer[:200]}")
        elif manner == "cancelled":
            work = {"model": "m", "prompt": f"Tell {i}", "max_tokens": 200, "n": 2, "temperature": 1}
            data = whole("/v1/completions", work, streams)
            how = draw.randrange(4)
            client.sendall(data[: draw.randrange(1, len(data))] if how == 0 else data)
            if how >= 2:
                client.settimeout(0.01 * how)
                try:
                    client.recv(200)
                except TimeoutError:
                    pass


manners = {"kept": 55, "new": 20, "slow": 6, "broken": 9, "cancelled": 9.8, "stalled": 0.2}


def client_of(number):
    global done
    draw = random.Random(f"{options.seed}/{number}")
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    while True:
        with lock:
            if done >= options.requests or server.process.poll() is not None or len(problems) > 20:
                break
            done += 1
            if done == options.requests // 4:
                memory["quarter"] = server.memory()
            if done % max(1, options.requests // 20) == 0:
                line = f"{done} requests, {time.monotonic() - start:.0f} s, {server.memory() / 1024:.1f} MB"
                print(line, flush=True)
        manner = draw.choices(list(manners), list(manners.values()))[0]
        with lock:
            counts[manner] += 1
        try:
            take_part(manner, draw, kept)
        except Exception as error:
            problem(f"{manner}: {type(error).__name__}: {error}")
            kept.close()
    kept.close()


clients = [threading.Thread(target=client_of, args=[number]) for number in range(options.clients)]
for thread in clients:
    thread.start()
for thread in clients:
    thread.join()

if server.process.poll() is not None:
    sys.exit(f"soak: falcon-serve has ended with {server.process.returncode}: {server.said()}")
if not server.settle(lambda: server.metric("falcon_requests_in_flight") == 0):
    problem("requests are in flight for ever")
# What was stalled was given up, with the beginning of an answer and no end.
for client, first in stalled:
    try:
        rest = first + read_all(client)
    except ConnectionResetError:
        rest = first
    client.close()
    counts["given up"] += b"[DONE]" not in rest
server.settle(lambda: server.descriptors() <= descriptors)
memory["end"] = server.memory()
print("asked:", ", ".join(f"{counts[manner]} {manner}" for manner in manners))
print(f"{counts['equal']} of {counts['compared']} complete answers equal those got alone")
print(f"{counts['given up']} of {counts['stalled']} stalled readers given up")
print(f"memory at a quarter {memory.get('quarter', 0) / 1024:.1f} MB, at the end {memory['end'] / 1024:.1f} MB")
print(f"descriptors before {descriptors}, behind {server.descriptors()}")
if counts["equal"] != counts["compared"] or counts["given up"] != counts["stalled"]:
    problem("an answer is wrong, or a stalled reader was not given up")
# The allocators of C and Swift come and go by some megabytes.
if memory["end"] > 1.05 * memory.get("quarter", memory["end"]) + 4096:
    problem("memory has grown")
if server.descriptors() > descriptors:
    problem("descriptors have grown")

# SIGTERM under load.
in_flight = []
for place, (path, members) in enumerate(long):
    client = connect()
    client.sendall(whole(path, members, place % 2 == 0))
    in_flight.append(client)
if not server.settle(lambda: server.metric("falcon_requests_in_flight") == len(long)):
    problem("not all answers are in flight at SIGTERM: take longer ones")
server.process.send_signal(signal.SIGTERM)
right = 0
for place, client in enumerate(in_flight):
    try:
        status, body = content(read_all(client))
        right += status == 200 and told(body, place % 2 == 0) == alone_long[place]
    except Exception as error:
        problem(f"an answer in flight: {type(error).__name__}: {error}")
    client.close()
status = server.process.wait(120)
print(f"SIGTERM: {right} of {len(long)} answers in flight complete and right, exit status {status}")
if right != len(long) or status != 0:
    problem("SIGTERM has lost answers")
usual = ("serving", "measuring", "auto", "lookup")
if said := [line for line in server.said().splitlines() if not line.startswith(usual)]:
    problem(f"falcon-serve said: {said[0]}")
for text in problems[:20]:
    print(f"soak: {text}", file=sys.stderr)
print(f"{time.monotonic() - start:.0f} s")
sys.exit(1 if problems else 0)
