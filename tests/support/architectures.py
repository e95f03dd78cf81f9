"""A tiny classifier of every architecture that transformers has, with random weights, and queries for it."""

import inspect
from collections.abc import Mapping

import numpy as np
import torch
import transformers
from transformers.models.auto import modeling_auto

CLASSES = 4
TASKS = ("SEQUENCE", "IMAGE", "AUDIO")

# What makes a model small, by the names that configurations use.
SIZES = {
    **dict.fromkeys(["hidden_size", "d_model", "dim", "n_embd", "embedding_size", "embed_dim", "emb_dim"], 32),
    **dict.fromkeys(["word_embed_proj_dim", "encoder_hidden_dim"], 32),
    **dict.fromkeys(["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"], 2),
    **dict.fromkeys(["num_encoder_layers", "num_decoder_layers"], 2),
    **dict.fromkeys(["num_attention_heads", "n_head", "n_heads", "num_heads", "num_key_value_heads"], 4),
    **dict.fromkeys(["encoder_attention_heads", "decoder_attention_heads", "num_kv_heads"], 4),
    **dict.fromkeys(["head_dim", "d_kv", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "rotary_dim"], 8),
    **dict.fromkeys(["intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff", "hidden_dim"], 64),
    **dict.fromkeys(["n_inner", "moe_intermediate_size", "ffn_hidden_size", "d_inner", "dff"], 64),
    **dict.fromkeys(["shared_expert_intermediate_size", "shared_intermediate_size"], 64),
    **dict.fromkeys(["vocab_size", "vocab_size_per_layer_input"], 120),
    **dict.fromkeys(["max_position_embeddings", "n_positions", "n_ctx", "max_target_positions", "max_seq_len"], 64),
    **dict.fromkeys(["num_local_experts", "num_experts", "n_routed_experts", "num_groups"], 4),
    **dict.fromkeys(["kv_lora_rank", "q_lora_rank"], 16),
    **dict.fromkeys(["n_group", "topk_group", "first_k_dense_replace"], 1),
    "image_size": 32,
    "input_size": 32,
    "patch_size": 8,
    "num_experts_per_tok": 2,
    "sliding_window": 8,
}
# The sizes of a stage each.
STAGES = {
    "depths": lambda stage: 1,
    "hidden_sizes": lambda stage: 16 * (stage + 1),
    "embed_dims": lambda stage: 16 * (stage + 1),
    "encoder_hidden_sizes": lambda stage: 16 * (stage + 1),
    "num_attention_heads": lambda stage: 2,
}
SOUND = {
    "conv_dim": (16, 16), "conv_kernel": (10, 4), "conv_stride": (5, 4), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 16,
}  # fmt: skip
SWIN = {"embed_dim": 12, "num_heads": [1, 2], "depths": [1, 1], "window_size": 4, "patch_size": 4}
PYRAMID = {"hidden_sizes": [8, 16, 24, 32], "num_attention_heads": [1, 2, 2, 4]}
# Inputs of integers other than tokens, and the number of their values.
INTEGERS = {
    "token_type_ids": 2, "xpath_tags_seq": 200, "xpath_subs_seq": 900, "input_shape_ids": 50,
    "input_pronunciation_ids": 40,
}  # fmt: skip
DEFAULT = object()
# What needs more than that, by the class of the configuration.
EXCEPTIONS = {
    "BitConfig": {"embedding_size": 8},
    "CohereCompassTextConfig": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "ConvNextConfig": {"num_hidden_layers": DEFAULT, "patch_size": 2},
    "ConvNextV2Config": {"num_hidden_layers": DEFAULT, "patch_size": 2},
    "CvtConfig": {"embed_dim": [8, 16, 16], "num_heads": [1, 2, 2], "depth": [1, 2, 3]},
    "DonutSwinConfig": SWIN,
    "EfficientNetConfig": {"width_coefficient": 0.25, "depth_coefficient": 0.2, "hidden_dim": 320},
    "FunnelConfig": {"block_sizes": [1, 1], "d_head": 8, "num_hidden_layers": DEFAULT},
    "GPTNeoConfig": {"attention_types": [[["global", "local"], 1]], "window_size": 8},
    "LayoutLMv3Config": {"coordinate_size": 4, "shape_size": 8},
    "LevitConfig": {"image_size": 64, "patch_size": DEFAULT},
    "LiltConfig": {"hidden_size": 48},
    "LongformerConfig": {"attention_window": 8},
    "LukeConfig": {"entity_vocab_size": 20, "entity_emb_size": 16},
    "Mistral4Config": {
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.0, "llama_4_scaling_beta": 0.1,
            "original_max_position_embeddings": 64,
        },
    },
    "MobileViTV2Config": {"image_size": 64, "patch_size": DEFAULT},
    "PerceiverConfig": {
        "d_latents": 32, "num_latents": 8, "num_blocks": 1, "num_self_attends_per_block": 2,
        "num_self_attention_heads": 1, "num_cross_attention_heads": 1,
    },
    "HGNetV2Config": {"hidden_sizes": DEFAULT},
    "JambaConfig": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "PvtConfig": PYRAMID,
    "PvtV2Config": PYRAMID,
    "Qwen3_5TextConfig": {"layer_types": ["linear_attention", "full_attention"]},
    "Qwen3NextConfig": {"layer_types": ["linear_attention", "full_attention"]},
    "ReformerConfig": {
        "axial_pos_embds_dim": (16, 16), "axial_pos_shape": (8, 8), "attn_layers": ["local", "lsh"],
        "lsh_attn_chunk_length": 8, "local_attn_chunk_length": 8, "num_buckets": 4, "feed_forward_size": 32,
        "num_hidden_layers": DEFAULT,
    },
    "RoCBertConfig": {
        "shape_vocab_size": 50, "pronunciation_vocab_size": 40, "shape_embed_dim": 8, "pronunciation_embed_dim": 8
    },
    "SwinConfig": SWIN,
    "Swinv2Config": SWIN,
    "TextNetConfig": {"hidden_sizes": DEFAULT, "image_size": [64, 64]},
    "XLNetConfig": {"max_position_embeddings": DEFAULT},
    "XmodConfig": {"default_language": "en_XX"},
    "ZambaConfig": {
        "num_hidden_layers": 4, "layers_block_type": ["mamba", "hybrid"] * 2, "attention_hidden_size": 64,
        "attention_head_dim": 16, "mamba_d_state": 8,
    },
    "Zamba2Config": {
        "num_hidden_layers": 2, "layers_block_type": ["mamba", "hybrid"], "mamba_d_state": 8, "n_mamba_heads": 8,
        "num_mem_blocks": 1, "adapter_rank": 8, "chunk_size": 8,
    },
}  # fmt: skip


def architectures() -> dict[str, str]:
    """List the sequence, image and audio classifiers that transformers has, with the task of each."""
    listed: dict[str, str] = {}
    for task in TASKS:
        for names in getattr(modeling_auto, f"MODEL_FOR_{task}_CLASSIFICATION_MAPPING_NAMES").values():
            for name in [names] if isinstance(names, str) else names:
                listed.setdefault(name, task)
    return listed


def tiny(architecture: str) -> torch.nn.Module:
    """Make a tiny classifier, in evaluation mode, whose answers differ between rows."""
    make = getattr(transformers, architecture)
    torch.manual_seed(0)
    model = make(_tiny_config(make.config_class, num_labels=CLASSES)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim < 2:
                weight.add_(torch.randn(weight.shape, generator=generator) * 0.1)
            else:
                spread = 0.5 if "embed" in name else 1 / weight[0].numel() ** 0.5
                weight.normal_(0, spread, generator=generator)
        if architectures()[architecture] == "IMAGE":
            _fit_statistics(model, generator)
    return model


def _fit_statistics(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Let batch normalisation see random images, without which a deep network would answer all images alike."""
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    if not layers:
        return
    for layer in layers:
        layer.train().momentum = None  # the plain mean
    side = getattr(model.config, "image_size", None) or 64
    model(pixel_values=torch.randn(8, 3, *[side if isinstance(side, int) else side[0]] * 2, generator=generator))
    model.eval()


def _tiny_config(kind: type, **settings: object) -> transformers.PreTrainedConfig:
    usual = kind()
    small: dict[str, object] = {}
    for name, value in vars(usual).items():
        if isinstance(value, transformers.PreTrainedConfig):
            small[name] = _tiny_config(type(value))
        elif name in STAGES and isinstance(value, list | tuple):
            small[name] = [STAGES[name](stage) for stage in range(len(value))]
    for name, size in SIZES.items():
        value = getattr(usual, name, DEFAULT) if "XLNet" not in kind.__name__ else vars(usual).get(name, DEFAULT)
        is_size = isinstance(value, int) and not isinstance(value, bool)
        if (is_size or (value is None and name in vars(usual))) and not _is_computed(kind, name):
            small[name] = size
    if hasattr(usual, "conv_stride") and hasattr(usual, "num_conv_pos_embeddings"):
        small |= SOUND
    small |= EXCEPTIONS.get(kind.__name__, {})
    config = kind(**{name: value for name, value in {**small, **settings}.items() if value is not DEFAULT})
    for number, name in enumerate(["pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"]):
        token = getattr(config, name, None)
        if token is None or not isinstance(token, int) or token >= SIZES["vocab_size"]:
            setattr(config, name, number)
    return config


def _is_computed(kind: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(kind, name, None), property)


def save(model: torch.nn.Module, folder) -> None:
    """Save a model, with the feature extractor that an audio classifier needs."""
    model.save_pretrained(folder)
    config = model.config
    match type(model).__name__:
        case "ASTForAudioClassification":
            made = transformers.ASTFeatureExtractor(num_mel_bins=config.num_mel_bins, max_length=config.max_length)
        case "WhisperForAudioClassification":
            made = transformers.WhisperFeatureExtractor(feature_size=config.num_mel_bins)
        case "Wav2Vec2BertForSequenceClassification":
            made = transformers.SeamlessM4TFeatureExtractor()
        case name if architectures()[name] == "AUDIO":
            made = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
        case _:
            return
    made.save_pretrained(folder)


def queries(
    model: torch.nn.Module, inputs: Mapping[str, list[int | str]], rows: int, length: int, seed: int
) -> dict[str, np.ndarray]:
    """Draw rows for a classifier, padded on the right if it takes a mask.

    Args:
        model: the classifier.
        inputs: the shapes of its inputs by name; a name stands for a size that is free.
        rows: how many.
        length: the free size beyond the rows.
        seed: of what is drawn.
    """
    generator = np.random.default_rng(seed)
    config = model.config
    shapes = {
        name: [size if isinstance(size, int) else length if axis else rows for axis, size in enumerate(shape)]
        for name, shape in inputs.items()
    }
    masked = shapes.get("attention_mask")
    length = length if masked is None else masked[1]
    ends = generator.integers((length + 1) // 2, length + 1, rows)
    drawn: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        if name == "input_ids":
            drawn[name] = _tokens(generator, config, shape, shape[1] * np.ones_like(ends) if masked is None else ends)
        elif name == "attention_mask":
            drawn[name] = (np.arange(shape[1]) < ends[:, None]).astype(np.int64)
        elif name == "bbox":
            edges = generator.integers(0, 1000, (*shape[:2], 2, 2))
            drawn[name] = np.concatenate([edges.min(axis=2), edges.max(axis=2)], axis=2)
        elif name in INTEGERS:
            drawn[name] = generator.integers(0, INTEGERS[name], shape)
        else:
            drawn[name] = generator.standard_normal(shape, dtype=np.float32)
    return drawn


def _tokens(
    generator: np.random.Generator, config: transformers.PreTrainedConfig, shape: list[int], ends: np.ndarray
) -> np.ndarray:
    """Draw tokens, with padding after the ends, and the mark of an end where an encoder and decoder looks for it."""
    tokens = generator.integers(10, 100, shape)
    if config.is_encoder_decoder:
        tokens[np.arange(len(tokens)), ends - 1] = config.eos_token_id
    return np.where(np.arange(shape[1]) < ends[:, None], tokens, config.get_text_config().pad_token_id or 0)
