"""densenet-lib: train a network, ask it, explain it, export it."""

import argparse
import glob
import os
import sys
from pathlib import Path

import numpy as np

from densenet_lib import (
    asked,
    datasets,
    experiments,
    export,
    runs,
    scales,
    study,
)
from densenet_lib.datasets import cats_vs_dogs, split
from densenet_lib.errors import InputError, expect, expect_choice
from densenet_lib.faithfulness import recorded as trust_tables
from densenet_lib.pretrained import PRETRAINED, Pretrained, card

# What asks a network without naming a run asks the one that has seen photos.
DEFAULT_RUN = PRETRAINED["cats-vs-dogs"]

# What is taken from a folder.
PHOTOGRAPHS = tuple(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())
AT_ONCE = 32  # photographs in memory
FIGURES = (".jpg", ".pdf", ".png", ".svg")


def main(arguments=None):
    """Run the command line; returns the exit status.

    Wrong input prints one line on standard error and gives 2. So does a file
    or folder that cannot be read or written.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run_command(options) or 0
    except InputError as error:
        _complain(error)
        return 2
    except KeyboardInterrupt:
        _complain("interrupted" + _afterwards(options))
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _complain(_reason(error))
        return 2
    return 0


def train(options):
    """Train an experiment, or go on with an interrupted one; record it."""
    experiment = experiments.get(options.experiment, options.scale)
    changes = {
        name: value
        for name in ("epochs", "seed")
        if (value := getattr(options, name)) is not None
    }
    drawn = scales.get(experiment.scale).dataset == "sketches"
    expect(
        options.folder or not (changes or (drawn and options.data)),
        "--folder",
        options.folder,
        "a folder, for a recipe or data other than the experiment's own",
        "Name one, so that the recorded run is kept.",
    )
    run = runs.train(
        experiment.but(**changes),
        data=experiment.data(options.data),
        folder=options.folder,
    )
    _print_metrics(run)


def train_study(options):
    """Train what is missing of the study, or show what is recorded of it."""
    if options.group:
        print(study.table(study.results(options.group)))
        return
    paths = study.missing()
    for number, path in enumerate(paths, start=1):
        print(f"{number} of {len(paths)}: {path}", file=sys.stderr)
        experiment = experiments.get(path)
        _print_metrics(
            runs.train(experiment, data=experiment.data(options.data))
        )


def measure_sizes(options):
    """Ask a run's network at several image sizes, mirrored too; record it."""
    found = asked.record(
        runs.load(options.run),
        source=options.data,
        sides=options.sides,
        zoom=options.zoom,
    )
    print(asked.table(found))


def measure_trust(options):
    """Measure how far heatmaps can be trusted, anew; record the tables."""
    # Photographs are not at hand everywhere: they are measured when asked for.
    usual = [name for name in trust_tables.MEASURED if name != "photographs"]
    for name in options.names or usual:
        print(trust_tables.record(name, source=options.data))


def evaluate(options):
    """Ask a run's weights about the test images and compare the answers."""
    run = runs.load(options.run)
    faults = runs.verify(run, run.experiment.data(options.data))
    _print_metrics(run)
    _print_faults(options.run, faults)


def predict(options):
    """Say cat or dog of each photograph, one line each.

    A folder stands for the photographs in it and in the folders below. The
    percentage is the network's own, not adjusted after training;
    "densenet-lib card" says how far it can be trusted. The answer is one of
    the two, whatever the photograph shows.
    """
    network = Pretrained(runs.load(options.run))
    found, complete = _usable(_photographs_at, options.photos)
    paths = [path for _, several in found for path in several]
    for start in range(0, len(paths), AT_ONCE):
        read, all_read = _usable(network.prepare, paths[start:][:AT_ONCE])
        complete = complete and all_read
        if read:
            names, images = zip(*read, strict=True)
            answers = network.answers(np.concatenate(images))
            for name, answer in zip(names, answers, strict=True):
                print(f"{name}: {answer}", flush=True)
    return 0 if complete else 2


def explain(options):
    """Write the photograph and what speaks for each class."""
    output = Path(options.output or f"{Path(options.photo).stem}-why.png")
    expect_choice("the suffix of --output", output.suffix, FIGURES)
    expect(
        output.parent.is_dir(),
        "the folder of --output",
        str(output.parent),
        "a folder that exists",
        "Make it first.",
    )
    network = Pretrained(runs.load(options.run))
    figure = network.explain(
        options.photo, method=options.method, layer=options.layer
    )
    print(figure.save(output))


def print_card(options):
    """Print the model card: what predict knows and where it fails."""
    print(card(), end="")


def export_run(options):
    """Write a run's network as SavedModel, ONNX or LiteRT and try it out."""
    run = runs.load(options.run)
    model = run.model()
    chosen = {"format": options.format}
    path = export.export(model, options.path, **chosen)
    # For numbers to agree, noise does as well as photographs.
    shape = (4, *model.input_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    worst = export.verify(path, model, images, **chosen)
    print(
        f"{path}: {export.size(path) / 1e6:.2f} MB; its logits are within "
        f"{worst:.0e} of the network's"
    )


def photographs(options):
    """Find, download, verify or count the photographs."""
    if options.action == "find":
        print(cats_vs_dogs.find(options.source) or "no photographs here")
    elif options.action == "download":
        print(cats_vs_dogs.download(options.source, origin=options.origin))
    elif options.action == "verify":
        report = cats_vs_dogs.verify(options.source)
        parts, _ = split.read()
        print(f"{len(report.names)} photographs of {report.source} decoded")
        print("\n".join(report.notes(parts)) or "none missing or unreadable")
    else:
        print(datasets.load("cpu", source=options.source).summary())


def recorded(options):
    """List the recorded runs, or check that their files agree."""

    def show(name):
        run = runs.load(name)
        if options.action == "verify":
            _print_faults(name, runs.verify(run))
        else:
            _print_metrics(run)

    _, complete = _usable(show, options.names or runs.names())
    return 0 if complete else 2


def _usable(function, values):
    """The values that can be used, and what ``function`` gives for them.

    Of each other one, standard error gets a line.

    Returns:
        A list of (value, result), and True if none was left out.
    """
    results = []
    for value in values:
        try:
            results.append((value, function(value)))
        except InputError as error:
            _complain(error)
    return results, len(results) == len(values)


def _photographs_at(place):
    """The paths that a word of the command line stands for."""
    path = Path(place)
    if path.is_dir():
        found = sorted(
            str(file)
            for file in path.rglob("*")
            if file.suffix.lower() in PHOTOGRAPHS
            and not file.name.startswith(".")
        )
        what = "a folder with photographs in it"
    elif glob.has_magic(place) and not path.exists():
        # A shell that leaves patterns alone, or a pattern in quotes.
        matches = sorted(glob.glob(place, recursive=True))
        found = [file for match in matches for file in _photographs_at(match)]
        what = "a pattern that matches photographs"
    else:
        return [place]
    expect(
        found,
        "PHOTO",
        place,
        what,
        f"Photographs in folders end in {', '.join(PHOTOGRAPHS)}.",
    )
    return found


def _afterwards(options):
    """What becomes of an interrupted command that keeps what it has done."""
    trains = options.run_command in (train, train_study)
    if trains or getattr(options, "action", None) == "download":
        return "; the same command goes on from here."
    return "."


def _complain(error):
    print(f"densenet-lib: {error}", file=sys.stderr)


def _reason(error):
    """What the system says of a file, on one line and without a number."""
    if error.filename is None or error.strerror is None:
        return " ".join(str(error).split())
    return f"{error.filename}: {error.strerror}"


def _print_metrics(run):
    test = run.metrics["test"]
    low, high = test["interval"]
    print(
        f"{run.experiment.path}: {test['accuracy']:.2%} of {test['images']} "
        f"test images right (95 % interval {low:.2%} to {high:.2%}), "
        f"{run.seconds / 60:.1f} min"
    )


def _print_faults(name, faults):
    if faults:
        raise InputError(
            "run", name, "agreement of its files", "; ".join(faults)
        )
    print(f"{name}: agrees")


def _parser():
    parser = argparse.ArgumentParser(
        prog="densenet-lib",
        description="DenseNet by hand: train, ask and explain a network.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function):
        added = commands.add_parser(
            name,
            help=function.__doc__.partition("\n")[0],
            description=function.__doc__,
        )
        added.set_defaults(run_command=function)
        return added

    added = command("train", train)
    added.add_argument("experiment", help='such as "densenet"')
    added.add_argument("--scale", help="sketch, cpu or gpu")
    added.add_argument("--data", help="zip or folder of the photographs")
    added.add_argument("--epochs", type=int, help="instead of the recipe's")
    added.add_argument("--seed", type=int, help="instead of the recipe's")
    added.add_argument("--folder", help="of the run that is recorded")

    added = command("study", train_study)
    added.add_argument(
        "group",
        nargs="?",
        help=f"show this one: {', '.join(study.GROUPS)}",
    )
    added.add_argument("--data", help="zip or folder of the photographs")

    added = command("sizes", measure_sizes)
    added.add_argument("run", nargs="?", default=DEFAULT_RUN)
    added.add_argument("--data", help="zip or folder of the photographs")
    added.add_argument(
        "--sides", type=int, nargs="+", help="in pixels; else several"
    )
    added.add_argument(
        "--zoom", type=float, help="share of the side to ask about, too"
    )

    added = command("trust", measure_trust)
    added.add_argument(
        "names",
        nargs="*",
        metavar="TABLE",
        help=f"of {', '.join(trust_tables.MEASURED)}; "
        "without one, all but the last",
    )
    added.add_argument("--data", help="zip or folder of the photographs")

    added = command("evaluate", evaluate)
    added.add_argument("run", nargs="?", default=DEFAULT_RUN)
    added.add_argument("--data", help="zip or folder of the photographs")

    added = command("predict", predict)
    added.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="a file, a folder, or a pattern such as 'photos/*.jpg'",
    )
    added.add_argument(
        "--run", default=DEFAULT_RUN, help="instead of %(default)s"
    )

    added = command("explain", explain)
    added.add_argument("photo", metavar="PHOTO")
    added.add_argument(
        "--run", default=DEFAULT_RUN, help="instead of %(default)s"
    )
    added.add_argument(
        "--method",
        default="grad-cam",
        help="instead of %(default)s, as in densenet_lib.attribution.METHODS",
    )
    added.add_argument("--layer", help="instead of the last feature map")
    added.add_argument("--output", help="instead of PHOTO-why.png, here")

    command("card", print_card)

    added = command("export", export_run)
    added.add_argument("run")
    added.add_argument("path", help="a folder, or a .onnx or .tflite file")
    added.add_argument("--format", choices=export.FORMATS)

    added = command("data", photographs)
    actions = ("find", "download", "verify", "summary")
    added.add_argument("action", choices=actions)
    added.add_argument(
        "source", nargs="?", help="zip or folder; where a download goes"
    )
    added.add_argument(
        "--origin",
        choices=("microsoft", "kaggle"),
        default="microsoft",
        help="of a download; Kaggle's needs its client and credentials",
    )

    added = command("runs", recorded)
    added.add_argument("action", choices=("list", "verify"))
    added.add_argument("names", nargs="*", metavar="RUN")
    return parser


if __name__ == "__main__":
    sys.exit(main())
