"""What follows from traces: a run's story by hypothesis and round, who refuted whom, how two runs differ."""
