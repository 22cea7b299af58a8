"""What a person did in a run, in words."""

from __future__ import annotations

from traces.events.kinds import PersonActed


def person_text(event: PersonActed) -> str:
    """Such as `a person dropped H2`."""
    match event.action:
        case "drop":
            done = f"dropped {event.hypothesis}"
        case "add":
            done = f"added: {event.text}"
        case "test":
            done = f"put a text to the test: {event.text}"
        case "budget":
            done = f"allowed {event.units} more units"
        case "experiments":
            done = "asked for more experiments"
        case "finish":
            done = "ended the experiments"
        case "go":
            done = "let unseen text be opened" if event.before == "confirm" else "let experiments begin"
    return f"a person {done}"
