"""What membership-inference attacks get out of a deployed model."""
