"""What a trace amounts to: its story by hypothesis and round, who refuted whom, and how two runs differ."""
