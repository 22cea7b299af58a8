"""Runs of the agent on many neurons; see `agent.batch.run`."""
