"""The networks of TRELLIS' text-to-3D pipeline, for training. State dicts follow the published files."""
from .text import CLIPTextModel
from .structure import SparseStructureDecoder, SparseStructureFlowModel
from .slat_flow import SLatFlowModel
from .decoders import SLatGaussianDecoder, SLatMeshDecoder

__all__ = [
    "CLIPTextModel",
    "SparseStructureDecoder",
    "SparseStructureFlowModel",
    "SLatFlowModel",
    "SLatGaussianDecoder",
    "SLatMeshDecoder",
]
