"""What holds for all tests."""

import os
from pathlib import Path

import pytest
from project import finished_project

# As in the workflow's jobs: one thread each. Another number of threads gives other last bits, and
# small networks are slower with more. Set before torch is first imported.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """Run the whole workflow once; tests that change something work on copies."""
    return finished_project(tmp_path_factory.mktemp("workflow") / "project")
