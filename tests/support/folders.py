"""Small models in Hugging Face folders, made and saved as users do it."""

from pathlib import Path

import torch
import transformers

from support.modules import seeded

TINY_TEXT = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}


def save(model: torch.nn.Module, folder: Path) -> torch.nn.Module:
    """Save a model, with weights so large that its answers differ between rows."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "norm" not in name.lower():
                weight.mul_(5)
    model.save_pretrained(folder)
    return model


def distilbert(**settings: object) -> torch.nn.Module:
    """Make a small DistilBERT sequence classifier."""
    config = transformers.DistilBertConfig(
        dim=16, hidden_dim=32, n_layers=1, n_heads=2, vocab_size=60, max_position_embeddings=64, **settings
    )
    return seeded(transformers.DistilBertForSequenceClassification, config)


def bert(**settings: object) -> torch.nn.Module:
    """Make a small BERT sequence classifier, which has an input for the tokens of the second sentence."""
    return seeded(transformers.BertForSequenceClassification, transformers.BertConfig(**TINY_TEXT, **settings))


def vit(**settings: object) -> torch.nn.Module:
    """Make a small ViT image classifier."""
    config = transformers.ViTConfig(
        image_size=32, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        **settings,
    )  # fmt: skip
    return seeded(transformers.ViTForImageClassification, config)
