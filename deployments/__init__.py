"""What is deployed: declarations, settings, the embedded local stack and the example project."""
