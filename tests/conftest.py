"""What holds for all tests."""

import os
from pathlib import Path

import pytest
from filelock import FileLock
from project import finished_project

# As in the workflow's jobs: one thread each. Another number of threads gives other last bits, and
# small networks are slower with more. Set before torch is first imported.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that no process is left with the longest at the end."""
    slow = {item.path for item in items if "slow" in item.keywords}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Path:
    """Run the whole workflow once; tests that change something work on copies."""
    base = tmp_path_factory.getbasetemp()
    project = (base if worker_id == "master" else base.parent) / "workflow" / "project"
    project.parent.mkdir(exist_ok=True)
    with FileLock(project.parent / "lock"):  # of the processes that share the tests, one runs it
        done = project.parent / "done"
        if not done.exists():
            finished_project(project)
            done.touch()
    return project
