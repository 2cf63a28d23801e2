"""The parts of scripts/harm."""
