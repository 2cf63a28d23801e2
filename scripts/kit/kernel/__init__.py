"""Kernels: by name, as packages, roots, images; their modules and configurations."""
