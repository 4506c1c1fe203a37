"""What the user chooses for a data set, and the refusal of combinations that have no meaning."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from netlake.errors import OptionError

SPLITS = ("time", "host", "attack", "kfold", "random")
GROUPS = ("attack", "host", "flow")
ATTEMPTED = ("separate", "attack", "benign", "drop")
UNKNOWN = ("drop", "benign", "keep")
MISSING = ("null", "impute")
CHOICES = ("priority", "majority")
# classes of leaks (see netlake.features) that are not features unless the user includes them
KEPT_APART = ("identity", "time")
MOST_FOLDS = 100


@dataclass(frozen=True, slots=True)
class Options:
    """How a data set is made; `check` refuses invalid combinations.

    - `features`: name of the feature set; `policy`: name of its segmentation policy, None for the set's own
    - `version`: version of the labels; `choose`: which of several labels of a row is its class, by `priority` of the
      rules or by the `majority` of its packets
    - `split`: one of SPLITS; `group`: what must not be in two splits, one of GROUPS, None for the split's own
    - `test`, `validation`: shares of the rows, above 0 (validation: 0 or above), together below 1
    - `purge`: seconds after a boundary of a time split whose rows are left out
    - `folds`: number of folds of `kfold`; `seed`: decides ties between groups, and the random split
    - `missing`: keep nulls, or impute them with medians and modes of the training split
    - `attempted`, `unknown`: what happens to rows of attempts and to rows without a label
    - `exclude`, `include`: names of columns, or `leak:CLASS` for all columns of a class of leak; `exclude` also
      `check:constants`, for those with one value in all training rows
    - `pipeline`: also fit and save a scikit-learn pipeline; `force`: allow a random split that cuts groups
    """

    features: str = "cic"
    split: str = "time"
    policy: str | None = None
    version: str = "default"
    choose: str = "priority"
    group: str | None = None
    test: float = 0.2
    validation: float = 0.1
    purge: float = 0.0
    folds: int = 5
    seed: int = 0
    missing: str = "null"
    attempted: str = "separate"
    unknown: str = "drop"
    exclude: tuple[str, ...] = field(default=())
    include: tuple[str, ...] = field(default=())
    pipeline: bool = False
    force: bool = False

    def check(self) -> None:
        """OptionError for a value or combination that has no meaning."""
        choices = {
            "split": SPLITS, "group": (None, *GROUPS), "attempted": ATTEMPTED, "unknown": UNKNOWN, "missing": MISSING,
            "choose": CHOICES,
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                listed = ", ".join(value for value in allowed if value)
                raise OptionError(f"--{name}: {getattr(self, name)!r} is not one of {listed}.")
        if not (0 < self.test < 1 and 0 <= self.validation < 1 and self.test + self.validation < 1):
            raise OptionError(
                "--test and --validation: give shares above 0 that leave rows for training, as 0.2 and 0.1."
            )
        if not 2 <= self.folds <= MOST_FOLDS:
            raise OptionError(f"--folds: give a number from 2 to {MOST_FOLDS}.")
        if self.purge and self.split != "time":
            raise OptionError(f"--purge leaves rows out after the boundaries of --split time, not of {self.split}.")
        if self.group and self.split in ("time", "host"):
            raise OptionError(f"--group is for --split attack, kfold and random; {self.split} has its own groups.")

    @property
    def unit(self) -> str:
        """What the split keeps together: attack, host or flow."""
        own = {"time": "flow", "host": "host"}
        return self.group or own.get(self.split, "attack")

    @property
    def shares(self) -> dict[str, float]:
        """Split -> share of the rows, in the order train, validation, test, or the folds."""
        if self.split == "kfold":
            return {f"fold_{number}": 1 / self.folds for number in range(self.folds)}
        shares = {"train": 1 - self.test - self.validation, "validation": self.validation, "test": self.test}
        return {name: share for name, share in shares.items() if share > 0}

    def as_json(self) -> dict[str, Any]:
        """The configuration, for the manifest."""
        return asdict(self)
