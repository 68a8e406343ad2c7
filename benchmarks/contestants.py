"""Who takes part: one row a contestant. Nothing here imports a back end."""

import os
import sys
from dataclasses import dataclass, field

MEASURES = ("train", "infer")


@dataclass(frozen=True)
class Contestant:
    """A way to compute a DenseNet, in a process of its own.

    Attributes:
        name: in tables and files.
        what: the same in words.
        engine: "keras" or "torch": which module of this package runs it.
        network: how the engine builds it.
        backend: of Keras; for the engine "torch" it is "torch".
        variables: environment variables that make the difference.
        measures: what it can do, of :data:`MEASURES`.
        nets: the only networks that it has, or None for all.
        gpu: whether it computes on a GPU.
    """

    name: str
    what: str
    network: str
    engine: str = "keras"
    backend: str = "tensorflow"
    variables: dict = field(default_factory=dict)
    measures: tuple[str, ...] = MEASURES
    nets: tuple[str, ...] | None = None
    gpu: bool = False

    def takes_part(self, net, measure):
        """Whether it has that network and can do that with it."""
        return measure in self.measures and (
            self.nets is None or net in self.nets
        )

    def interpreter(self):
        """The Python that has its back end."""
        if self.backend == "tensorflow":
            return sys.executable
        return os.environ.get("DENSENET_BACKENDS_PYTHON", sys.executable)

    def environment(self):
        """The variables of its process."""
        device = _ON_GPU if self.gpu else _ON_CPU
        return (
            os.environ
            | {"KERAS_BACKEND": self.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
            | device
            | self.variables
        )


_ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
# Several processes share the GPU: none may take all of its memory at once.
_ON_GPU = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
# TensorFlow reads this once. Off is what it chooses by itself on processors
# without AVX-512, on is what densenet_lib chooses.
_PLAIN = {"TF_ENABLE_ONEDNN_OPTS": "0"}
_ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}

APPLICATIONS = ("densenet121",)

_ROWS = (
    Contestant(
        "stock", "plain Keras layers, oneDNN off", "naive", variables=_PLAIN
    ),
    Contestant(
        "stock-onednn",
        "plain Keras layers, oneDNN on",
        "naive",
        variables=_ONEDNN,
    ),
    Contestant(
        "remat",
        "keras.remat around each dense layer",
        "remat",
        variables=_ONEDNN,
        measures=("train",),
    ),
    Contestant(
        "shared",
        'memory="shared"',
        "shared",
        variables=_ONEDNN,
        measures=("train",),
    ),
    Contestant("linear", 'memory="linear"', "linear", variables=_ONEDNN),
    Contestant(
        "folded",
        "optimize_for_inference",
        "folded",
        variables=_ONEDNN,
        measures=("infer",),
    ),
    Contestant(
        "applications",
        "keras.applications, oneDNN off",
        "applications",
        variables=_PLAIN,
        nets=APPLICATIONS,
    ),
    Contestant(
        "applications-onednn",
        "keras.applications, oneDNN on",
        "applications",
        variables=_ONEDNN,
        nets=APPLICATIONS,
    ),
    Contestant(
        "linear-jax", 'memory="linear" on JAX', "linear", backend="jax"
    ),
    Contestant(
        "linear-torch",
        'memory="linear", Keras on PyTorch',
        "linear",
        backend="torch",
    ),
    Contestant(
        "torch",
        "PyTorch, channels first",
        "channels_first",
        engine="torch",
        backend="torch",
    ),
    Contestant(
        "torch-channels-last",
        "PyTorch, channels last",
        "channels_last",
        engine="torch",
        backend="torch",
    ),
)


@dataclass(frozen=True)
class Lineup:
    """Contestants, and those of them that the others are compared with.

    Attributes:
        contestants: in the order of the tables.
        references: names; all other memory is held against the last one's.
    """

    contestants: tuple[Contestant, ...]
    references: tuple[str, ...]

    @property
    def deep(self):
        """Names of those whose memory is measured over depth."""
        return self.references[-1], "remat", "shared", "linear"

    @property
    def deepest(self):
        """Names of those that try what is too deep for the first."""
        return self.references[-1], "linear"

    def only(self, names):
        """The same with some contestants alone."""
        chosen = [each for each in self.contestants if each.name in names]
        return Lineup(tuple(chosen), self.references)


def on_cpu():
    """The contestants on a CPU."""
    return Lineup(_ROWS, ("stock", "stock-onednn"))


def on_gpu(backend):
    """The contestants on a GPU, those of Keras on ``backend``."""

    def ours(name, what, network, **options):
        return Contestant(
            name, what, network, backend=backend, gpu=True, **options
        )

    def theirs(name, what, network):
        return Contestant(
            name, what, network, engine="torch", backend="torch", gpu=True
        )

    rows = (
        ours("stock", "plain Keras layers", "naive"),
        ours(
            "remat",
            "keras.remat around each dense layer",
            "remat",
            measures=("train",),
        ),
        ours("shared", 'memory="shared"', "shared", measures=("train",)),
        ours("linear", 'memory="linear"', "linear"),
        ours(
            "folded", "optimize_for_inference", "folded", measures=("infer",)
        ),
        ours(
            "applications",
            "keras.applications",
            "applications",
            nets=APPLICATIONS,
        ),
        theirs("torch", "PyTorch, channels first", "channels_first"),
        theirs(
            "torch-channels-last", "PyTorch, channels last", "channels_last"
        ),
    )
    return Lineup(rows, ("stock",))
