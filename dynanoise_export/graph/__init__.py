"""Surgery on ONNX models: find the logits, attach a defence, check for leaks, make the test twin."""
