# SPDX-License-Identifier: MIT
"""test_login.py: Python's own unittest. LOGIN=leaking or fixed says which login() is tested."""
import importlib
import os
import unittest

import sockleak

login = importlib.import_module(os.environ.get("LOGIN", "leaking")).login


class NoLeakedSockets(unittest.TestCase):
    """Test cases that derive from this one must leave no socket open."""

    def setUp(self):
        guard = sockleak.no_leaked_sockets()
        guard.__enter__()
        self.addCleanup(guard.__exit__, None, None, None)  # the last of all clean-ups


class Login(NoLeakedSockets):
    def test_a_refused_login_leaks_nothing(self):
        self.assertFalse(login(""))


if __name__ == "__main__":
    unittest.main()
