"""What is built and from what: packages, sources, compilers, the bundle of test programs."""
