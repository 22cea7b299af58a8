"""Results and traces as lines of text: on a terminal, live or afterwards."""
