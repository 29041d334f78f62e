"""The commands of ``python -m indexer``, one module each: arguments, what is called, what is shown.

Heavy imports happen inside the function that runs.
"""
