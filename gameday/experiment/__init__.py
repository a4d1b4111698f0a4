"""The experiment: a Chaos Toolkit file with a few more blocks, read, checked and resolved."""
