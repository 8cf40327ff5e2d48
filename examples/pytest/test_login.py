# SPDX-License-Identifier: MIT
"""test_login.py: LOGIN=leaking or fixed says which login() is tested."""
import importlib
import os

import pytest

login = importlib.import_module(os.environ.get("LOGIN", "leaking")).login


@pytest.mark.sockleak
def test_a_refused_login_leaks_nothing():
    assert not login("")


def test_the_fixture_does_the_same(no_leaked_sockets):
    assert not login("")
