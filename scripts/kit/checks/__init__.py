"""The checks of scripts/check."""
