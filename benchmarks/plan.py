"""What is measured, and at which sizes: the two tables to change."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One network at one batch size, timed.

    Attributes:
        net: a name that :func:`benchmarks.nets.find` knows.
        batch: images a step.
        seconds: when a measure of the case has taken as long, and three
            rounds are done, no further round begins.
        untrained: contestants that do not train here. With oneDNN,
            TensorFlow keeps for itself what a step has once taken: all of
            them together would need more memory than a machine may have.
    """

    net: str
    batch: int
    seconds: float = 60
    untrained: tuple[str, ...] = ()

    @property
    def name(self):
        return f"{self.net}/{self.batch}"


@dataclass(frozen=True)
class Plan:
    """What a run measures.

    Attributes:
        steps: cases of the sections "train" and "infer".
        memory: (network, (smaller batch, larger batch)).
        depths: layers of the one-block networks of the section "depth".
        depth_batch: images a step there.
        deepest_batch: images a step where the naive network shall fail.
        deepest_limit: bytes that it may take, if the machine has them; None
            for what the machine has.
        without: contestants that do not take part.
    """

    steps: tuple[Case, ...]
    memory: tuple[tuple[str, tuple[int, int]], ...]
    depths: tuple[int, ...]
    depth_batch: int
    deepest_batch: int
    deepest_limit: int | None = None
    without: tuple[str, ...] = ()


PLANS = {
    "full": Plan(
        steps=(
            Case("cpu-net", 64, seconds=30),
            Case("bc-100-12", 32, seconds=50),
            Case(
                "densenet121",
                1,
                seconds=30,
                untrained=(
                    "remat",
                    "shared",
                    "applications",
                    "applications-onednn",
                    "linear-jax",
                    "linear-torch",
                    "torch",
                ),
            ),
            Case(
                "densenet121",
                32,
                seconds=100,
                untrained=(
                    "remat",
                    "torch",
                    "applications-onednn",
                    "linear-jax",
                    "linear-torch",
                ),
            ),
        ),
        memory=(("bc-100-12", (16, 32)),),
        depths=(4, 8, 16, 32),
        depth_batch=16,
        deepest_batch=16,
        deepest_limit=2_500_000_000,
    ),
    "quick": Plan(
        steps=(Case("sketch-net", 32, seconds=8),),
        memory=(),
        depths=(4, 8),
        depth_batch=16,
        deepest_batch=32,
        deepest_limit=1_000_000_000,
        without=(
            "applications",
            "applications-onednn",
            "linear-jax",
            "linear-torch",
        ),
    ),
    "gpu": Plan(
        steps=(
            Case("densenet121", 1),
            Case("densenet121", 32),
            Case("densenet121", 128),
            Case("bc-100-12", 64),
        ),
        memory=(("densenet121", (16, 32)), ("bc-100-12", (32, 64))),
        depths=(4, 8, 16, 32, 64),
        depth_batch=64,
        deepest_batch=64,
    ),
}


def nets(plan):
    """Names of the networks that a plan times or weighs."""
    names = [case.net for case in plan.steps]
    names += [net for net, _ in plan.memory]
    return tuple(dict.fromkeys(names))
