"""Two runs compared: what got better or worse, as far as their intervals can show."""
