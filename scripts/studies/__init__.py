"""Experiments on labelled images: measured once, kept as JSON, written up from that alone."""
