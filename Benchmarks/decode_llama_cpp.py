#!/usr/bin/env python3
"""Plain decoding of one GGUF file by Falcon and by llama.cpp, alternately, and whether both choose the same tokens:

    python3 Benchmarks/decode_llama_cpp.py MODEL.gguf [--dtype stored] [--rounds 5] [--threads 2]

Each round runs `falcon-bench decode --target MODEL.gguf` and `--tokens` tokens of llama.cpp, both behind 256 tokens of
context, LM head and argmax included. Prints one JSON object: every round, medians, their ratio, and of
some texts' prefixes how often the likeliest next token is the same (`falcon-inspect features --precision DTYPE`), where
llama.cpp's two best logits are further apart than `--gap`. Needs the packages llama-cpp-python and numpy, and a release
build.
"""
import argparse, json, os, statistics, struct, subprocess, tempfile, time
import llama_cpp, numpy

TEXTS = [
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "Water boils at one hundred degrees; it freezes at zero. In between it is liquid.",
    "def add(a, b):\n    return a + b\n\n\ndef multiply(a, b):\n    return a * b\n",
    "Once upon a time there was a king who had three daughters, and the youngest of them was the wisest.",
    "If a train travels 60 miles in one hour, how many miles does it travel in three hours? It travels 180 miles.",
]
CONTEXT, LAST = 256, 1024


class Model:
    def __init__(self, path, threads):
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_ubatch = LAST, 512, 512
        settings.n_threads = settings.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)

    def run(self, tokens, start):
        """Logits [tokens, vocabulary] of a pass from position `start`; the cache is cut back there first."""
        llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(self.context), 0, start, -1)
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i] = token, start + i
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, 1
        if llama_cpp.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")
        logits = llama_cpp.llama_get_logits(self.context)
        return numpy.ctypeslib.as_array(logits, shape=(len(tokens), self.vocabulary))

    def decode(self, count):
        """Tokens a second, of the median token."""
        token = int(self.run([1 + i for i in range(CONTEXT)], 0)[-1].argmax())
        seconds = []
        for position in range(CONTEXT, CONTEXT + count):
            began = time.perf_counter()
            token = int(self.run([token], position)[0].argmax())
            seconds.append(time.perf_counter() - began)
        return 1 / statistics.median(seconds)

    def tokens(self, text):
        buffer = (llama_cpp.llama_token * 512)()
        count = llama_cpp.llama_tokenize(
            llama_cpp.llama_model_get_vocab(self.model), text.encode(), len(text.encode()), buffer, 512, False, False)
        return list(buffer[:count])


def tensor(path, name):
    """A float32 tensor of a safetensors file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        entry = json.loads(file.read(length))[name]
        file.seek(8 + length + entry["data_offsets"][0])
        count = (entry["data_offsets"][1] - entry["data_offsets"][0]) // 4
        return numpy.frombuffer(file.read(4 * count), dtype="<f4").reshape(entry["shape"])


def choices(model, options):
    """How many of llama.cpp's clear choices Falcon makes, too."""
    agreed = clear = close = 0
    for text in TEXTS:
        tokens = model.tokens(text)
        theirs = model.run(tokens, 0)
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "features.safetensors")
            subprocess.run(
                [os.path.join(options.bin, "falcon-inspect"), "features", "--target", options.file, "--tokens",
                 ",".join(map(str, tokens)), "--output", output, "--precision", options.dtype, "--quiet"], check=True)
            ours = tensor(output, "logits")
        for mine, other in zip(ours, theirs):
            second, first = numpy.sort(other)[-2:]
            if first - second < options.gap:
                close += 1
            else:
                clear += 1
                agreed += int(mine.argmax() == other.argmax())
    return {"clear": clear, "agreed": agreed, "closer_than_gap": close, "gap": options.gap}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--dtype", default="stored")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=LAST - CONTEXT, help="of llama.cpp in each round, 768 at most")
    parser.add_argument("--bin", default=".build/release", help="where falcon-bench and falcon-inspect are")
    parser.add_argument("--gap", type=float, default=0.5)
    parser.add_argument("--no-choices", action="store_true", help="of random weights choices say nothing")
    options = parser.parse_args()
    model = Model(options.file, options.threads)
    falcon, peer = [], []
    for _ in range(options.rounds):
        output = subprocess.run(
            [os.path.join(options.bin, "falcon-bench"), "decode", "--target", options.file, "--dtype", options.dtype,
             "--threads", str(options.threads)], check=True, capture_output=True, text=True).stdout
        falcon.append(json.loads(output)["tokens_per_second"])
        peer.append(model.decode(options.tokens))
    result = {
        "file": os.path.basename(options.file), "dtype": options.dtype, "threads": options.threads,
        "peer": "llama.cpp, llama-cpp-python " + llama_cpp.__version__,
        "falcon": [round(value, 1) for value in falcon], "llama_cpp": [round(value, 1) for value in peer],
        "falcon_median": round(statistics.median(falcon), 1), "llama_cpp_median": round(statistics.median(peer), 1),
        "ratio": round(statistics.median(falcon) / statistics.median(peer), 2),
    }
    if not options.no_choices:
        result["choices"] = choices(model, options)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
