"""What can be typed after `agent`, one file a command: its options, and beside them what runs it."""
