"""The page of a trace: one HTML file that loads nothing."""
