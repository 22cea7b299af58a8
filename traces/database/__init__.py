"""`runs/results.sqlite`: opened folds, all results as rows, batches and their queue, reviews."""
