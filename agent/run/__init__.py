"""One run from beginning to end: started, resumed, replayed, exported, served to LangGraph Studio."""
