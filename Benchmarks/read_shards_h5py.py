#!/usr/bin/env python3
"""Reads feature shards with h5py and hdf5plugin and compares them, bit by bit, with what falcon-inspect reads.

Counts, attributes and ids of every shard, and some whole sequences: features widened to float32, tokens, loss mask,
and the target's statistics where shards have them.

    python -m venv venv && venv/bin/pip install h5py hdf5plugin numpy
    venv/bin/python Benchmarks/read_shards_h5py.py --inspect .build/release/falcon-inspect FOLDER ...
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import h5py
import hdf5plugin
import numpy

ZSTD, SHUFFLE = 32015, 2
SAFETENSORS = {"F32": "<f4", "I32": "<i4", "I64": "<i8", "U8": "u1"}
STATISTICS = ["teacher_tokens", "teacher_log_probabilities", "teacher_log_normalizer"]


def read_safetensors(path):
    with open(path, "rb") as file:
        content = file.read()
    size = int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8 : 8 + size]).items():
        if name == "__metadata__":
            tensors["id"] = entry["id"]
            continue
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(content[start:end], SAFETENSORS[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def widen(shard, rows):
    """Features of some rows in float32, by the attribute dtype."""
    stored = shard["features"][rows]
    dtype = shard.attrs["dtype"]
    if dtype == "bfloat16":
        return (stored.astype(numpy.uint32) << 16).view(numpy.float32)
    if dtype == "int8":
        return stored.astype(numpy.float32) * shard["feature_scales"][rows][:, None]
    return stored.astype(numpy.float32)


def same_bits(ours, theirs):
    kind = {4: numpy.uint32, 8: numpy.uint64, 1: numpy.uint8}[theirs.dtype.itemsize]
    return ours.shape == theirs.shape and numpy.array_equal(
        numpy.ascontiguousarray(ours).view(kind), numpy.ascontiguousarray(theirs).view(kind))


def compare(folder, inspect, wanted):
    """Returns what differs, a line each, and a summary."""
    problems = []

    def expect(what, found, expected):
        if found != expected:
            problems.append(f"{what} is {found}, falcon-inspect says {expected}")

    report = json.loads(subprocess.run(
        [inspect, "shard", "--shards", folder, "--json", "-", "--quiet"], check=True, capture_output=True).stdout)
    with open(os.path.join(folder, "manifest.json")) as file:
        facts = json.load(file)["shards"]
    sequences, tokens, values, statistics = [], 0, 0, False
    for fact in facts:
        path = os.path.join(folder, fact["file"])
        with h5py.File(path) as shard:
            for key, value in report["description"].items():
                if key in shard.attrs:
                    found = shard.attrs[key]
                    expect(f"{fact['file']}: {key}", found if isinstance(found, str) else int(found), value)
            expect(f"{fact['file']}: format", shard.attrs["format"], "falcon-features")
            for name, dataset in shard.items():
                if dataset.chunks:
                    pipeline = dataset.id.get_create_plist()
                    filters = [pipeline.get_filter(i)[0] for i in range(pipeline.get_nfilters())]
                    expect(f"{fact['file']}: filters of {name}", filters, [SHUFFLE, ZSTD])
            offsets = shard["offsets"][:]
            expect(f"{fact['file']}: sequences", len(offsets) - 1, fact["sequences"])
            expect(f"{fact['file']}: ids", len(shard["ids"]), fact["sequences"])
            expect(f"{fact['file']}: the assistant's tokens", int(shard["loss_mask"][:].sum()), fact["loss_tokens"])
            # Every chunk goes through the plug-in's decoder and its checksums.
            values += int(numpy.isfinite(widen(shard, slice(None))).sum())
            statistics = statistics or STATISTICS[0] in shard
            sequences += [(path, int(a), int(b)) for a, b in zip(offsets, offsets[1:])]
            tokens += int(offsets[-1])
    expect("sequences", len(sequences), report["sequences"])
    expect("tokens", tokens, report["tokens"])
    expect("finite values", values, tokens * report["description"]["hidden_size"])

    chosen = sorted({i * (len(sequences) - 1) // max(1, wanted - 1) for i in range(wanted)})
    with tempfile.TemporaryDirectory() as work:
        for index in chosen:
            dump = os.path.join(work, "sequence.safetensors")
            subprocess.run(
                [inspect, "shard", "--shards", folder, "--sequence", str(index), "--output", dump, "--quiet"],
                check=True)
            theirs = read_safetensors(dump)
            path, start, end = sequences[index]
            rows = slice(start, end)
            with h5py.File(path) as shard:
                ours = {
                    "hidden": widen(shard, rows), "input_ids": shard["tokens"][rows].astype("<i8"),
                    "loss_mask": shard["loss_mask"][rows].astype("<i8"),
                }
                if STATISTICS[0] in shard:
                    ours.update({name: shard[name][rows] for name in STATISTICS})
                    ours[STATISTICS[0]] = ours[STATISTICS[0]].astype("<i8")
                first = int(numpy.searchsorted(shard["offsets"][:], start))
                expect(f"id of sequence {index}", shard["ids"].asstr()[first], theirs.pop("id"))
            expect(f"tensors of sequence {index}", sorted(ours), sorted(theirs))
            for name in ours:
                if name in theirs and not same_bits(ours[name], theirs[name]):
                    problems.append(f"sequence {index}: {name} differs")
    dtype = report["description"]["dtype"] + (" with statistics" if statistics else "")
    return problems, (
        f"{dtype}: {len(facts)} shards, {len(sequences)} sequences, {tokens} tokens, {values} values read; "
        f"{len(chosen)} sequences the same, bit by bit")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", help="folders that falcon-gen-data wrote")
    parser.add_argument("--inspect", default=".build/release/falcon-inspect", help="the command to compare with")
    parser.add_argument("--sequences", type=int, default=16, help="how many of a folder to compare bit by bit")
    options = parser.parse_args()
    print(f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}, hdf5plugin {hdf5plugin.version}")
    failed = False
    for folder in options.folders:
        problems, summary = compare(folder, options.inspect, options.sequences)
        failed = failed or bool(problems)
        print("\n".join(f"{folder}: {problem}" for problem in problems) or summary)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
