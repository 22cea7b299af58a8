"""What happened in a run: the events, the file they are written to and read from, and the folder of a run."""
