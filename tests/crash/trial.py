"""One trial: drawn from a seed and a number, so that it can be drawn again."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

MODES = ("full_refresh", "append", "replace_window", "merge", "summary", "replay", "rollback", "summary_window",
         "summary_merge")  # fmt: skip
ON = {
    "replay": ("full_refresh", "append", "replace_window"),
    "rollback": ("full_refresh", "append", "replace_window", "merge"),
}
_LOAD = ("extract-part", "validate-part", "stage-part", "stage-manifest", "candidate-made", "copy-bytes", "copy-part",
         "copied", "before-finish", "after-finish", "judged")  # fmt: skip
_PUBLISH = ("publish-begun", "proof-locked", "quarantine-written", "before-commit", "after-commit", "before-clean-up",
            "after-clean-up")  # fmt: skip
_BUILD = ("built", "publish-begun", "proof-locked", "rows-deleted", "before-commit", "after-commit", "before-clean-up",
          "after-clean-up")  # fmt: skip
POINTS: dict[str, tuple[str, ...]] = {
    "full_refresh": (*_LOAD, *_PUBLISH, "before-swap", "renamed"),
    "append": (*_LOAD, *_PUBLISH),
    "replace_window": (*_LOAD, *_PUBLISH, "rows-deleted"),
    "merge": (*_LOAD, "kept-latest", *_PUBLISH, "rows-deleted"),
    "summary": ("built", "publish-begun", "proof-locked", "before-swap", "renamed", "before-commit", "after-commit",
                "before-clean-up", "after-clean-up"),
    "summary_window": _BUILD,
    "summary_merge": _BUILD,
    "replay": ("validate-part", "stage-part", "stage-manifest", "candidate-made", "copy-bytes", "copy-part",
               "publish-begun", "proof-locked", "replay-flipped", "before-commit", "after-commit"),
    "rollback": ("rollback-begun", "taken-back", "before-swap", "renamed", "before-commit", "after-commit"),
}  # fmt: skip
_SERVED = ("full_refresh", "append", "replace_window")
"""Modes whose source is the web server of the trials."""
MEETING_SECONDS = 3.0
"""Longer than two writers that were started at once are apart. With the lock the first one waits it out."""
_MANY = ("extract-part", "validate-part", "stage-part", "copy-bytes", "copy-part")
_LINGER = (
    "proof-locked",
    "proof-locked",
    "before-commit",
    "before-commit",
    "publish-begun",
    "candidate-made",
    "built",
    "rollback-begun",
    "taken-back",
)


@dataclass(frozen=True)
class Trial:
    """`on`: the load mode of the table that is replayed or rolled back. `point` None: killed at `fraction` of the time such
    a load takes. `linger`: where both writers dawdle."""

    number: int
    mode: str
    on: str
    point: str | None
    fraction: float
    second_writer: bool
    linger: tuple[str, float] | None
    reruns: int
    anew: bool
    reload: bool
    empty: bool
    cold: bool
    seed: str
    meet: bool = False
    """Both writers wait for each other at `linger`, instead of dawdling."""
    cut: bool = False
    """The source breaks off in the middle, while what came before is checked, staged and copied already."""

    @property
    def place(self) -> str:
        return "any instant" if self.point is None else self.point.partition(":")[0]

    @property
    def dice(self) -> random.Random:
        """For the rows of the trial's source."""
        return random.Random(f"rows {self.seed}")


@dataclass(frozen=True)
class Wish:
    """What to play instead of what is drawn. `crowded`: two writers that both dawdle with the proof in hand; `again`:
    a window that is loaded, with other rows."""

    mode: str | None = None
    point: str | None = None
    crowded: bool = False
    again: bool = False

    def of(self, trial: Trial) -> Trial:
        if self.mode is not None:
            trial = replace(
                trial,
                mode=self.mode,
                on=ON.get(self.mode, (self.mode,))[0],
                point=trial.point if trial.point in POINTS[self.mode] else None,
            )
        if self.point is not None:
            trial = replace(trial, point=self.point)
        if self.crowded:
            trial = replace(trial, second_writer=True, linger=("proof-locked", MEETING_SECONDS), meet=True)
            # Neither comes as far as the proof when its source breaks off, or has anything to double without rows.
            trial = replace(trial, cut=False, empty=False)
        if self.again:
            trial = replace(trial, reload=True, anew=False, empty=False)
        return trial


def draw(seed: int, number: int, cold: bool = False) -> Trial:
    """The trial of a seed and a number."""
    name = f"{seed}:{'cold' if cold else 'fork'}:{number}"
    dice = random.Random(name)
    # Modes and points in turn, so that even few trials visit all; what else happens is drawn.
    mode = MODES[number % len(MODES)]
    points = POINTS[mode]
    point: str | None = None
    if dice.random() < 0.7:
        point = points[(number // len(MODES) + dice.randrange(2) * 7) % len(points)]
        if point in _MANY:
            point += f":{dice.choice((1, 1, 2, 3))}"
    second = dice.random() < 0.3
    reruns = 2 if dice.random() < 0.3 else 1
    lingers = (second or reruns == 2) and dice.random() < 0.6
    return Trial(
        number=number, mode=mode, on=dice.choice(ON.get(mode, (mode,))), point=point,
        fraction=dice.random() * 1.1, second_writer=second, reruns=reruns,
        linger=(dice.choice(_LINGER), round(dice.uniform(0.05, 0.3), 2)) if lingers else None,
        anew=dice.random() < 0.06, reload=dice.random() < 0.6, empty=dice.random() < 0.08, cold=cold, seed=name,
        cut=dice.random() < 0.2 and mode in _SERVED,
    )  # fmt: skip
