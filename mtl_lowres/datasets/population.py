"""The people of generated clips: build, heat and manner of moving, some of it due to age.

The effects of age are stylised and continuous. Children are small, large-headed and quick; the old
stoop, bend their knees, take short slow steps, have cool skin and dress warmly, which keeps the
heat in; girth grows in between. Every trait has a personal part besides, so that age does not tell
who somebody is.
"""

from dataclasses import dataclass

import numpy as np

from mtl_lowres.datasets.figure import Person

YOUNGEST, OLDEST = 4.0, 90.0

# Trait -> (ages in years, averages at those ages, standard deviation between people).
_BY_AGE = {
    "height": ((4, 8, 12, 16, 18, 50, 90), (1.02, 1.27, 1.49, 1.69, 1.72, 1.71, 1.58), 0.045),
    "head": ((4, 10, 18, 90), (1.4, 1.18, 1.0, 1.0), 0.04),
    "girth": ((4, 18, 65, 90), (1.0, 0.84, 1.25, 1.15), 0.08),
    "skin": ((4, 90), (35.4, 31.4), 0.4),
    "shirt": ((4, 90), (31.5, 26.0), 1.0),
    "stoop": ((4, 30, 60, 90), (0, 2, 16, 42), 2.5),
    "knees": ((4, 50, 90), (0, 3, 26), 2.0),
    "tempo": ((4, 20, 90), (1.22, 1.08, 0.8), 0.04),
    "step": ((4, 25, 90), (1.1, 1.05, 0.55), 0.07),
}


@dataclass(frozen=True)
class Member:
    """A person with an age in years and a manner of moving.

    `stoop` and `knees` are how far the trunk and the knees are bent at rest, in degrees; `tempo`,
    `step` and `arm_swing` are factors on the usual speed, length of step and swing of the arms;
    `arm_lag` in radians is how far the arms are behind the legs.
    """

    person: Person
    age: float
    stoop: float
    knees: float
    tempo: float
    step: float
    arm_swing: float
    arm_lag: float


def random_member(age: float, rng: np.random.Generator) -> Member:
    """Return a person of the given age in years, with random traits of their own."""
    traits = {
        name: np.interp(age, ages, averages) + rng.normal(0, deviation)
        for name, (ages, averages, deviation) in _BY_AGE.items()
    }
    skin, shirt = traits["skin"], traits["shirt"]
    trousers, shoe, hair = rng.uniform((24.5, 22, 24), (32, 28, 31))
    bare_legs = rng.random() < 0.4
    person = Person(
        height=traits["height"],
        shoulders=rng.uniform(0.8, 1.25),
        hips=rng.uniform(0.8, 1.3),
        girth=traits["girth"],
        head=traits["head"],
        temperatures={
            "skin": skin,
            "hair": hair,
            "trunk": shirt + rng.uniform(-1.5, 1.5),
            "upper_arm": shirt - 0.5,
            "forearm": skin - rng.uniform(0.5, 4),
            "hand": skin - rng.uniform(0, 2.5),
            "trousers": trousers,
            "shin": skin - 2.5 if bare_legs else trousers - 1,
            "shoe": shoe,
        },
    )
    return Member(
        person=person,
        age=age,
        stoop=max(0.0, traits["stoop"]),
        knees=max(0.0, traits["knees"]),
        tempo=traits["tempo"],
        step=traits["step"],
        arm_swing=rng.uniform(0.4, 1.6),
        arm_lag=rng.normal(0, 0.5),
    )


def spread_ages(people: int) -> np.ndarray:
    """Return ages in years, float64 [people] to a tenth, evenly spread however many are taken.

    They are the golden-ratio sequence, so the first of them are spread as evenly as all.
    """
    shares = np.arange(1, people + 1) * (5**0.5 - 1) / 2 % 1
    return np.round(YOUNGEST + (OLDEST - YOUNGEST) * shares, 1)
