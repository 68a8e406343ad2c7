"""Contestants as processes, and a race in which they take turns.

A machine that others use, or that grows warm, is not the same from one
minute to the next. So nobody is timed alone: in every round each contestant
has one turn while the others wait, and what is compared are the times of one
round.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Before a turn: the threads of the one before may still look for work.
PAUSE = 0.25
# Seconds after which no answer is expected any more; a first step compiles.
PATIENCE = 300
LEAST_ROUNDS = 3


class Refusal(Exception):
    """A contestant cannot: ``why`` is {"missing": …} or {"failed": …}."""

    def __init__(self, why):
        super().__init__(" ".join(map(str, next(iter(why.items())))))
        self.why = why


class Process:
    """A contestant's process, to be asked. Ends with its context."""

    def __init__(self, contestant):
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [
                contestant.interpreter(),
                "-m",
                "benchmarks.worker",
                contestant.engine,
                contestant.network,
                str(contestant.gpu),
            ],
            cwd=ROOT,
            env=contestant.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # an interrupt is for the driver alone
        )

    def ask(self, question, *, patience=PATIENCE, **arguments):
        """The answer of ``Worker.question(**arguments)``.

        Raises:
            Refusal: a missing package, a failure, or no answer in time.
        """
        self.send(question, **arguments)
        return self.receive(patience)

    def send(self, question, **arguments):
        """Ask without waiting for the answer."""
        try:
            line = json.dumps({"do": question, **arguments})
            print(line, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass  # receive() will find out

    def receive(self, patience=PATIENCE):
        """The answer to what was sent; see :meth:`ask`."""
        late = threading.Timer(patience, self._process.kill)
        late.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timed_out = not late.is_alive()
            late.cancel()
        if not line:
            status = self._process.wait()
            raise Refusal(
                {
                    "failed": f"no answer within {patience} s"
                    if timed_out
                    else f"ended with status {status}"
                }
            )
        answer = json.loads(line)
        if "value" not in answer:
            raise Refusal(answer)
        return answer["value"]

    def close(self):
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (
            self._process.stdin,
            self._process.stdout,
            self._errors,
        ):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Field:
    """All contestants' processes, kept from case to case.

    One that has failed gets a new process when it is next needed.
    """

    def __init__(self, contestants):
        self._contestants = {each.name: each for each in contestants}
        self._processes = {}

    def greet(self):
        """What each says to "hello", or why it cannot: {name: answer}."""
        for name in self._contestants:
            self._start(name).send("hello")
        answers = {}
        for name in self._contestants:
            try:
                answers[name] = self._processes[name].receive()
            except Refusal as refusal:
                answers[name] = refusal.why
        return answers

    def ask(self, name, question, **arguments):
        """Ask one contestant; one that refuses loses its process."""
        if name not in self._processes:
            self._start(name).ask("hello")
        try:
            return self._processes[name].ask(question, **arguments)
        except Refusal:
            self._processes.pop(name).close()
            raise

    def _start(self, name):
        self._processes[name] = Process(self._contestants[name])
        return self._processes[name]

    def close(self, keep=()):
        """End all processes but those of the contestants in ``keep``."""
        for name in set(self._processes) - set(keep):
            self._processes.pop(name).close()


def race(field, names, measure, case, *, rounds, keep):
    """Time one measure of one case, in turns.

    Args:
        field: the :class:`Field`.
        names: of the contestants that take part.
        measure: "train" or "infer".
        case: a :class:`benchmarks.plan.Case`.
        rounds: at most so many; see ``Case.seconds``.
        keep: bytes that a waiting process may hold.

    Returns:
        {name: row}; a row has "build" and "first" in seconds and "seconds",
        one a round, or says what is "missing" or how it "failed".
    """
    what = f"{case.net}, batch {case.batch}, {measure}"
    rows = {}
    for name in names:
        say(f"{what}: first step of {name}")
        rows[name] = _try(_first, field, name, measure, case)
    start = time.monotonic()
    for done in range(rounds):
        late = time.monotonic() - start > case.seconds
        if late and done >= LEAST_ROUNDS:
            break
        say(f"{what}: round {done + 1} of {rounds}")
        _round(field, _rotated(names, done), measure, keep, rows)
    return rows


def _first(field, name, measure, case):
    build = field.ask(name, "prepare", net=case.net, batch=case.batch)
    first = field.ask(name, "first", measure=measure)
    return {"build": build, "first": first, "seconds": []}


def _round(field, names, measure, keep, rows):
    for name in names:
        if "seconds" not in rows[name]:
            continue
        time.sleep(PAUSE)
        turn = _try(field.ask, name, "turn", measure=measure, keep=keep)
        if isinstance(turn, dict):
            rows[name] = turn
        else:
            rows[name]["seconds"].append(turn)


def _rotated(names, by):
    """Nobody always follows the same one."""
    by %= max(1, len(names))
    return names[by:] + names[:by]


def _try(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Refusal as refusal:
        say(f"  {refusal}")
        return refusal.why


def say(text):
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
