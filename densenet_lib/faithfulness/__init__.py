"""How far to believe a heatmap: measures, controls, and one table of all.

Heatmaps are arrays (N, height, width) at the size of the images, larger where
there is more evidence. Where maps must be computed anew, a *method* is a
function ``method(model, images, targets) -> maps``. Models map images to
logits, (N, classes) or (N, 1) for two classes.

- :mod:`location`: does the heat lie where the truth is?
- :mod:`removal`: does the output change with the pixels that are called
  important?
- :mod:`randomisation`: does the map change with what was learnt?
- :mod:`small_changes`: does it stay when the image hardly changes?
- :mod:`baselines`: maps that know nothing of the model.
- :mod:`overview`: all of it at once, with intervals.
- :mod:`cue`: networks that were led astray on purpose.
- :mod:`recorded`: what all that gave, kept as data, and how to redo it.
"""

from densenet_lib.faithfulness.baselines import (
    BASELINES,
    centred_blob,
    edge_filter,
    random_map,
)
from densenet_lib.faithfulness.cue import CueStudy, cue_study
from densenet_lib.faithfulness.imputation import imputed
from densenet_lib.faithfulness.location import (
    Located,
    energy_inside,
    exposes,
    pointing_game,
)
from densenet_lib.faithfulness.overview import (
    Record,
    Table,
    bootstrap,
    difference,
    named_methods,
    strongest_baseline,
    table,
    verdict,
)
from densenet_lib.faithfulness.randomisation import (
    Cascade,
    label_randomisation,
    layer_groups,
    parameter_randomisation,
    shuffled_labels,
)
from densenet_lib.faithfulness.removal import (
    BLANKS,
    Curves,
    Road,
    insertion_deletion,
    road,
)
from densenet_lib.faithfulness.similarity import spearman, ssim
from densenet_lib.faithfulness.small_changes import Stability, stability

__all__ = [
    "BASELINES",
    "BLANKS",
    "Cascade",
    "CueStudy",
    "Curves",
    "Located",
    "Record",
    "Road",
    "Stability",
    "Table",
    "bootstrap",
    "centred_blob",
    "cue_study",
    "difference",
    "edge_filter",
    "energy_inside",
    "exposes",
    "imputed",
    "insertion_deletion",
    "label_randomisation",
    "layer_groups",
    "named_methods",
    "parameter_randomisation",
    "pointing_game",
    "random_map",
    "road",
    "shuffled_labels",
    "spearman",
    "ssim",
    "stability",
    "strongest_baseline",
    "table",
    "verdict",
]
