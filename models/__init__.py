"""Autoencoders: architectures, images in, training, checkpoints, encoding.

Knows nothing of Qdrant, Gradio, HTTP, or of where an index lives. Importing this package imports
neither torch nor torchvision, so that command-line help stays quick.
"""
