"""The models that the papers defend, and how they are trained."""
