"""The process of one contestant: answers questions, a line of JSON each.

    python -m benchmarks.worker ENGINE NETWORK GPU

A question is {"do": name, …arguments} and comes in on standard input. The
answer goes out on what was standard output: {"value": …}, {"missing":
package} or {"failed": reason}. All that libraries print goes to standard
error.
"""

import importlib
import json
import math
import os
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, version

# Steps of a turn are repeated until they fill this many seconds.
TURN = 0.3


class Worker:
    """What a contestant can be asked for: each public method is a question."""

    def __init__(self, engine, network, gpu):
        self._start = engine, network, gpu
        self._gpu = gpu
        self._net = None
        self._cold = False

    def hello(self):
        """Load everything; versions, and the hardware that is seen."""
        engine, network, gpu = self._start
        module = importlib.import_module(f"benchmarks.{engine}_engine")
        from densenet_lib import hardware

        if gpu and not hardware.has_gpu():
            raise RuntimeError("no GPU")
        self._engine = module.Engine(network, gpu)
        return {
            "versions": _versions(self._engine.packages),
            "hardware": hardware.describe(),
        }

    def cost(self, net):
        """Parameters, multiply-adds and activations of a network."""
        from benchmarks import nets

        return nets.cost(net)

    def floor(self):
        """The rates of the machine, through this back end."""
        from benchmarks import floor

        return floor.measure(self._gpu)

    def prepare(self, net, batch):
        """Build ``net``, unless it is there, and load a batch of images."""
        from benchmarks import nets

        start = time.perf_counter()
        if net != self._net:
            self._net = None
            self._engine.build(nets.find(net))
            self._net = net
        self._engine.load(batch)
        return time.perf_counter() - start

    def first(self, measure):
        """Seconds of the first step, compilation included; then one more."""
        step = getattr(self._engine, measure)
        seconds = _timed(step)
        self._last = _timed(step)
        return seconds

    def turn(self, measure, keep):
        """Seconds of a step, when it is this contestant's turn.

        Args:
            measure: "train" or "infer".
            keep: bytes that the process may hold while others have theirs.
                What is beyond goes back to the system; a step that is not
                timed then asks for it again at the next turn.
        """
        step = getattr(self._engine, measure)
        if self._cold:
            self._last = _timed(step)
        repetitions = max(1, math.ceil(TURN / self._last))
        start = time.perf_counter()
        for _ in range(repetitions):
            step()
        self._last = (time.perf_counter() - start) / repetitions
        self._cold = not self._gpu and _shrink(keep)
        return self._last

    def warm_up(self, net):
        """Steps of one and of two images of ``net``.

        After them libraries are loaded and, on TensorFlow, the step is
        traced for batches of any size.
        """
        self.prepare(net, 1)
        for images in (1, 2):
            self.train(images, 1)

    def train(self, batch, steps):
        """Training steps that nobody times."""
        self._engine.feed(batch)
        for _ in range(steps):
            self._engine.train()

    def peak(self, net, batch, repetitions):
        """Bytes that a training step takes beyond what is there at rest.

        With oneDNN, TensorFlow keeps what it once has had. So the peak is
        that of the first step at the full size, and what two images take is
        at rest already; in proportion, it is put back. Other back ends give
        memory back, but compile for each size: there the first step does
        not count.

        Returns:
            List of bytes; where only the first step counts, of length one.
        """
        from benchmarks import meters

        self.warm_up(net)
        if self._engine.keeps_memory and not self._gpu:
            self._engine.feed(batch)
            held, turns = 2, 1
        else:
            self.train(batch, 1)
            held, turns = 0, repetitions
        return [
            meters.peak_of(self._engine.train, self._gpu)
            * batch
            / (batch - held)
            for _ in range(turns)
        ]

    def allow_more(self, bytes_more):
        """From now on, refuse memory beyond this much more than now."""
        from benchmarks import meters

        meters.trim()
        meters.allow_more(bytes_more)


def _shrink(keep):
    """Give memory back if there is more than ``keep``; whether it helped."""
    from benchmarks import meters

    try:
        before = meters.status("VmRSS")
    except OSError:
        return False
    if before > keep:
        meters.trim()
    return meters.status("VmRSS") < 0.8 * before


def _timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _versions(packages):
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # TensorFlow has several names
            found[package] = importlib.import_module(package).__version__
    return found


def answer(worker, question):
    """The answer to one question, as plain values."""
    name = question.pop("do")
    try:
        return {"value": getattr(worker, name)(**question)}
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {_reason(error)}"}


def _reason(error):
    """The last line of the message, short, without paths or colours.

    Keras puts what happened last, below where it happened.
    """
    text = re.sub(r"\x1b\[\d*m|/\S+/", "", str(error))
    lines = [
        line.strip()
        for line in text.split("Arguments received")[0].splitlines()
        if line.strip()
    ]
    return lines[-1][:150] if lines else "no reason given"


def main(engine, network, gpu):
    """Answer until there are no more questions."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(engine, network, gpu == "True")
    for line in sys.stdin:
        print(json.dumps(answer(worker, json.loads(line))), file=answers)
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
