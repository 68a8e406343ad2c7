"""Speed and memory, beside what else there is: ``make bench``.

A contestant is a way to compute a DenseNet: ours, plain Keras layers,
``keras.applications``, PyTorch. Each lives in a process of its own, since
back end and environment variables are chosen when a process starts. The
program that drives them (``python -m benchmarks``) imports no back end.

    __main__.py        arguments; which section is measured, and what is kept
    plan.py            which networks, at which sizes
    contestants.py     who takes part
    race.py            interleaved timing
    memory.py          peaks of memory, over batch and over depth
    report.py          statistics, the file, the table

and inside a contestant's process:

    worker.py          answers the driver's questions
    keras_engine.py    builds and runs what is Keras
    torch_engine.py    builds and runs what is PyTorch alone
    torch_densenet.py  the network in PyTorch's own layers
    remat.py           the network with Keras' own rematerialisation
    nets.py            the networks' configurations by name
    meters.py          memory of this process and of its device
    floor.py           what the machine can do at best
"""
