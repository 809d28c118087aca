#!/usr/bin/env python3
"""Times llama.cpp on the jobs of falcon-bench, to be run beside it:

    python3 inference_llama_cpp.py decode|verify-curve|gen-features --size S|M|L [--dtype bfloat16|int8] [--threads 2]

Needs the packages llama-cpp-python (built for this machine), gguf and numpy. It writes a model of random weights in
falcon-bench's shape to a temporary file, runs the job several times, and prints one JSON object with the median.
"""
import argparse, json, os, statistics, tempfile, time
import gguf, llama_cpp, numpy
import random_gguf


def write_model(path, size, dtype):
    kind = {"bfloat16": gguf.GGMLQuantizationType.BF16, "int8": gguf.GGMLQuantizationType.Q8_0}[dtype]
    random = numpy.random.default_rng(0)

    def matrix(name, layer, rows, columns):
        values = random.standard_normal((rows, columns), dtype=numpy.float32) * columns**-0.5
        return gguf.quants.quantize(values, kind), kind

    random_gguf.write(path, random_gguf.SIZES[size], matrix, lambda file: file.add_tokenizer_model("no_vocab"))


class Model:
    def __init__(self, path, threads):
        parameters = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_ubatch = 2048, 512, 512
        settings.n_threads = settings.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)

    def run(self, tokens, start, every_logit):
        """Seconds of one pass over `tokens` at positions from `start`; the cache is cut back there first."""
        memory = llama_cpp.llama_get_memory(self.context)
        llama_cpp.llama_memory_seq_rm(memory, 0, start, -1)
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i] = token, start + i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = 1 if every_logit or i == len(tokens) - 1 else 0
        began = time.perf_counter()
        if llama_cpp.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")
        return time.perf_counter() - began


def median(work, repeats):
    work()
    return statistics.median(work() for _ in range(repeats))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["decode", "verify-curve", "gen-features"])
    parser.add_argument("--size", choices=["S", "M", "L"], required=True)
    parser.add_argument("--dtype", choices=["bfloat16", "int8"], default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    vocabulary = random_gguf.SIZES[options.size].vocabulary
    tokens = numpy.random.default_rng(1).integers(0, vocabulary, 1024).tolist()
    result = {"job": options.job, "size": options.size, "dtype": options.dtype, "threads": options.threads,
              "engine": "llama.cpp, llama-cpp-python " + llama_cpp.__version__}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.gguf")
        write_model(path, options.size, options.dtype)
        model = Model(path, options.threads)
        if options.job == "gen-features":
            seconds = median(lambda: model.run(tokens[:512], 0, False), 5)
            result |= {"tokens_per_second": 512 / seconds, "milliseconds": seconds * 1000}
        elif options.job == "decode":
            model.run(tokens[:256], 0, False)
            count = 128 if options.size == "S" else 32
            seconds = median(lambda: sum(model.run([tokens[256 + i]], 256 + i, True) for i in range(count)), 3)
            result |= {"tokens_per_second": count / seconds, "milliseconds": seconds / count * 1000}
        else:
            model.run(tokens[:256], 0, False)
            curve = {rows: median(lambda: model.run(tokens[256:256 + rows], 256, True), 7) * 1000
                     for rows in (1, 2, 4, 8, 16, 32, 64)}
            result["milliseconds_by_rows"] = curve
    print(json.dumps(result))


if __name__ == "__main__":
    main()
