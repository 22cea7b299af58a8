"""What happened in a run: recorded, found again and shown.

Rooms, lowest first: `events`, `database`, `analysis`, `text`, then `html` and `export`.
"""
