"""What PyTorch computes for the widgets, a module for each file in tests/golden/."""
