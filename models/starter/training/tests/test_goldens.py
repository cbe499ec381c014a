"""The networks here are TRELLIS' networks: they reproduce the reference data."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from check_goldens import DEFAULT, TOLERANCE, check  # noqa: E402


def test_networks_reproduce_the_reference():
    assert check(DEFAULT) < TOLERANCE
