"""Surgery on ONNX models: find the logits, attach a head, check for leaks, make the test twin."""
