"""densenet-lib: train, evaluate, predict, explain, export, data, runs."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from densenet_lib import (
    attribution,
    datasets,
    experiments,
    export,
    figures,
    metrics,
    runs,
)
from densenet_lib.datasets import cats_vs_dogs, split
from densenet_lib.errors import InputError, expect

# What asks a network without naming a run asks the one that has seen photos.
DEFAULT_RUN = "cpu/densenet"


def main(arguments=None):
    """Run the command line; returns the exit status.

    Wrong input prints one line on standard error and gives 2.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run_command(options)
    except InputError as error:
        print(f"densenet-lib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "densenet-lib: interrupted; the same command goes on from here.",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as head, has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def train(options):
    """Train an experiment, or go on with an interrupted one; record it."""
    experiment = experiments.get(options.experiment, options.scale)
    changes = {
        name: value
        for name in ("epochs", "seed")
        if (value := getattr(options, name)) is not None
    }
    expect(
        options.folder or not changes,
        "--folder",
        options.folder,
        "a folder, for a recipe other than the experiment's own",
        "Name one, so that the recorded run is kept.",
    )
    data = None
    if options.data:
        data = datasets.load(experiment.scale, source=options.data)
    run = runs.train(
        experiment.but(**changes), data=data, folder=options.folder
    )
    _print_metrics(run)


def evaluate(options):
    """Ask a run's weights about the test images and compare the answers."""
    run = runs.load(options.run)
    data = datasets.load(run.experiment.scale, source=options.data)
    faults = runs.verify(run, data)
    _print_metrics(run)
    _print_faults(options.run, faults)


def predict(options):
    """Say cat or dog of each photograph, one line each."""
    run = runs.load(options.run)
    images = _read_photos(options.photos, run)
    answers = _answers(run.model(), images)
    for photo, answer in zip(options.photos, answers, strict=True):
        print(f"{photo}: {answer}")


def explain(options):
    """Write the photograph and what speaks for each class (Grad-CAM)."""
    run = runs.load(options.run)
    images = _read_photos([options.photo], run)
    model = run.model()
    panels = {_answers(model, images)[0]: images[0]}
    for label, name in enumerate(datasets.CLASSES):
        maps = attribution.grad_cam(
            model, images, layer=options.layer, target=label
        )
        panels[f"for {name}"] = attribution.overlay(images[0], maps[0])
    figures.panels(panels).save(options.output)
    print(options.output)


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
    for name in options.names or runs.names():
        run = runs.load(name)
        if options.action == "verify":
            _print_faults(name, runs.verify(run))
        else:
            _print_metrics(run)


def _answers(model, images):
    """What the network says of each image: "cat (98.2%)"."""
    logits = model.predict(images, verbose=0)[:, 0]
    return [
        f"{datasets.CLASSES[int(dog > 0.5)]} ({max(dog, 1 - dog):.1%})"
        for dog in metrics.probabilities(logits)
    ]


def _read_photos(paths, run):
    return np.stack(
        [_read_photo(path, run.experiment.image_size) for path in paths]
    )


def _read_photo(path, size):
    try:
        return cats_vs_dogs.decode(Path(path).read_bytes(), size)
    except Exception as error:  # Pillow raises what its decoders raise
        raise InputError(
            "photograph",
            path,
            "an image file that Pillow can read, as JPEG or PNG",
            str(error).replace("\n", " "),
        ) from error


def _print_metrics(run):
    test = run.metrics["test"]
    low, high = test["interval"]
    print(
        f"{run.experiment.path}: {test['accuracy']:.2%} of {test['images']} "
        f"test images right (95 % interval {low:.2%} to {high:.2%}), "
        f"{run.record['seconds'] / 60:.1f} min"
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
            help=function.__doc__,
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

    added = command("evaluate", evaluate)
    added.add_argument("run", nargs="?", default=DEFAULT_RUN)
    added.add_argument("--data", help="zip or folder of the photographs")

    added = command("predict", predict)
    added.add_argument("photos", nargs="+", metavar="PHOTO")
    added.add_argument("--run", default=DEFAULT_RUN)

    added = command("explain", explain)
    added.add_argument("photo", metavar="PHOTO")
    added.add_argument("--run", default=DEFAULT_RUN)
    added.add_argument("--layer", help="instead of the last feature map")
    added.add_argument("--output", default="explanation.png")

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
