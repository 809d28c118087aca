"""Writes GGUF files of random weights in Llama's architecture, for the scripts beside it. Needs gguf and numpy."""
import collections
import gguf, numpy

Shape = collections.namedtuple("Shape", "hidden layers inner vocabulary heads kv_heads tied", defaults=(False,))
SIZES = {  # falcon-bench's, and the shape of Llama 3.2 1B, whose embedding is its LM head
    "S": Shape(256, 8, 768, 4096, 8, 8),
    "M": Shape(1024, 16, 2816, 32000, 16, 16),
    "L": Shape(2048, 22, 5632, 32000, 32, 4),
    "1B": Shape(2048, 16, 8192, 128256, 32, 8, True),
}


def write(path, shape, matrix, add_tokenizer):
    """`matrix(name, layer, rows, columns)` gives the bytes or values of a matrix, row by row, and their type;
    `add_tokenizer(writer)` the tokenizer's keys. `layer` is None for the embedding and the LM head."""
    file = gguf.GGUFWriter(path, "llama")
    head_size = shape.hidden // shape.heads
    file.add_context_length(2048)
    file.add_embedding_length(shape.hidden)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(shape.inner)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.kv_heads)
    file.add_rope_dimension_count(head_size)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_freq_base(10000.0)
    file.add_vocab_size(shape.vocabulary)
    add_tokenizer(file)

    def add(prefix, name, layer, rows, columns):
        values, kind = matrix(name, layer, rows, columns)
        file.add_tensor(f"{prefix}{name}.weight", values, raw_dtype=kind)

    def add_norm(name):
        file.add_tensor(name + ".weight", numpy.ones(shape.hidden, dtype=numpy.float32))

    add("", "token_embd", None, shape.vocabulary, shape.hidden)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        add_norm(block + "attn_norm")
        for name, heads in (("attn_q", shape.heads), ("attn_k", shape.kv_heads), ("attn_v", shape.kv_heads)):
            add(block, name, layer, heads * head_size, shape.hidden)
        add(block, "attn_output", layer, shape.hidden, shape.hidden)
        add_norm(block + "ffn_norm")
        add(block, "ffn_gate", layer, shape.inner, shape.hidden)
        add(block, "ffn_up", layer, shape.inner, shape.hidden)
        add(block, "ffn_down", layer, shape.hidden, shape.inner)
    add_norm("output_norm")
    if not shape.tied:
        add("", "output", None, shape.vocabulary, shape.hidden)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
