"""The experiment: a Chaos Toolkit file with a few more blocks, read, checked and resolved."""

from gameday.experiment.load import Experiment, load

__all__ = ["Experiment", "load"]
