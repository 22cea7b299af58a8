"""What a run is told, and what it opens: settings, models, texts, indexes, LLMs, one neuron's evidence."""
