# SPDX-License-Identifier: MIT
"""pytest_sockleak.py: a pytest plugin: `pytest -p pytest_sockleak`, with sockleak.py (../python) and this file on PYTHONPATH.

    @pytest.mark.sockleak              this test must leave no socket open; also: pytestmark = pytest.mark.sockleak for a file
    def test_it(no_leaked_sockets)     the same as a fixture
    --sockleak                         every test
"""
import pytest
import sockleak


def pytest_addoption(parser):
    parser.addoption("--sockleak", action="store_true", help="every test must leave no socket open")


def pytest_configure(config):
    config.addinivalue_line("markers", "sockleak(optional=False, timeout_ms=1000): the test must leave no socket open")


@pytest.fixture
def no_leaked_sockets(request):
    marker = request.node.get_closest_marker("sockleak")
    said = None
    try:
        with sockleak.no_leaked_sockets(**(marker.kwargs if marker else {})):
            yield
    except AssertionError as leak:
        said = str(leak)
    if said:
        pytest.fail(said, pytrace=False)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if config.getoption("--sockleak") or item.get_closest_marker("sockleak"):
            item.fixturenames.insert(0, "no_leaked_sockets")  # first: its end comes after all others'
