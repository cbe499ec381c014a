"""The time features that parity cases are made with are those of the reference data."""
import sys
from pathlib import Path

from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from networks import layers  # noqa: E402
from networks.reference_time import timestep_features  # noqa: E402
from sampling import time_points  # noqa: E402

CASES = Path(__file__).resolve().parents[4] / "packages/trellis/test/goldens/cases"


def test_features_are_those_of_the_reference():
    case = load_file(CASES / "ss_flow.safetensors")
    assert (timestep_features(case["t"]) - case["t_freq"]).abs().max() < 1e-7
    # What training uses differs by units in the last place of a frequency only.
    assert (layers.timestep_features(case["t"]) - case["t_freq"]).abs().max() < 1e-4


def test_times_are_those_of_the_reference():
    case = load_file(CASES / "ss_sample.safetensors")
    assert time_points(12, 3.0) == case["t_seq"].tolist()
