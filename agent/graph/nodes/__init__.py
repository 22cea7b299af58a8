"""The nodes of the graph, one file for each step of a run."""
