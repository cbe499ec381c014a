"""Sizes of the networks. `starter` is what ships; `tiny` rehearses the whole chain in seconds."""
from __future__ import annotations

REPRESENTATION = {
    "lr": {"_xyz": 1.0, "_features_dc": 1.0, "_opacity": 1.0, "_scaling": 1.0, "_rotation": 1.0},
    "perturb_offset": True, "voxel_size": 1.5, "num_gaussians": 8, "2d_filter_kernel_size": 0.1,
    "3d_filter_kernel_size": 0.0009, "scaling_bias": 0.004, "opacity_bias": 0.1, "scaling_activation": "softplus",
}


def sizes(name: str, vocab: int, end_token: int) -> dict[str, dict]:
    tiny = name == "tiny"
    text = {"hidden_size": 64 if tiny else 192, "intermediate_size": 128 if tiny else 768,
            "num_hidden_layers": 2 if tiny else 3, "num_attention_heads": 2 if tiny else 4}
    cond = text["hidden_size"]
    return {
        "text_encoder": {**text, "vocab_size": vocab, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
                         "layer_norm_eps": 1e-05, "bos_token_id": end_token - 1, "eos_token_id": end_token,
                         "pad_token_id": end_token, "model_type": "clip_text_model",
                         "architectures": ["CLIPTextModel"], "torch_dtype": "float16"},
        "sparse_structure_decoder": {"name": "SparseStructureDecoder", "args": {
            "out_channels": 1, "latent_channels": 8, "num_res_blocks": 0, "num_res_blocks_middle": 2,
            "channels": [32, 16, 8] if tiny else [64, 32, 16], "use_fp16": False}},
        "sparse_structure_flow_model": {"name": "SparseStructureFlowModel", "args": {
            "resolution": 8, "in_channels": 8, "out_channels": 8, "model_channels": 64 if tiny else 256,
            "cond_channels": cond, "num_blocks": 2 if tiny else 6, "num_heads": 2 if tiny else 4, "mlp_ratio": 4,
            "patch_size": 2 if tiny else 1, "pe_mode": "ape", "share_mod": True, "qk_rms_norm": False,
            "qk_rms_norm_cross": False, "use_fp16": False}},
        "slat_flow_model": {"name": "SLatFlowModel", "args": {
            "resolution": 32, "in_channels": 8, "out_channels": 8, "model_channels": 64 if tiny else 192,
            "cond_channels": cond, "num_blocks": 2 if tiny else 6, "num_heads": 2 if tiny else 6, "mlp_ratio": 4,
            "patch_size": 2, "num_io_res_blocks": 2, "io_block_channels": [16 if tiny else 48], "pe_mode": "ape",
            "qk_rms_norm": False, "use_fp16": False}},
        "slat_decoder_gs": {"name": "SLatGaussianDecoder", "args": {
            "resolution": 32, "model_channels": 64 if tiny else 128, "latent_channels": 8,
            "num_blocks": 1 if tiny else 2, "num_heads": 2 if tiny else 4, "mlp_ratio": 4, "attn_mode": "swin",
            "window_size": 8, "use_fp16": False, "representation_config": REPRESENTATION}},
        "slat_decoder_mesh": {"name": "SLatMeshDecoder", "args": {
            "resolution": 32, "model_channels": 256, "latent_channels": 8, "num_blocks": 1 if tiny else 2,
            "num_heads": 4, "mlp_ratio": 2, "attn_mode": "swin", "window_size": 8, "use_fp16": False,
            "representation_config": {"use_color": True}}},
        "structure_encoder": {"channels": 32 if tiny else 128, "blocks": 1 if tiny else 3},
        "latent_encoder": {"channels": 64 if tiny else 256},
    }


FILES = {
    "sparse_structure_decoder": "ss_dec_conv3d_8l8_fp16",
    "sparse_structure_flow_model": "ss_flow_txt_dit_starter_8l8_fp16",
    "slat_decoder_gs": "slat_dec_gs_swin8_starter_32l8gs8_fp16",
    "slat_decoder_mesh": "slat_dec_mesh_swin8_starter_32l8m128c_fp16",
    "slat_flow_model": "slat_flow_txt_dit_starter_32l8p2_fp16",
}
