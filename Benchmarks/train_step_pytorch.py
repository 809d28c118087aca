#!/usr/bin/env python3
"""The training step of falcon-bench train-step in PyTorch, for comparing the two side by side on one machine.

Same shapes, both passes of glancing distillation, losses over all positions, AdamW. The recurrent head is nn.LSTM over
time; the position-wise one is what the published code computes (nn.LSTM whose time axis has length 1), written as the
gates that matter. Weights are float32; bfloat16 is autocast, as PyTorch users train on processors.

    python train_step_pytorch.py --size M --fusion lstm --dtype bfloat16 --steps 2
"""
import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F
from torch import nn

# hidden, vocabulary, feed-forward, heads, key-value heads, sequences of 512 tokens
SIZES = {
    "S": (256, 4096, 768, 8, 8, 4),
    "M": (1024, 32000, 2816, 16, 16, 2),
    "L": (2048, 32000, 5632, 32, 4, 1),
}
TIME, BLOCK = 512, 2


class Gated(nn.Module):
    """One LSTM cell from a zero state at each position: o * tanh(i * g). W_hh and the forget gate never matter."""

    def __init__(self, width, hidden):
        super().__init__()
        self.lstm = nn.LSTM(width, hidden)  # for its parameters
        self.hidden = hidden

    def forward(self, x):
        cell, size = self.lstm, self.hidden
        keep = torch.cat([torch.arange(0, size), torch.arange(2 * size, 4 * size)])
        gates = F.linear(x, cell.weight_ih_l0[keep], (cell.bias_ih_l0 + cell.bias_hh_l0)[keep])
        i, g, o = gates.chunk(3, -1)
        return torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))


class Head(nn.Module):
    def __init__(self, size, fusion):
        super().__init__()
        hidden, _, inner, self.heads, self.groups, _ = SIZES[size]
        self.width = hidden // self.heads
        if fusion == "lstm":
            self.lstm = nn.LSTM(2 * hidden, hidden, num_layers=2, batch_first=True, dropout=0.1)
        else:
            self.lstm = nn.Sequential(Gated(2 * hidden, hidden), nn.Dropout(0.1), Gated(hidden, hidden))
        self.q = nn.Linear(hidden, hidden, bias=False)
        self.k = nn.Linear(hidden, self.groups * self.width, bias=False)
        self.v = nn.Linear(hidden, self.groups * self.width, bias=False)
        self.o = nn.Linear(hidden, hidden, bias=False)
        self.norm = nn.RMSNorm(hidden, eps=1e-5)
        self.gate = nn.Linear(hidden, inner, bias=False)
        self.up = nn.Linear(hidden, inner, bias=False)
        self.down = nn.Linear(inner, hidden, bias=False)
        position = torch.arange(TIME).float()
        angle = position[:, None] / 10000 ** (torch.arange(0, self.width, 2).float() / self.width)
        self.register_buffer("cos", torch.cat([angle.cos()] * 2, -1))
        self.register_buffer("sin", torch.cat([angle.sin()] * 2, -1))
        block = torch.arange(TIME) // BLOCK
        self.register_buffer("mask", block[None, :] <= block[:, None])

    def rotate(self, x):
        left, right = x.chunk(2, -1)
        return x * self.cos + torch.cat([-right, left], -1) * self.sin

    def forward(self, embedded, features):
        x = self.lstm(torch.cat([embedded, features], -1))
        x = x[0] if isinstance(x, tuple) else x
        batch = x.shape[0]
        split = lambda y, heads: y.view(batch, TIME, heads, self.width).transpose(1, 2)
        q, k = self.rotate(split(self.q(x), self.heads)), self.rotate(split(self.k(x), self.groups))
        v = split(self.v(x), self.groups)
        y = F.scaled_dot_product_attention(
            q.to(v.dtype), k.to(v.dtype), v, attn_mask=self.mask, enable_gqa=self.heads != self.groups)
        x = x + self.o(y.transpose(1, 2).reshape(batch, TIME, -1))
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="S")
    parser.add_argument("--fusion", choices=["lstm", "gated"], default="lstm")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    hidden, vocabulary, _, _, _, batch = SIZES[options.size]

    head = Head(options.size, options.fusion)
    embedding, lm_head = torch.randn(vocabulary, hidden) * 0.02, torch.randn(vocabulary, hidden) * 0.02
    if options.dtype == "bfloat16":
        lm_head = lm_head.bfloat16()
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-5, betas=(0.9, 0.95), weight_decay=0.01)
    features, truth = torch.randn(batch, TIME, hidden), torch.randn(batch, TIME, hidden)
    tokens = torch.randint(vocabulary, (batch, TIME))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=options.dtype == "bfloat16"):
            embedded = embedding[tokens]
            noisy = features + (torch.rand_like(features) - 0.5) * 0.2
            with torch.no_grad():
                head.eval()
                drafted = F.linear(head(embedded, noisy), lm_head).argmax(-1)
                teacher = F.linear(truth, lm_head)
                wanted = teacher.argmax(-1)
                wrong = (drafted != wanted).sum()
                head.train()
                # Glancing: as many positions as are wrong times 0.4, in whole blocks, shown their own truth.
                shown = torch.rand(batch, TIME // BLOCK).repeat_interleave(BLOCK, 1) < 0.4 * wrong / (batch * TIME)
                noisy = torch.where(shown[..., None], truth, noisy)
            predicted = head(embedded, noisy)
            feature_loss = F.smooth_l1_loss(predicted, truth)
            logits = F.linear(predicted, lm_head).float().view(-1, vocabulary)
            p = F.log_softmax(teacher.float().view(-1, vocabulary), -1)
            soft = F.kl_div(F.log_softmax(logits, -1), p, log_target=True, reduction="batchmean")
            hard = F.cross_entropy(logits, wanted.view(-1))
            loss = feature_loss + 0.1 * (0.9 * soft + 0.1 * hard)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_value_(head.parameters(), 0.5)
        optimizer.step()

    step()
    times = []
    for _ in range(options.steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    seconds = sorted(times)[len(times) // 2]
    print(json.dumps({
        "peer": "pytorch " + torch.__version__, "size": options.size, "fusion": options.fusion,
        "dtype": options.dtype, "tokens_per_second": batch * TIME / seconds, "milliseconds": seconds * 1000,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
