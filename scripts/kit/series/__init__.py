"""The patches: what they cure, what a tree lacks, how they get on it."""
