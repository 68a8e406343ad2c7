"""Every figure of the book, one function each, in one style.

A figure function returns an :class:`Illustration`: the drawing and the words
that stand for it.
"""

from densenet_lib.figures.cards import explanation
from densenet_lib.figures.drawings import contact_sheet, part_masks
from densenet_lib.figures.heat import family, heat_inside, heatmaps, panels
from densenet_lib.figures.inside import (
    channel_sheet,
    effective_fields,
    probe_accuracy,
)
from densenet_lib.figures.maps import (
    by_stage,
    feature_grid,
    filters,
    maps_beside,
    patches,
    reuse_matrix,
    weight_against_effect,
)
from densenet_lib.figures.networks import (
    beside,
    bottleneck_cost,
    break_even,
    budget_parts,
    compression,
    falling_loss,
    families,
    pooled_noise,
    pooling_by_hand,
    spending,
)
from densenet_lib.figures.pieces import (
    block_diagram,
    by_layer,
    channel_growth,
    channel_ledger,
    consumer_view,
    growth_cost,
    moving_average,
    readout_pictures,
    receptive_fields,
    step_histograms,
)
from densenet_lib.figures.results import (
    along,
    calibration,
    confusion_matrix,
    repeated,
    roc,
    schedules,
    spectra,
    training_curves,
)
from densenet_lib.figures.speed import (
    kept_by_layer,
    memory_over_depth,
    race,
    threshold,
)
from densenet_lib.figures.study import accuracy_over, gaps
from densenet_lib.figures.style import CMAP, COLOURS, Illustration, subplots
from densenet_lib.figures.trust import (
    cascade,
    removal_curves,
    trust_table,
    verdicts,
)

__all__ = [
    "CMAP",
    "COLOURS",
    "Illustration",
    "accuracy_over",
    "along",
    "beside",
    "block_diagram",
    "bottleneck_cost",
    "break_even",
    "budget_parts",
    "by_layer",
    "by_stage",
    "calibration",
    "cascade",
    "channel_growth",
    "channel_ledger",
    "channel_sheet",
    "compression",
    "confusion_matrix",
    "consumer_view",
    "contact_sheet",
    "effective_fields",
    "explanation",
    "falling_loss",
    "families",
    "family",
    "feature_grid",
    "filters",
    "gaps",
    "growth_cost",
    "heat_inside",
    "heatmaps",
    "kept_by_layer",
    "maps_beside",
    "memory_over_depth",
    "moving_average",
    "panels",
    "part_masks",
    "patches",
    "pooled_noise",
    "pooling_by_hand",
    "probe_accuracy",
    "race",
    "readout_pictures",
    "receptive_fields",
    "removal_curves",
    "repeated",
    "reuse_matrix",
    "roc",
    "schedules",
    "spectra",
    "spending",
    "step_histograms",
    "subplots",
    "threshold",
    "training_curves",
    "trust_table",
    "verdicts",
    "weight_against_effect",
]
