"""Everything about the index: building it, describing it, asking it.

Importing this package imports neither torch nor a Qdrant library.
"""
