#!/usr/bin/env python3
"""Writes a GGUF file of random weights in Llama's architecture, in the types that llama.cpp's Q4_K_M gives them:

    python3 Benchmarks/random_q4_k_m.py --size L|1B OUTPUT.gguf

Q4_K, with Q6_K for the LM head and, in half of the layers, for values and down projections. The vocabulary is of all
bytes, of their pairs and of as many triples as it takes, with a merge for each. Needs the packages gguf and numpy.
"""
import argparse
import gguf, numpy
import random_gguf

Q4_K, Q6_K = gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K


def blocks(random, kind, rows, columns):
    """Bytes of random blocks, [rows, bytes of a row], whose values have the size of a layer's at its beginning."""
    count, scale = rows * columns // 256, columns**-0.5
    if kind == Q4_K:
        data = random.integers(0, 256, (count, 144), dtype=numpy.uint8)
        # Scales and minimums of 6 bits are 32 on the average, values 7.5.
        heads = numpy.array([scale / 150, 7.5 * scale / 150], dtype=numpy.float16)
        data[:, :4] = heads.view(numpy.uint8)
    else:
        data = random.integers(0, 256, (count, 210), dtype=numpy.uint8)
        data[:, 208:] = numpy.array([scale / 1400], dtype=numpy.float16).view(numpy.uint8)
    return data.reshape(rows, -1)


def kind_of(name, layer, shape):
    if layer is None:
        return Q6_K if name == "output" or shape.tied else Q4_K
    eighth = shape.layers // 8
    has_more = layer < eighth or layer >= 7 * shape.layers // 8 or (layer - eighth) % 3 == 2
    return Q6_K if has_more and name in ("attn_v", "ffn_down") else Q4_K


def vocabulary_of(size):
    """Tokens and merges in the letters of GPT-2's bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in plain] + [chr(256 + i) for i in range(256 - len(plain))]
    tokens, merges = list(letters), []
    for first in letters + [a + b for a in letters for b in letters]:
        for second in letters:
            if len(tokens) == size - 1:
                return tokens + ["<|end|>"], merges
            tokens.append(first + second)
            merges.append(f"{first} {second}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    parser.add_argument("--size", choices=["L", "1B"], required=True)
    options = parser.parse_args()
    shape = random_gguf.SIZES[options.size]
    random = numpy.random.default_rng(0)

    def matrix(name, layer, rows, columns):
        kind = kind_of(name, layer, shape)
        return blocks(random, kind, rows, columns), kind

    def add_tokenizer(file):
        tokens, merges = vocabulary_of(shape.vocabulary)
        file.add_tokenizer_model("gpt2")
        file.add_tokenizer_pre("llama-bpe")
        file.add_token_list(tokens)
        file.add_token_types([gguf.TokenType.NORMAL] * (shape.vocabulary - 1) + [gguf.TokenType.CONTROL])
        file.add_token_merges(merges)
        file.add_bos_token_id(shape.vocabulary - 1)
        file.add_eos_token_id(shape.vocabulary - 1)

    random_gguf.write(options.output, shape, matrix, add_tokenizer)


if __name__ == "__main__":
    main()
