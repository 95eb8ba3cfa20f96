"""A cluster for all tests of this folder."""

import one_node
import pytest


@pytest.fixture(scope="session", autouse=True)
def cluster():
    try:
        one_node.install()
    except one_node.Unavailable as reason:
        pytest.skip(str(reason))
    try:
        one_node.start()
        yield
    finally:
        one_node.stop()
