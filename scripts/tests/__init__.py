"""Unit tests of kit, a module for each of its modules, and the data that they read."""
