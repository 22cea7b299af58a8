"""What there is to say of a neuron that takes both signs: its other side, and that it is always on."""

from __future__ import annotations

from tools.records.scores import Record


class AlwaysOn(Record):
    """A neuron that is nearly always on.

    Attributes:
        share: of its tokens that are above `above`, 0 to 1.
        above: raw activation.
        rest: its median raw activation.
    """

    share: float
    above: float
    rest: float

    def line(self, neuron: str) -> str:
        """What that means for whoever reads an explanation."""
        return (
            f"{neuron} is always on: above {self.above:.3g} on {self.share:.1%} of tokens, {self.rest:.3g} at rest. "
            "What is explained is where it goes silent, and values say how far it falls below its rest."
        )


class OtherSide(Record):
    """The other side of a neuron on explore text, its values with their sign turned.

    Attributes:
        neuron: as in `L8N321-`.
        theta: raw activation above which it fires.
        firing_rate: share of tokens above that, 0 to 1.
        peak: its largest raw activation.
        tokens: up to six on which it fires most, by the sum of its values there.
    """

    neuron: str
    theta: float
    firing_rate: float
    peak: float
    tokens: list[str]

    def line(self) -> str:
        """What it does, in one line."""
        if not self.firing_rate:
            return f"Its other side, {self.neuron}, never fires on this text."
        most = f", most on {', '.join(f'`{_shown(token)}`' for token in self.tokens)}" if self.tokens else ""
        return (
            f"Its other side, {self.neuron}, goes beyond {self.theta:.3g} on {self.firing_rate:.2%} of tokens, up to "
            f"{self.peak:.3g}{most}."
        )


def side_lines(neuron: str | None, always_on: AlwaysOn | None, other_side: OtherSide | None) -> list[str]:
    """What there is to say of a gated neuron besides its explanation: a line each, or none."""
    lines = [always_on.line(str(neuron))] if always_on else []
    return [*lines, other_side.line()] if other_side else lines


def full_explanation(explanation: str, is_always_on: bool) -> str:
    """An explanation as a person should read it: of a neuron that is always on, it says where it is not."""
    if not is_always_on:
        return explanation
    is_rule = explanation.startswith("Fires ")
    told = f" {explanation.removeprefix('Fires ')}" if is_rule else f": {explanation}"
    return f"Always on, except that it goes silent{told}"


def _shown(token: str) -> str:
    """A token on one line, a leading space visible."""
    return token.replace("\n", "\\n").replace("\t", "\\t").replace(" ", "␣")
