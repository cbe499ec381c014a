"""CLIP's text transformer, with Hugging Face's tensor names."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class TextAttention(nn.Module):
    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.q_proj = nn.Linear(channels, channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x):
        b, length, c = x.shape
        q, k, v = (p(x).view(b, length, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(out.transpose(1, 2).reshape(b, length, c))


class TextMLP(nn.Module):
    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x):
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))


class TextLayer(nn.Module):
    def __init__(self, channels: int, heads: int, hidden: int):
        super().__init__()
        self.self_attn = TextAttention(channels, heads)
        self.layer_norm1 = nn.LayerNorm(channels)
        self.mlp = TextMLP(channels, hidden)
        self.layer_norm2 = nn.LayerNorm(channels)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class TextEmbeddings(nn.Module):
    def __init__(self, vocab: int, channels: int, positions: int):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, channels)
        self.position_embedding = nn.Embedding(positions, channels)

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class TextEncoder(nn.Module):
    def __init__(self, channels, heads, hidden, layers):
        super().__init__()
        self.layers = nn.ModuleList(TextLayer(channels, heads, hidden) for _ in range(layers))


class TextTransformer(nn.Module):
    def __init__(self, vocab, channels, heads, hidden, layers, positions):
        super().__init__()
        self.embeddings = TextEmbeddings(vocab, channels, positions)
        self.encoder = TextEncoder(channels, heads, hidden, layers)
        self.final_layer_norm = nn.LayerNorm(channels)


class CLIPTextModel(nn.Module):
    """Token ids [B, 77] -> last hidden state after the final norm [B, 77, hidden_size]."""

    def __init__(self, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads,
                 max_position_embeddings=77, **_ignored):
        super().__init__()
        self.text_model = TextTransformer(
            vocab_size, hidden_size, num_attention_heads, intermediate_size, num_hidden_layers, max_position_embeddings
        )
        nn.init.normal_(self.text_model.embeddings.token_embedding.weight, std=0.3)
        nn.init.normal_(self.text_model.embeddings.position_embedding.weight, std=0.1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        h = self.text_model.embeddings(ids)
        for layer in self.text_model.encoder.layers:
            h = layer(h)
        return self.text_model.final_layer_norm(h)
