"""The optimisers of the recipes: the paper's, and one that is new since."""

import math

import keras
from keras import ops

# Of the polynomial that :func:`orthogonalised` iterates. They lift a small
# singular value by 3.4445 a round, and leave those that have arrived
# somewhere near 1, not at it. Source: Jordan et al. 2024, "Muon".
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
_TINY = 1e-7


@keras.saving.register_keras_serializable("densenet_lib")
class CoupledSGD(keras.optimizers.SGD):
    """Stochastic gradient descent with Torch's weight decay.

    Keras' own ``weight_decay`` shrinks the weights beside the gradient step.
    Torch, and so the paper, adds ``coupled_decay * w`` to the gradient, where
    momentum takes it up; and it does so for every variable, batch
    normalisation's scale and shift included.
    """

    def __init__(self, *arguments, coupled_decay=0.0, **options):
        super().__init__(*arguments, **options)
        self.coupled_decay = coupled_decay

    def update_step(self, gradient, variable, learning_rate):
        """One step of one variable, its decay added to the gradient."""
        decay = ops.cast(self.coupled_decay, variable.dtype)
        gradient = gradient + decay * ops.convert_to_tensor(variable)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        """What Keras needs to make this optimiser again."""
        return super().get_config() | {"coupled_decay": self.coupled_decay}


@keras.saving.register_keras_serializable("densenet_lib")
class Muon(CoupledSGD):
    """Muon for the kernels of convolutions, :class:`CoupledSGD` for the rest.

    A kernel is a matrix: a row for each number that one output is made of, a
    column for each output. Its momentum is a sum of gradients, in which a
    few directions are far larger than all others. Muon steps equally far in
    all of them: along the nearest matrix with orthonormal columns, or with
    orthonormal rows, if it has fewer of these.

    A kernel that a normalisation follows works the same at any length; only
    its direction counts. So each is kept at the length of a matrix with
    orthonormal columns, instead of being decayed, and the rate says by which
    share of its length a step turns it. A kernel with fewer rows than columns
    has fewer directions to step in, and is turned by less: by
    sqrt(rows / columns) of the rate. Such is the 1x1 convolution that makes
    96 channels of 48: 0.71 of it.

    Args:
        arguments, options: those of :class:`CoupledSGD`.
        kernel_share: the kernels' rate, as a multiple of ``learning_rate``.

    Source: K. Jordan et al. 2024, "Muon: An optimizer for hidden layers in
    neural networks"; that the length is kept, from the same author's
    training of CIFAR-10 with it. (``keras.optimizers.Muon`` takes matrices
    only, and trains the kernels of convolutions with AdamW.)
    """

    def __init__(self, *arguments, kernel_share=1.0, **options):
        super().__init__(*arguments, **options)
        self.kernel_share = kernel_share

    def update_step(self, gradient, variable, learning_rate):
        """One step of one variable: Muon's, if it is a kernel."""
        if len(variable.shape) != 4:
            super().update_step(gradient, variable, learning_rate)
            return
        past = self.momentums[self._get_variable_index(variable)]
        keep = ops.cast(self.momentum, variable.dtype)
        kept = keep * ops.convert_to_tensor(past) + gradient
        self.assign(past, kept)
        if self.nesterov:
            kept = keep * kept + gradient
        outputs = variable.shape[-1]
        step = orthogonalised(ops.reshape(kept, (-1, outputs)))
        rate = ops.cast(learning_rate * self.kernel_share, variable.dtype)
        kernel = ops.convert_to_tensor(variable)
        kernel = kernel * (math.sqrt(outputs) / _length(kernel))
        self.assign(variable, kernel - rate * ops.reshape(step, kernel.shape))

    def get_config(self):
        """What Keras needs to make this optimiser again."""
        return super().get_config() | {"kernel_share": self.kernel_share}


def orthogonalised(matrix):
    """About the nearest matrix with orthonormal columns, or rows.

    The singular vectors stay, the singular values go to between 0.7 and 1.2,
    if they are not below about a hundredth of the matrix's length; a step
    does not ask for more.

    Args:
        matrix: a tensor (rows, columns).

    Returns:
        A tensor (rows, columns).

    Source: the iteration of Newton and Schulz, with the coefficients of
    Jordan et al. 2024.
    """
    wide = matrix.shape[0] < matrix.shape[1]
    x = ops.transpose(matrix) if wide else matrix
    x = x / _length(x)
    first, third, fifth = NEWTON_SCHULZ
    for _ in range(ROUNDS):
        # Each backend's own products: where no graph is compiled, what Keras
        # does around one takes longer than a small one.
        square = ops.transpose(x) @ x
        cubic = third * square + fifth * (square @ square)
        x = first * x + x @ cubic
    return ops.transpose(x) if wide else x


def _length(tensor):
    """The root of the sum of squares, never zero."""
    return ops.sqrt(ops.sum(ops.square(tensor))) + _TINY
