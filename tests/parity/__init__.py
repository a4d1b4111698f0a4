"""Many experiments under Chaos Toolkit and under gameday, side by side."""
