"""The parts of scripts/fault_drill.py: images that change, syncs that are killed, a reader."""
