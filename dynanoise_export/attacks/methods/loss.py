"""Loss: it is smaller on rows that a model was trained on."""

from dynanoise_export.attacks.methods.attack import Attack

LOSS = Attack("loss", "loss", "Yeom et al. 2018", lambda evidence: evidence.signals.label)
