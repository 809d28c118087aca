#!/usr/bin/env python3
"""Writes a GGUF file of random weights in Llama's architecture, in the types that llama.cpp's Q4_K_M gives them:

    python3 Scripts/peers/random_q4_k_m.py --size L|1B OUTPUT.gguf

L is falcon-bench's (hidden 2,048, 22 layers), 1B the shape of Llama 3.2 1B, whose embedding is its LM head. Q4_K, with
Q6_K for the LM head and, in half of the layers, for values and down projections. The vocabulary is of all bytes, of their
pairs and of as many triples as it takes, with a merge for each. Needs the packages gguf and numpy.
"""
import argparse
import gguf, numpy

SIZES = {  # hidden, layers, feed-forward, vocabulary, heads, key-value heads, head size, tied
    "L": (2048, 22, 5632, 32000, 32, 4, 64, False),
    "1B": (2048, 16, 8192, 128256, 32, 8, 64, True),
}
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


def more_bits(layer, layers):
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


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
    parser.add_argument("--size", choices=SIZES, required=True)
    options = parser.parse_args()
    hidden, layers, inner, vocabulary, heads, kv_heads, head_size, tied = SIZES[options.size]
    random = numpy.random.default_rng(0)
    file = gguf.GGUFWriter(options.output, "llama")
    file.add_context_length(2048)
    file.add_embedding_length(hidden)
    file.add_block_count(layers)
    file.add_feed_forward_length(inner)
    file.add_head_count(heads)
    file.add_head_count_kv(kv_heads)
    file.add_rope_dimension_count(head_size)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_freq_base(10000.0)
    file.add_vocab_size(vocabulary)
    tokens, merges = vocabulary_of(vocabulary)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("llama-bpe")
    file.add_token_list(tokens)
    file.add_token_types([gguf.TokenType.NORMAL] * (vocabulary - 1) + [gguf.TokenType.CONTROL])
    file.add_token_merges(merges)
    file.add_bos_token_id(vocabulary - 1)
    file.add_eos_token_id(vocabulary - 1)

    def matrix(name, rows, columns, kind=Q4_K):
        file.add_tensor(name, blocks(random, kind, rows, columns), raw_dtype=kind)

    def norm(name):
        file.add_tensor(name, numpy.ones(hidden, dtype=numpy.float32))

    matrix("token_embd.weight", vocabulary, hidden, Q6_K if tied else Q4_K)
    for layer in range(layers):
        block, better = f"blk.{layer}.", Q6_K if more_bits(layer, layers) else Q4_K
        norm(block + "attn_norm.weight")
        matrix(block + "attn_q.weight", heads * head_size, hidden)
        matrix(block + "attn_k.weight", kv_heads * head_size, hidden)
        matrix(block + "attn_v.weight", kv_heads * head_size, hidden, better)
        matrix(block + "attn_output.weight", hidden, heads * head_size)
        norm(block + "ffn_norm.weight")
        matrix(block + "ffn_gate.weight", inner, hidden)
        matrix(block + "ffn_up.weight", inner, hidden)
        matrix(block + "ffn_down.weight", hidden, inner, better)
    norm("output_norm.weight")
    if not tied:
        matrix("output.weight", vocabulary, hidden, Q6_K)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


if __name__ == "__main__":
    main()
