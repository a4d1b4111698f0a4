"""The run: play an experiment under load, watch it, put everything back, and have it judged."""
