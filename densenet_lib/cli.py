"""densenet-lib: train a network, ask it, explain it, export it."""

import argparse
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

import densenet_lib
from densenet_lib import (
    asked,
    datasets,
    experiments,
    export,
    photo_files,
    runs,
    scales,
    study,
)
from densenet_lib.datasets import cats_vs_dogs, split
from densenet_lib.errors import InputError, expect, expect_choice
from densenet_lib.faithfulness import recorded as trust_tables
from densenet_lib.pretrained import PRETRAINED, Pretrained, card, pretrained

# What asks a network without naming a run asks the one that has seen photos.
DEFAULT = "cats-vs-dogs"
DEFAULT_RUN = PRETRAINED[DEFAULT]

AT_ONCE = 32  # photographs in memory
FIGURES = (".jpg", ".pdf", ".png", ".svg")


def main(arguments=None):
    """Run the command line; returns the exit status.

    Wrong input prints one line on standard error and gives 2. So does a file
    or folder that cannot be read or written.
    """
    _print_any_name()
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        # Pillow's, of half as many pixels as it refuses.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return _status(options)


def _status(options):
    """Run the command; returns the exit status."""
    try:
        return options.run_command(options) or 0
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # a line of progress may be open
        _complain("interrupted" + _afterwards(options))
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (InputError, OSError) as error:
        _complain(error)
        return 2
    return 0


def train(options):
    """Train an experiment, or go on with an interrupted one; record it."""
    experiment = _experiment(options)
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
    if options.with_sources:
        for before in runs.missing(experiment):
            print(f"first {before.path}", file=sys.stderr)
            _print_metrics(runs.train(before, data=before.data(options.data)))
    run = runs.train(
        experiment.but(**changes),
        data=experiment.data(options.data),
        folder=options.folder,
    )
    _print_metrics(run)


def _experiment(options):
    """The experiment to train, if the options agree with it."""
    experiment = experiments.get(options.experiment, options.scale)
    expect(
        options.scale in (None, experiment.scale),
        "--scale",
        options.scale,
        f"{experiment.scale!r}, as {options.experiment!r} has it",
        "Name the scale once.",
    )
    warmup, epochs = experiment.recipe.warmup_epochs, options.epochs
    expect(
        epochs is None or epochs < 1 or epochs > warmup,
        "--epochs",
        epochs,
        f"more than {warmup:g}, the epochs in which this recipe's rate rises",
        f"Give at least {int(warmup) + 1}.",
    )
    return experiment


def train_study(options):
    """Train what is missing of the study, or show what is recorded of it."""
    if options.group is not None:
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
        _run(options.run),
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
    run = _run(options.run)
    # Before all photographs are decoded.
    run.expect_weights()
    faults = runs.verify(run, run.experiment.data(options.data))
    _print_metrics(run)
    _print_faults(options.run, faults)


def predict(options):
    """Say cat or dog of each photograph, one line each.

    A folder stands for the photographs in it and in the folders below, but
    for hidden ones. The percentage is the network's own, not adjusted after
    training; "densenet-lib card" says how far it can be trusted. The answer
    is one of the two, whatever the photograph shows.
    """
    network = _network(options.run)
    unread = []

    def files(word):
        return photo_files.find(word, unread.append)

    found, complete = _usable(files, options.photos)
    for error in unread:
        _complain(error)
    complete = complete and not unread
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
    output = output.expanduser()
    expect_choice("the suffix of --output", output.suffix.lower(), FIGURES)
    _expect_another(options.photo, output)
    expect(
        output.parent.is_dir(),
        "the folder of --output",
        str(output.parent),
        "a folder that exists",
        "Make it first.",
    )
    figure = _network(options.run).explain(
        options.photo, method=options.method, layer=options.layer
    )
    print(figure.save(output))


def _expect_another(photo, output):
    """Refuse to write a figure over the photograph that it explains."""
    photo = Path(photo).expanduser()
    both = os.path.exists(photo) and os.path.exists(output)
    expect(
        not (both and os.path.samefile(photo, output)),
        "--output",
        str(output),
        "another file than the photograph",
        "Give it a name of its own, so that the photograph is kept.",
    )


def _network(name):
    """A run's network, ready for photographs."""
    return Pretrained(_run(name))


def _run(name):
    """A recorded run; the usual one, wherever DENSENET_RUNS points to."""
    return pretrained(DEFAULT).run if name == DEFAULT_RUN else runs.load(name)


def print_card(options):
    """Print the model card: what predict knows and where it fails."""
    print(card(), end="")


def export_run(options):
    """Write a run's network as SavedModel, ONNX or LiteRT and try it out."""
    run = _run(options.run)
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
        print(_found(options.source))
    elif options.action == "download":
        print(cats_vs_dogs.download(options.source, origin=options.origin))
    elif options.action == "verify":
        report = cats_vs_dogs.verify(options.source)
        parts, _ = split.read()
        print(f"{len(report.names)} photographs of {report.source} decoded")
        print("\n".join(report.notes(parts)) or "none missing or unreadable")
    else:
        print(datasets.load("cpu", source=options.source).summary())


def _found(source):
    """Where the photographs are."""
    place = cats_vs_dogs.find(source)
    expect(
        place,
        "the place of the photographs",
        place,
        "a zip or folder with Cats-vs-Dogs",
        "Set DENSENET_DATA to one, or get them: densenet-lib data download.",
    )
    return place


def recorded(options):
    """List the recorded runs, or check that their files agree.

    Of a run whose weights are at hand, the list says so: predict, explain,
    evaluate and export can ask it.
    """

    def show(name):
        run = runs.load(name)
        if options.action == "verify":
            _print_faults(name, runs.verify(run))
        else:
            _print_metrics(run, weights=run.has_weights)

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
        except BrokenPipeError:
            raise
        except (InputError, OSError) as error:
            _complain(error)
    return results, len(results) == len(values)


def _afterwards(options):
    """What becomes of an interrupted command that keeps what it has done."""
    trains = options.run_command in (train, train_study)
    if trains or getattr(options, "action", None) == "download":
        return "; the same command goes on from here."
    return "."


def _complain(error):
    text = _reason(error) if isinstance(error, OSError) else error
    print(f"densenet-lib: {text}", file=sys.stderr)


def _reason(error):
    """What the system says of a file, on one line and without a number."""
    if error.filename is None or error.strerror is None:
        return " ".join(str(error).split())
    return f"{error.filename}: {error.strerror}"


def _warn(message, *_, **__):
    """A warning on one line, without the place in the code."""
    _complain(f"warning: {' '.join(str(message).split())}")


def _print_any_name():
    """Let standard output print what its encoding lacks, as ``\\u…``.

    Names of files may hold anything. In Python's way for the locale "C", they
    come out as they are.
    """
    if getattr(sys.stdout, "errors", None) == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _print_metrics(run, *, weights=False):
    test = run.metrics["test"]
    low, high = test["interval"]
    print(
        f"{run.experiment.path}: {test['accuracy']:.2%} of {test['images']} "
        f"test images right (95 % interval {low:.2%} to {high:.2%}), "
        f"{run.seconds / 60:.1f} min" + ", weights at hand" * weights
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
    version = f"%(prog)s {densenet_lib.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (function, add_options) in COMMANDS.items():
        added = commands.add_parser(
            name,
            help=function.__doc__.partition("\n")[0],
            description=function.__doc__,
        )
        added.set_defaults(run_command=function)
        add_options(added)
    return parser


def _train_options(command):
    command.add_argument("experiment", help='such as "densenet"')
    command.add_argument("--scale", help="sketch, cpu or gpu")
    _data_option(command)
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--seed", type=int, help="instead of the recipe's")
    command.add_argument("--folder", help="of the run that is recorded")
    command.add_argument(
        "--with-sources",
        action="store_true",
        help="train first what it starts from, where weights are not at hand",
    )


def _study_options(command):
    groups = ", ".join(study.GROUPS)
    command.add_argument("group", nargs="?", help=f"show this one: {groups}")
    _data_option(command)


def _sizes_options(command):
    _evaluate_options(command)
    command.add_argument(
        "--sides", type=int, nargs="+", help="in pixels; else several"
    )
    command.add_argument(
        "--zoom", type=float, help="share of the side to ask about, too"
    )


def _trust_options(command):
    command.add_argument(
        "names",
        nargs="*",
        metavar="TABLE",
        help=f"of {', '.join(trust_tables.MEASURED)}; "
        "without one, all but the last",
    )
    _data_option(command)


def _evaluate_options(command):
    command.add_argument("run", nargs="?", default=DEFAULT_RUN, help=RUN)
    _data_option(command)


def _predict_options(command):
    command.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="a file, a folder, or a pattern such as 'photos/*.jpg'",
    )
    _run_option(command)


def _explain_options(command):
    command.add_argument("photo", metavar="PHOTO")
    _run_option(command)
    command.add_argument(
        "--method",
        default="grad-cam",
        help="instead of %(default)s, as in densenet_lib.attribution.METHODS",
    )
    command.add_argument("--layer", help="instead of the last feature map")
    command.add_argument("--output", help="instead of PHOTO-why.png, here")


def _export_options(command):
    command.add_argument("run", help=RUN)
    command.add_argument("path", help="a folder, or a .onnx or .tflite file")
    command.add_argument("--format", choices=export.FORMATS)


def _data_options(command):
    actions = ("find", "download", "verify", "summary")
    command.add_argument("action", choices=actions)
    command.add_argument(
        "source", nargs="?", help="zip or folder; where a download goes"
    )
    command.add_argument(
        "--origin",
        choices=("microsoft", "kaggle"),
        default="microsoft",
        help="of a download; Kaggle's needs its client and credentials",
    )


def _runs_options(command):
    command.add_argument("action", choices=("list", "verify"))
    command.add_argument("names", nargs="*", metavar="RUN", help=RUN)


def _no_options(command):
    pass


def _data_option(command):
    command.add_argument("--data", help="zip or folder of the photographs")


def _run_option(command):
    command.add_argument(
        "--run", default=DEFAULT_RUN, help=f"{RUN}; instead of %(default)s"
    )


RUN = 'as "runs list" has it, or its folder'

# {name: (what it does, what adds its options)}, in the order of --help.
COMMANDS = {
    "train": (train, _train_options),
    "study": (train_study, _study_options),
    "sizes": (measure_sizes, _sizes_options),
    "trust": (measure_trust, _trust_options),
    "evaluate": (evaluate, _evaluate_options),
    "predict": (predict, _predict_options),
    "explain": (explain, _explain_options),
    "card": (print_card, _no_options),
    "export": (export_run, _export_options),
    "data": (photographs, _data_options),
    "runs": (recorded, _runs_options),
}


if __name__ == "__main__":
    sys.exit(main())
