"""The embedded explainer: readable rules, learnt from explore text. No network, no key."""
