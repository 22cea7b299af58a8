"""The loop as a LangGraph graph: its state, its nodes, and the pure functions that decide."""
