"""The web app over all runs."""
